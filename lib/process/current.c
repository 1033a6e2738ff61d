/*
 * current.c - the process's arena: made, published, entered, left and ended
 *
 * SPDX-License-Identifier: ISC
 */
#include "process/current.h"

#include "arena/cached.h"
#include "os/os.h"
#include "os/signals.h"
#include "process/left_behind.h"
#include "process/nodump.h"
#include "report/fatal.h"
#include "report/messages.h"

#include <errno.h>
#include <signal.h>

struct smi_current smi_current = {
	.init_lock = PTHREAD_MUTEX_INITIALIZER,
};

_Atomic unsigned smi_current_number;

_Thread_local struct smi_thread smi_current_thread SMI_TLS_MODEL = {
	.arena = SMI_NO_CACHE,
};

static const char dying_words[] =
	"the arena is damaged and the process is about to abort";

/* ---- Calls that interrupt others ---------------------------------------- */

/* Abort. The arena is sound for other threads, which may go on using it. */
static _Noreturn void die_in_call(const char *call)
{
	const struct smi_arena *arena = smi_current_peek();

	smi_current_thread.arena = SMI_NO_CACHE;
	smi_fatal_die(arena != NULL ? arena->on_fault : NULL,
	              "%s: called while another call of the same thread is not "
	              "finished: a signal handler must not call the library",
	              call);
}

/*
 * Prepare the thread for a message and mark it, so that end_thread() runs at
 * its end. The libc may allocate for that, and malloc() may be a replacement
 * that calls this library. So no lock is held here, and what is called
 * meanwhile goes without a cache and a message.
 */
static void prepare_thread(void)
{
	struct smi_thread *thread = &smi_current_thread;

	if (thread->preparing || thread->ended)
		return;
	thread->preparing = true;
	smi_messages_prepare();
	if (!thread->marked && atomic_load(&smi_current.ends_threads)) {
		int code = errno;

		thread->marked = smi_os_mark_thread(thread) == 0;
		errno = code;
	}
	thread->preparing = false;
}

/* The beginning and the end of a call that takes a lock. */
static void begin_call(const char *call)
{
	if (smi_current_is_inside())
		die_in_call(call);
	if (smi_current_cache() == NULL)
		prepare_thread();
	smi_current_thread.in_call = true;
}

void smi_current_end(void)
{
	smi_current_thread.in_call = false;
}

/* ---- Threads ------------------------------------------------------------ */

/*
 * Give the thread a cache, once per arena. A thread gets none if it could not
 * be marked, because nothing would then take the cache back at its end; nor
 * after end_thread(), when other destructors of thread-specific data run.
 */
static void attach_thread(struct smi_arena *arena)
{
	struct smi_thread *thread = &smi_current_thread;

	if (!thread->marked || thread->ended)
		return;
	thread->cache = smi_cached_attach(arena);
	/* A signal handler must not find the cache of an earlier arena. */
	atomic_signal_fence(memory_order_seq_cst);
	thread->arena = thread->cache != NULL ? atomic_load(&smi_current_number)
	                                      : SMI_NO_CACHE;
}

static const char thread_exit[] = "thread exit";

/* The init lock keeps the arena from being destroyed meanwhile. */
static void end_thread(void *mark)
{
	struct smi_tcache *cache;

	(void)mark;
	begin_call(thread_exit);
	smi_current_thread.ended = true;
	pthread_mutex_lock(&smi_current.init_lock);
	cache = smi_current_cache();
	smi_current_thread.arena = SMI_NO_CACHE;
	if (cache != NULL) {
		struct smi_arena *arena = atomic_load(&smi_current.arena);

		pthread_mutex_lock(&arena->lock);
		arena->call = thread_exit;
		smi_cached_detach(arena, cache);
		smi_arena_runs_low(arena, false);
		pthread_mutex_unlock(&arena->lock);
	}
	pthread_mutex_unlock(&smi_current.init_lock);
	smi_current_end();
}

bool smi_current_end_threads(void)
{
	if (!atomic_load(&smi_current.ends_threads)
	    && smi_os_at_thread_end(end_thread) == 0)
		atomic_store(&smi_current.ends_threads, true);
	return atomic_load(&smi_current.ends_threads);
}

void smi_current_forget_threads(void)
{
	if (atomic_exchange(&smi_current.ends_threads, false))
		smi_os_forget_thread_end();
}

/* ---- Making and ending -------------------------------------------------- */

/* A child inherits that its parent was made undumpable. */
int smi_current_make(const struct smi_arena_plan *plan, bool no_dump)
{
	struct smi_current *current = &smi_current;
	struct smi_arena *arena = smi_lifecycle_create(plan);

	if (arena == NULL)
		return -1;
	if (no_dump && smi_nodump_apply() != 0) {
		int code = errno;

		smi_lifecycle_destroy(arena);
		errno = code;
		return -1;
	}
	current->reservation = arena->pools.reservation;
	current->reservation_bytes = arena->pools.mapped_bytes;
	current->plan = *plan;
	/* A child's arena is to have the same backing, not to choose again. */
	current->plan.secret = arena->pools.secret;
	current->plan.secret_is_wish = false;
	current->strays =
		(arena->pools.advice_missing & SECMALLOC_ADVICE_DONTFORK) != 0;
	current->lost_code = 0;
	atomic_store(&current->arena, arena);
	/* The numbers may wrap around. */
	if (++current->last_number == SMI_NO_CACHE)
		current->last_number = SMI_NO_ARENA + 1;
	atomic_store(&smi_current_number, current->last_number);
	return 0;
}

int smi_current_init(const struct smi_arena_plan *plan)
{
	int result;

	if (smi_fatal_is_dying())
		return smi_last_error_set(EALREADY, "%s: %s", plan->call,
		                          dying_words);
	begin_call(plan->call);
	pthread_mutex_lock(&smi_current.init_lock);
	if (atomic_load(&smi_current.arena) != NULL)
		result = smi_last_error_set(EALREADY,
		                            "%s: an arena already exists, and "
		                            "was left unchanged",
		                            plan->call);
	else
		result = smi_current_make(plan, plan->no_dump);
	pthread_mutex_unlock(&smi_current.init_lock);
	smi_current_end();
	return result;
}

/* No signal handler runs between the first step and the last. If it forked, the
 * child would have the rest of an arena that it knows nothing of. */
void smi_current_fini(void)
{
	struct smi_arena *arena;
	sigset_t before;

	if (smi_fatal_is_dying())
		return;
	begin_call("secmalloc_fini");
	smi_signals_block(&before);
	pthread_mutex_lock(&smi_current.init_lock);
	atomic_store(&smi_current_number, SMI_NO_ARENA);
	arena = atomic_exchange(&smi_current.arena, NULL);
	if (arena != NULL)
		smi_lifecycle_destroy(arena);
	pthread_mutex_unlock(&smi_current.init_lock);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	smi_current_end();
}

/* ---- Entering ----------------------------------------------------------- */

struct smi_arena *smi_current_enter_quietly(const char *call)
{
	struct smi_thread *thread = &smi_current_thread;
	struct smi_arena *arena;

	if (smi_fatal_is_dying())
		return NULL;
	begin_call(call);
	arena = atomic_load_explicit(&smi_current.arena, memory_order_acquire);
	if (arena == NULL) {
		smi_current_end();
		return NULL;
	}
	if (!thread->holds)
		pthread_mutex_lock(&arena->lock);
	arena->call = call;
	if (!smi_current_has_cache())
		attach_thread(arena);
	if (smi_current_has_cache())
		smi_tcache_hold(thread->cache);
	return arena;
}

static const char *why_closed(void)
{
	if (smi_fatal_is_dying())
		return dying_words;
	if (smi_current.lost_code != 0)
		return smi_current.lost_words;
	if (smi_left_behind_any())
		return "the arena belongs to the parent: call secmalloc_init() "
		       "in the child to make its own";
	return "there is no arena: call secmalloc_init() first";
}

/* Set ENXIO and words. */
static void say_closed(const char *call)
{
	size_t taken = smi_left_behind_taken_bytes();

	smi_last_error_set(ENXIO, "%s: %s", call, why_closed());
	if (taken > 0 && !smi_fatal_is_dying())
		smi_text_add(smi_last_error_more(),
		             "; another fork handler has mapped memory at %zu "
		             "bytes of the parent's addresses, where stale "
		             "pointers do not fault",
		             taken);
}

struct smi_arena *smi_current_enter(const char *call)
{
	struct smi_arena *arena = smi_current_enter_quietly(call);

	if (arena == NULL)
		say_closed(call);
	return arena;
}

const struct smi_arena *smi_current_peek(void)
{
	return atomic_load_explicit(&smi_current.arena, memory_order_acquire);
}

/* The caller's errno and error words must not show what on_low did. */
static SMI_APART void call_on_low(void (*on_low)(size_t), size_t bytes)
{
	char words[SMI_LAST_ERROR_BYTES];
	int code = errno;

	smi_last_error_save(words);
	smi_current_thread.in_on_low = true;
	on_low(bytes);
	smi_current_thread.in_on_low = false;
	smi_last_error_restore(words);
	errno = code;
}

void smi_current_release(struct smi_arena *arena)
{
	if (smi_current_has_cache())
		smi_tcache_leave(smi_current_thread.cache);
	if (!smi_current_thread.holds)
		pthread_mutex_unlock(&arena->lock);
}

void smi_current_retake(struct smi_arena *arena, const char *call)
{
	if (!smi_current_thread.holds)
		pthread_mutex_lock(&arena->lock);
	arena->call = call;
}

void smi_current_leave(struct smi_arena *arena)
{
	void (*on_low)(size_t) = NULL;
	size_t spare = 0;

	if (arena->on_low != NULL && !smi_current_thread.holds
	    && smi_arena_runs_low(arena, !smi_current_thread.in_on_low)) {
		on_low = arena->on_low;
		spare = smi_arena_spare_bytes(arena);
	}
	smi_current_release(arena);
	smi_current_end();
	if (on_low != NULL)
		call_on_low(on_low, spare);
}

/* The arena may lie where another mapping was that had taken the place. */
bool smi_current_was_left_behind(const void *ptr)
{
	const struct smi_arena *arena = smi_current_peek();

	return smi_left_behind_knows(ptr)
	       && (arena == NULL || !smi_arena_touches(arena, ptr, 1));
}

bool smi_current_is_absent(const void *ptr)
{
	return smi_left_behind_touches(ptr, 1);
}

bool smi_current_touches(const void *at, size_t bytes)
{
	const struct smi_arena *arena = smi_current_peek();

	return (arena != NULL && smi_arena_touches(arena, at, bytes))
	       || smi_left_behind_touches(at, bytes);
}
