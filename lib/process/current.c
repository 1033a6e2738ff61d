/*
 * current.c - the process's arena: published, entered, and gone after fork
 *
 * SPDX-License-Identifier: ISC
 */
#include "process/current.h"

#include "arena/cached.h"
#include "arena/passing.h"
#include "os/os.h"
#include "process/left_behind.h"
#include "process/nodump.h"
#include "report/fatal.h"
#include "report/last_error.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>

static pthread_mutex_t init_lock = PTHREAD_MUTEX_INITIALIZER;
static _Atomic(struct smi_arena *) current;

_Thread_local struct smi_thread smi_current_thread SMI_TLS_MODEL = {
	.arena = SMI_NO_CACHE,
};
_Atomic unsigned smi_current_number;

/* The number of the last arena that was made. The init lock guards it. */
static unsigned last_number;

/*
 * What a child has to know of the arena that there is: it may have no copy of
 * the metadata. The init lock guards it.
 */
static struct {
	void *reservation;
	size_t bytes;
	struct smi_arena_plan plan;
} made;

/* A fork that is under way, of a child that is to have the arena. The init lock
 * guards it. */
static struct smi_passing passing;

/* In a child, why it has no arena though it should. It changes when there is
 * one thread, or under the init lock. */
static struct {
	int code;
	char words[SMI_LAST_ERROR_BYTES];
} lost;

/* Whether what is called at fork, and at the end of threads, is in place. */
static bool hooked, threads_hooked;

static const char dying_words[] =
	"the arena is damaged and the process about to abort";

/* ---- Threads ------------------------------------------------------------ */

/*
 * Give the thread a cache, once in each arena. Without the mark nobody would
 * take the cache back at its end, so then it has none; nor has it one when
 * other destructors of its data run after the one here.
 */
static void attach_thread(struct smi_arena *arena)
{
	if (smi_current_thread.ended || !threads_hooked
	    || smi_os_mark_thread(&smi_current_thread) != 0)
		return;
	smi_current_thread.cache = smi_cached_attach(arena);
	smi_current_thread.arena = smi_current_thread.cache != NULL
	                                   ? atomic_load(&smi_current_number)
	                                   : SMI_NO_CACHE;
}

/* The init lock keeps the arena from going meanwhile. */
static void end_thread(void *mark)
{
	struct smi_tcache *cache;

	(void)mark;
	smi_current_thread.ended = true;
	pthread_mutex_lock(&init_lock);
	cache = smi_current_cache();
	if (cache != NULL) {
		struct smi_arena *arena = atomic_load(&current);

		pthread_mutex_lock(&arena->lock);
		smi_cached_detach(arena, cache);
		smi_arena_runs_low(arena, false);
		pthread_mutex_unlock(&arena->lock);
	}
	smi_current_thread.arena = SMI_NO_CACHE;
	pthread_mutex_unlock(&init_lock);
}

/* ---- Fork --------------------------------------------------------------- */

/* Whether the child of a fork by this thread is to have the arena. */
static bool passes_on(void)
{
	return made.plan.fork == SECMALLOC_FORK_KEEP
	       || smi_current_thread.moves;
}

/*
 * Signals wait until fork() is done: a handler that ran in the child before
 * that would find an arena that is not mapped, or the parent's own pages; and
 * one in the parent would write to pages that the child has not yet copied.
 */
static _Thread_local sigset_t mask_before;

static void block_signals(void)
{
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &mask_before);
}

static void restore_signals(void)
{
	pthread_sigmask(SIG_SETMASK, &mask_before, NULL);
}

/*
 * Of an arena that the child does not have it reads only where it lay, which
 * does not change under the init lock.
 *
 * on_fault may fork, to start a reporter. The thread then has the arena's lock,
 * for which others wait that have the init lock; so it takes none. Nobody
 * changes what the child reads: to make an arena, or to end this one, they
 * would need the other lock, or be the only thread.
 */
static void before_fork(void)
{
	struct smi_arena *arena;
	int code = errno;

	block_signals();
	if (smi_fatal_is_dying()) {
		smi_os_fork_begin();
		return;
	}
	pthread_mutex_lock(&init_lock);
	arena = atomic_load(&current);
	if (arena != NULL && passes_on()) {
		pthread_mutex_lock(&arena->lock);
		smi_current_thread.holds = true;
		smi_passing_begin(&passing, arena, smi_current_cache());
	}
	smi_os_fork_begin();
	errno = code;
}

static void unlock_in_parent(void)
{
	struct smi_arena *arena = atomic_load(&current);

	if (smi_fatal_is_dying())
		return;
	if (smi_current_thread.holds) {
		smi_passing_wait(&passing, arena);
		smi_current_thread.holds = false;
		pthread_mutex_unlock(&arena->lock);
	}
	pthread_mutex_unlock(&init_lock);
}

static void after_fork_in_parent(void)
{
	int code = errno;

	smi_os_fork_end();
	unlock_in_parent();
	restore_signals();
	errno = code;
}

/* Make the copy in a child its own. -1 with errno and words. `at_rest`: not if
 * the thread was dying. */
static int adopt(struct smi_arena *arena, bool at_rest)
{
	if (!at_rest)
		return smi_last_error_set(
			ENXIO, "fork: the arena was found damaged in the "
			       "parent, so the child's copy was wiped");
	if (smi_passing_adopt(&passing, arena, smi_current_cache()) != 0)
		return -1;
	pthread_mutex_unlock(&arena->lock);
	return 0;
}

/* Note why there is no arena. */
static void lose(void)
{
	lost.code = errno;
	memcpy(lost.words, smi_last_error_words(), sizeof(lost.words));
}

/* Leave the arena behind: what is a copy of it is wiped, and its addresses are
 * kept. */
static void leave_behind(struct smi_arena *arena)
{
	smi_current_thread.arena = SMI_NO_CACHE;
	atomic_store(&smi_current_number, SMI_NO_ARENA);
	atomic_store(&current, NULL);
	if (passes_on())
		smi_lifecycle_abandon(arena);
	smi_left_behind_add(made.reservation, made.bytes,
	                    made.plan.fork == SECMALLOC_FORK_WIPE);
}

static int make(const struct smi_arena_plan *plan, const char *call,
                bool no_dump);

static void after_fork_in_child(void)
{
	struct smi_arena *arena = atomic_load(&current);
	bool at_rest = smi_current_thread.holds && !smi_fatal_is_dying();
	int code = errno;

	smi_current_thread.holds = false;
	smi_fatal_forked();
	smi_os_fork_end();
	pthread_mutex_init(&init_lock, NULL);
	if (arena != NULL && passes_on()) {
		smi_passing_inherit(arena);
		if (adopt(arena, at_rest) != 0) {
			lose();
			leave_behind(arena);
		}
		if (at_rest)
			smi_passing_end(&passing);
	} else if (arena != NULL) {
		leave_behind(arena);
		if (made.plan.fork == SECMALLOC_FORK_WIPE
		    && make(&made.plan, "fork", false) != 0)
			lose();
	}
	restore_signals();
	errno = code;
}

int smi_current_lost(const char **words)
{
	*words = lost.words;
	return lost.code;
}

/*
 * When the library is loaded, and not in the first init: a fork that another
 * thread has begun would not run handlers that come after its beginning. They
 * cannot be taken back, so the library is never unloaded.
 */
__attribute__((constructor)) static void hook(void)
{
	hooked = smi_os_at_fork(before_fork, after_fork_in_parent,
	                        after_fork_in_child)
	         == 0;
	threads_hooked = smi_os_at_thread_end(end_thread) == 0;
}

/* ---- Making and ending -------------------------------------------------- */

/* Make and publish the arena, under the init lock; with no_dump see to the
 * process, too. A child inherits what was done to it. */
static int make(const struct smi_arena_plan *plan, const char *call,
                bool no_dump)
{
	struct smi_arena *arena = smi_lifecycle_create(plan, call);

	if (arena == NULL)
		return -1;
	if (no_dump && smi_nodump_apply(call) != 0) {
		int code = errno;

		smi_lifecycle_destroy(arena);
		errno = code;
		return -1;
	}
	made.reservation = arena->pools.reservation;
	made.bytes = arena->pools.mapped_bytes;
	made.plan = *plan;
	/* What it came to, so that a child's is made like it. */
	made.plan.secret = arena->pools.secret;
	made.plan.secret_is_wish = false;
	lost.code = 0;
	atomic_store(&current, arena);
	/* Should they ever come round. */
	if (++last_number == SMI_NO_CACHE)
		last_number = SMI_NO_ARENA + 1;
	atomic_store(&smi_current_number, last_number);
	return 0;
}

static int init_locked(const struct smi_arena_plan *plan, const char *call)
{
	if (atomic_load(&current) != NULL)
		return smi_last_error_set(EALREADY,
		                          "%s: there is an arena already, "
		                          "and it is unchanged",
		                          call);
	if (!hooked)
		return smi_last_error_set(
			ENOMEM,
			"%s: there was no memory for the fork "
			"handlers when the library was loaded",
			call);
	return make(plan, call, plan->no_dump);
}

int smi_current_init(const struct smi_arena_plan *plan, const char *call)
{
	int result;

	if (smi_fatal_is_dying())
		return smi_last_error_set(EALREADY, "%s: %s", call,
		                          dying_words);
	pthread_mutex_lock(&init_lock);
	result = init_locked(plan, call);
	pthread_mutex_unlock(&init_lock);
	return result;
}

void smi_current_fini(void)
{
	struct smi_arena *arena;

	if (smi_fatal_is_dying())
		return;
	pthread_mutex_lock(&init_lock);
	atomic_store(&smi_current_number, SMI_NO_ARENA);
	arena = atomic_exchange(&current, NULL);
	if (arena != NULL)
		smi_lifecycle_destroy(arena);
	pthread_mutex_unlock(&init_lock);
}

/* ---- Entering ----------------------------------------------------------- */

struct smi_arena *smi_current_enter_quietly(void)
{
	struct smi_arena *arena = atomic_load_explicit(&current,
	                                               memory_order_acquire);

	if (arena == NULL || smi_fatal_is_dying())
		return NULL;
	if (!smi_current_thread.holds)
		pthread_mutex_lock(&arena->lock);
	if (!smi_current_has_cache())
		attach_thread(arena);
	return arena;
}

static const char *why_closed(void)
{
	if (smi_fatal_is_dying())
		return dying_words;
	if (lost.code != 0)
		return lost.words;
	if (smi_left_behind_any())
		return "the arena is the parent's: call secmalloc_init() in "
		       "the child for one of its own";
	return "there is no arena: call secmalloc_init() first";
}

struct smi_arena *smi_current_enter(const char *call)
{
	struct smi_arena *arena = smi_current_enter_quietly();

	if (arena == NULL)
		smi_last_error_set(ENXIO, "%s: %s", call, why_closed());
	return arena;
}

const struct smi_arena *smi_current_peek(void)
{
	return atomic_load_explicit(&current, memory_order_acquire);
}

/* What the caller of the library sees of its own call is not on_low's. */
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

void smi_current_leave(struct smi_arena *arena)
{
	void (*on_low)(size_t) = NULL;
	size_t spare = 0;

	if (arena->on_low != NULL && !smi_current_thread.holds
	    && smi_arena_runs_low(arena, !smi_current_thread.in_on_low)) {
		on_low = arena->on_low;
		spare = smi_arena_spare_bytes(arena);
	}
	if (!smi_current_thread.holds)
		pthread_mutex_unlock(&arena->lock);
	if (on_low != NULL)
		call_on_low(on_low, spare);
}

bool smi_current_was_left_behind(const void *ptr)
{
	return smi_left_behind_touches(ptr, 1);
}

bool smi_current_touches(const void *at, size_t bytes)
{
	const struct smi_arena *arena = smi_current_peek();

	return (arena != NULL && smi_arena_touches(arena, at, bytes))
	       || smi_left_behind_touches(at, bytes);
}
