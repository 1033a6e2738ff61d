/*
 * default.c - the process's arena: published, entered, and gone after fork
 *
 * SPDX-License-Identifier: ISC
 */
#include "default.h"

#include "arena_cache.h"
#include "error.h"
#include "fault.h"
#include "nodump.h"
#include "os.h"

#include <errno.h>
#include <stdatomic.h>

static pthread_mutex_t init_lock = PTHREAD_MUTEX_INITIALIZER;
static _Atomic(struct smi_arena *) current;

_Thread_local struct smi_thread smi_thread SMI_TLS_MODEL = {
	.arena = SMI_NO_CACHE,
};
_Atomic unsigned smi_default_number;

/* The number of the last arena that was made. The init lock guards it. */
static unsigned last_number;

/*
 * Arenas of parents. Their metadata were copied into this process, their
 * reservation was not; what is read here is where that lay. The list changes
 * only in a child that has one thread yet, so reading it needs no lock.
 */
static struct smi_arena *inherited;

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
	if (smi_thread.ended || !threads_hooked
	    || smi_os_mark_thread(&smi_thread) != 0)
		return;
	smi_thread.cache = smi_arena_attach(arena);
	smi_thread.arena = smi_thread.cache != NULL
	                           ? atomic_load(&smi_default_number)
	                           : SMI_NO_CACHE;
}

/* The init lock keeps the arena from going meanwhile. */
static void end_thread(void *mark)
{
	struct smi_cache *cache;

	(void)mark;
	smi_thread.ended = true;
	pthread_mutex_lock(&init_lock);
	cache = smi_default_cache();
	if (cache != NULL) {
		struct smi_arena *arena = atomic_load(&current);

		pthread_mutex_lock(&arena->lock);
		smi_arena_detach(arena, cache);
		smi_arena_runs_low(arena, false);
		pthread_mutex_unlock(&arena->lock);
	}
	smi_thread.arena = SMI_NO_CACHE;
	pthread_mutex_unlock(&init_lock);
}

/* ---- Fork --------------------------------------------------------------- */

/*
 * The init lock is enough: of an arena the child reads only where it lay, which
 * does not change. on_fault may fork, to start a reporter: the thread has the
 * arena's lock then, but not this one.
 */
static void before_fork(void)
{
	pthread_mutex_lock(&init_lock);
}

static void after_fork_in_parent(void)
{
	pthread_mutex_unlock(&init_lock);
}

/*
 * The reservation is not in the child. Nothing else may come to lie there: a
 * stale pointer has to fault, not to read what another mapping holds.
 */
static void after_fork_in_child(void)
{
	struct smi_arena *arena = atomic_load(&current);

	smi_fault_forked();
	pthread_mutex_init(&init_lock, NULL);
	smi_thread.arena = SMI_NO_CACHE;
	if (arena == NULL)
		return;
	atomic_store(&smi_default_number, SMI_NO_ARENA);
	atomic_store(&current, NULL);
	arena->next_inherited = inherited;
	inherited = arena;
	if (smi_os_block(arena->pools.reservation,
	                 arena->pools.geometry.reserve_bytes) != 0)
		smi_fault(NULL, "fork: the addresses of the parent's pools "
		          "could not be kept inaccessible in the child "
		          "(errno %d)", errno);
}

/*
 * When the library is loaded, and not in the first init: a fork that another
 * thread has begun would not run handlers that come after its beginning. They
 * cannot be taken back, so the library is never unloaded.
 */
__attribute__((constructor)) static void hook(void)
{
	hooked = smi_os_at_fork(before_fork, after_fork_in_parent,
	                        after_fork_in_child) == 0;
	threads_hooked = smi_os_at_thread_end(end_thread) == 0;
}

/* ---- Making and ending -------------------------------------------------- */

static int init_locked(const struct smi_arena_plan *plan, const char *call)
{
	struct smi_arena *arena;

	if (atomic_load(&current) != NULL)
		return smi_error_set(EALREADY, "%s: there is an arena already, "
		                     "and it is unchanged", call);
	if (!hooked)
		return smi_error_set(ENOMEM, "%s: there was no memory for the "
		                     "fork handlers when the library was "
		                     "loaded", call);
	arena = smi_arena_create(plan, call);
	if (arena == NULL)
		return -1;
	if (plan->no_dump && smi_nodump(call) != 0) {
		int code = errno;

		smi_arena_destroy(arena);
		errno = code;
		return -1;
	}
	atomic_store(&current, arena);
	/* Should they ever come round. */
	if (++last_number == SMI_NO_CACHE)
		last_number = SMI_NO_ARENA + 1;
	atomic_store(&smi_default_number, last_number);
	return 0;
}

int smi_default_init(const struct smi_arena_plan *plan, const char *call)
{
	int result;

	if (smi_fault_is_dying())
		return smi_error_set(EALREADY, "%s: %s", call, dying_words);
	pthread_mutex_lock(&init_lock);
	result = init_locked(plan, call);
	pthread_mutex_unlock(&init_lock);
	return result;
}

void smi_default_fini(void)
{
	struct smi_arena *arena;

	if (smi_fault_is_dying())
		return;
	pthread_mutex_lock(&init_lock);
	atomic_store(&smi_default_number, SMI_NO_ARENA);
	arena = atomic_exchange(&current, NULL);
	if (arena != NULL)
		smi_arena_destroy(arena);
	pthread_mutex_unlock(&init_lock);
}

/* ---- Entering ----------------------------------------------------------- */

struct smi_arena *smi_default_enter_quietly(void)
{
	struct smi_arena *arena = atomic_load_explicit(&current,
	                                               memory_order_acquire);

	if (arena == NULL || smi_fault_is_dying())
		return NULL;
	pthread_mutex_lock(&arena->lock);
	if (!smi_default_has_cache())
		attach_thread(arena);
	return arena;
}

static const char *why_closed(void)
{
	if (smi_fault_is_dying())
		return dying_words;
	if (inherited != NULL)
		return "the arena is the parent's: call secmalloc_init() in "
		       "the child for one of its own";
	return "there is no arena: call secmalloc_init() first";
}

struct smi_arena *smi_default_enter(const char *call)
{
	struct smi_arena *arena = smi_default_enter_quietly();

	if (arena == NULL)
		smi_error_set(ENXIO, "%s: %s", call, why_closed());
	return arena;
}

/* What the caller of the library sees of its own call is not on_low's. */
static SMI_APART void call_on_low(void (*on_low)(size_t), size_t bytes)
{
	char words[SMI_ERROR_BYTES];
	int code = errno;

	smi_error_save(words);
	smi_thread.in_on_low = true;
	on_low(bytes);
	smi_thread.in_on_low = false;
	smi_error_restore(words);
	errno = code;
}

void smi_default_leave(struct smi_arena *arena)
{
	void (*on_low)(size_t) = NULL;
	size_t spare = 0;

	if (arena->on_low != NULL
	    && smi_arena_runs_low(arena, !smi_thread.in_on_low)) {
		on_low = arena->on_low;
		spare = smi_arena_spare_bytes(arena);
	}
	pthread_mutex_unlock(&arena->lock);
	if (on_low != NULL)
		call_on_low(on_low, spare);
}

static bool touches_inherited(const void *at, size_t bytes)
{
	for (const struct smi_arena *a = inherited; a != NULL;
	     a = a->next_inherited)
		if (smi_pools_touch(&a->pools, (uintptr_t)at, bytes))
			return true;
	return false;
}

bool smi_default_is_inherited(const void *ptr)
{
	return touches_inherited(ptr, 1);
}

bool smi_default_touches(const void *at, size_t bytes)
{
	const struct smi_arena *arena = atomic_load_explicit(
		&current, memory_order_acquire);

	return (arena != NULL
	        && smi_pools_touch(&arena->pools, (uintptr_t)at, bytes))
	       || touches_inherited(at, bytes);
}
