/*
 * default.c - the process's arena: published, entered, and gone after fork
 *
 * SPDX-License-Identifier: ISC
 */
#include "default.h"

#include "error.h"
#include "fault.h"
#include "os.h"

#include <errno.h>
#include <stdatomic.h>

static pthread_mutex_t init_lock = PTHREAD_MUTEX_INITIALIZER;
static _Atomic(struct smi_arena *) current;

/*
 * Arenas of parents. Their metadata were copied into this process, their
 * reservation was not; what is read here is where that lay. The list changes
 * only in a child that has one thread yet, so reading it needs no lock.
 */
static struct smi_arena *inherited;

/* ---- Fork --------------------------------------------------------------- */

/*
 * A thread that dies of misuse holds the arena's lock and has promised to
 * touch nothing: on_fault may fork, to start a reporter.
 */
static void before_fork(void)
{
	struct smi_arena *arena;

	if (smi_fault_is_dying())
		return;
	pthread_mutex_lock(&init_lock);
	arena = atomic_load(&current);
	if (arena != NULL)
		pthread_mutex_lock(&arena->lock);
}

static void after_fork_in_parent(void)
{
	struct smi_arena *arena = atomic_load(&current);

	if (smi_fault_is_dying())
		return;
	if (arena != NULL)
		pthread_mutex_unlock(&arena->lock);
	pthread_mutex_unlock(&init_lock);
}

/*
 * The reservation is not in the child. Nothing else may come to lie there: a
 * stale pointer has to fault, not to read what another mapping holds.
 */
static void after_fork_in_child(void)
{
	struct smi_arena *arena = atomic_load(&current);

	if (arena != NULL) {
		atomic_store(&current, NULL);
		arena->next_inherited = inherited;
		inherited = arena;
		if (smi_os_block(arena->pools.reservation,
		                 arena->pools.geometry.reserve_bytes) != 0)
			smi_fault(NULL, "fork: the addresses of the parent's "
			          "pools could not be kept inaccessible in "
			          "the child (errno %d)", errno);
		pthread_mutex_init(&arena->lock, NULL);
	}
	pthread_mutex_init(&init_lock, NULL);
}

/* ---- Making and ending -------------------------------------------------- */

/* The handlers cannot be taken back: the library is never unloaded. */
static int hook_fork_once(const char *call)
{
	static bool hooked;

	if (hooked)
		return 0;
	if (smi_os_at_fork(before_fork, after_fork_in_parent,
	                   after_fork_in_child) != 0)
		return smi_error_set(ENOMEM, "%s: no memory for the fork "
		                     "handlers", call);
	hooked = true;
	return 0;
}

static int init_locked(const struct smi_arena_plan *plan, const char *call)
{
	struct smi_arena *arena;

	if (atomic_load(&current) != NULL)
		return smi_error_set(EALREADY, "%s: there is an arena already, "
		                     "and it is unchanged", call);
	if (hook_fork_once(call) != 0)
		return -1;
	arena = smi_arena_create(plan, call);
	if (arena == NULL)
		return -1;
	atomic_store(&current, arena);
	return 0;
}

int smi_default_init(const struct smi_arena_plan *plan, const char *call)
{
	int result;

	if (smi_fault_is_dying())
		return smi_error_set(EALREADY, "%s: the arena is damaged and "
		                     "the process about to abort", call);
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
	return arena;
}

static const char *why_closed(void)
{
	if (smi_fault_is_dying())
		return "the arena is damaged and the process about to abort";
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

void smi_default_leave(struct smi_arena *arena)
{
	pthread_mutex_unlock(&arena->lock);
}

bool smi_default_is_inherited(const void *ptr)
{
	for (const struct smi_arena *a = inherited; a != NULL;
	     a = a->next_inherited)
		if (smi_pools_touch(&a->pools, (uintptr_t)ptr, 1))
			return true;
	return false;
}

bool smi_default_touches(const void *at, size_t bytes)
{
	const struct smi_arena *arena = atomic_load_explicit(
		&current, memory_order_acquire);

	if (arena != NULL
	    && smi_pools_touch(&arena->pools, (uintptr_t)at, bytes))
		return true;
	for (const struct smi_arena *a = inherited; a != NULL;
	     a = a->next_inherited)
		if (smi_pools_touch(&a->pools, (uintptr_t)at, bytes))
			return true;
	return false;
}
