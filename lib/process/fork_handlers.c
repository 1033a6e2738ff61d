/*
 * fork_handlers.c - what happens to the process's arena at fork()
 *
 * SPDX-License-Identifier: ISC
 */
#include "process/fork_handlers.h"

#include "arena/passing.h"
#include "os/os.h"
#include "process/current.h"
#include "process/left_behind.h"
#include "report/fatal.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

/* The fork in progress, if the child gets the arena. The init lock guards it.
 */
static struct smi_passing passing;

/* Whether the child of a fork by this thread gets the arena. */
static bool passes_on(void)
{
	return smi_current.plan.fork == SECMALLOC_FORK_KEEP
	       || smi_current_thread.moves;
}

/*
 * Signals stay blocked until fork() is done. A handler that ran in the child
 * before that could find an arena that is not mapped, or the parent's pages. A
 * handler in the parent could write to pages that the child has not yet copied.
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
 * How many times the handlers are at work in a fork by this thread. Those that
 * were registered last run first before the fork, and last after it; they act,
 * and the others do nothing.
 */
static _Thread_local unsigned depth;

/* ---- Before, and in the parent ------------------------------------------ */

/*
 * A child that does not get the arena reads only where it lay, in smi_current,
 * which the init lock keeps from changing.
 *
 * on_fault may fork, for example to start a crash reporter. Its thread holds
 * the arena's lock, and a thread that holds the init lock may be waiting for
 * it. So no lock is taken then, and none is needed: no other thread can make or
 * destroy an arena while this one holds the arena's lock.
 */
static void before_fork(void)
{
	struct smi_arena *arena;
	int code = errno;

	if (depth++ > 0)
		return;
	block_signals();
	if (smi_fatal_is_dying()) {
		smi_os_fork_begin();
		return;
	}
	pthread_mutex_lock(&smi_current.init_lock);
	arena = atomic_load(&smi_current.arena);
	if (arena != NULL && passes_on()) {
		pthread_mutex_lock(&arena->lock);
		arena->call = "fork";
		smi_current_thread.holds = true;
		smi_passing_begin(&passing, arena, smi_current_cache());
	}
	smi_os_fork_begin();
	errno = code;
}

static void unlock_in_parent(void)
{
	struct smi_arena *arena = atomic_load(&smi_current.arena);

	if (smi_fatal_is_dying())
		return;
	if (smi_current_thread.holds) {
		smi_passing_wait(&passing, arena);
		smi_current_thread.holds = false;
		pthread_mutex_unlock(&arena->lock);
	}
	pthread_mutex_unlock(&smi_current.init_lock);
}

static void after_fork_in_parent(void)
{
	int code = errno;

	if (--depth > 0)
		return;
	smi_os_fork_end();
	unlock_in_parent();
	restore_signals();
	errno = code;
}

/* ---- In the child ------------------------------------------------------- */

/* Make the child's copy its own. -1 with errno and words. `at_rest` is false if
 * the forking thread was aborting because of misuse. */
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

/* Record why the child has no arena. */
static void lose(void)
{
	smi_current.lost_code = errno;
	memcpy(smi_current.lost_words, smi_last_error_words(),
	       sizeof(smi_current.lost_words));
}

/* Leave the arena behind in the parent: wipe and unmap what the child has of
 * it, and keep its addresses reserved. */
static void leave_behind(struct smi_arena *arena)
{
	smi_current_thread.arena = SMI_NO_CACHE;
	atomic_store(&smi_current_number, SMI_NO_ARENA);
	atomic_store(&smi_current.arena, NULL);
	if (passes_on())
		smi_lifecycle_abandon(arena);
	smi_left_behind_add(smi_current.reservation,
	                    smi_current.reservation_bytes,
	                    smi_current.plan.fork == SECMALLOC_FORK_WIPE);
}

/* Make the child an empty arena like the parent's. */
static void begin_anew(void)
{
	struct smi_arena_plan plan = smi_current.plan;

	plan.call = "fork";
	plan.in_child = true;
	if (smi_current_make(&plan, false) != 0)
		lose();
}

static void after_fork_in_child(void)
{
	struct smi_arena *arena = atomic_load(&smi_current.arena);
	bool at_rest = smi_current_thread.holds && !smi_fatal_is_dying();
	int code = errno;

	if (--depth > 0)
		return;
	smi_current_thread.holds = false;
	smi_current_thread.in_call = false; /* on_fault may have forked */
	smi_fatal_forked();
	smi_os_fork_end();
	pthread_mutex_init(&smi_current.init_lock, NULL);
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
		if (smi_current.plan.fork == SECMALLOC_FORK_WIPE)
			begin_anew();
	}
	restore_signals();
	errno = code;
}

int smi_fork_handlers_register(void)
{
	return smi_os_at_fork(before_fork, after_fork_in_parent,
	                      after_fork_in_child);
}
