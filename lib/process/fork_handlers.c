/*
 * fork_handlers.c - what happens to the process's arena at fork()
 *
 * SPDX-License-Identifier: ISC
 */
#include "process/fork_handlers.h"

#include "arena/passing.h"
#include "os/os.h"
#include "os/signals.h"
#include "process/current.h"
#include "process/left_behind.h"
#include "report/fatal.h"
#include "report/messages.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>

/* The fork in progress, if the child gets the arena. The init lock guards it.
 */
static struct smi_passing passing;

/*
 * Whether a fork by this thread has to go without any lock.
 *
 * on_fault may fork, for example to start a crash reporter. Its thread holds
 * the arena's lock, and a thread that holds the init lock may be waiting for
 * it. No lock is needed then: no other thread can make or destroy an arena
 * while this one holds the arena's lock.
 *
 * A signal handler that forks may have interrupted a call of this library in
 * its own thread, which then holds a lock or uses its cache. The child gets no
 * arena, whatever the policy is: the interrupted call may have left a copy
 * half changed.
 */
static bool has_to_go_without(void)
{
	return smi_fatal_is_dying() || smi_current_is_inside();
}

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
 *
 * The mask before that is kept as one bit for each signal, because sigset_t is
 * far larger. It belongs to the thread, as several may fork without a lock.
 */
#define WORD_BITS 64
static _Thread_local uint64_t
	mask_before[(NSIG - 2) / WORD_BITS + 1] SMI_TLS_MODEL;

static void block_signals(void)
{
	sigset_t before;

	smi_signals_block(&before);
	memset(mask_before, 0, sizeof(mask_before));
	for (int signal = 1; signal < NSIG; signal++)
		if (sigismember(&before, signal) == 1)
			mask_before[(signal - 1) / WORD_BITS] |=
				(uint64_t)1 << (signal - 1) % WORD_BITS;
}

static void get_mask_before(sigset_t *mask)
{
	sigemptyset(mask);
	for (int signal = 1; signal < NSIG; signal++)
		if ((mask_before[(signal - 1) / WORD_BITS]
		             >> (signal - 1) % WORD_BITS
		     & 1)
		    != 0)
			sigaddset(mask, signal);
}

static void restore_signals(void)
{
	sigset_t mask;

	get_mask_before(&mask);
	pthread_sigmask(SIG_SETMASK, &mask, NULL);
}

/*
 * How many times the handlers are at work in a fork by this thread. Those that
 * were registered last run first before the fork, and last after it; they act,
 * and the others do nothing.
 */
static _Thread_local unsigned depth SMI_TLS_MODEL;

/* Set when the object that has the handlers is being unloaded; and the forks
 * that have begun and not ended. */
static atomic_bool stopped;
static atomic_uint forks;

/* ---- Before, and in the parent ------------------------------------------ */

/* A child that does not get the arena reads only where it lay, in smi_current,
 * which the init lock keeps from changing. */
static void before_fork(void)
{
	struct smi_arena *arena;
	int code = errno;

	if (depth > 0) {
		depth++;
		return;
	}
	atomic_fetch_add(&forks, 1);
	if (atomic_load(&stopped)) {
		atomic_fetch_sub(&forks, 1);
		return;
	}
	/* A signal handler may fork until signals are blocked, and the handlers
	 * act for that fork, too. */
	block_signals();
	depth = 1;
	smi_current_thread.unlocked = has_to_go_without();
	if (smi_current_thread.unlocked) {
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
	sigset_t mask;

	if (smi_current_thread.unlocked)
		return;
	if (smi_current_thread.holds) {
		get_mask_before(&mask);
		smi_passing_wait(&passing, arena,
		                 smi_current_thread.moves
		                         ? &smi_current.mask_after
		                         : &mask);
		smi_current_thread.holds = false;
		pthread_mutex_unlock(&arena->lock);
	}
	pthread_mutex_unlock(&smi_current.init_lock);
}

static void after_fork_in_parent(void)
{
	int code = errno;

	if (depth == 0 || --depth > 0)
		return;
	smi_os_fork_end();
	unlock_in_parent();
	restore_signals();
	errno = code;
	/* The last step: the code may be unmapped from now on. */
	atomic_fetch_sub(&forks, 1);
}

/* ---- In the child ------------------------------------------------------- */

static int say_interrupted(void)
{
	return smi_last_error_set(
		EDEADLK, "fork: a signal handler called fork() that had "
			 "interrupted a call of this library, so the child "
			 "got no arena");
}

/* Make the child's copy its own. -1 with errno and words. `at_rest` is false if
 * the fork took no lock, because of a signal handler if it was `inside`. */
static int adopt(struct smi_arena *arena, bool at_rest, bool inside)
{
	if (inside)
		return say_interrupted();
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
	smi_last_error_save(smi_current.lost_words);
}

/* Leave the arena behind in the parent: wipe and unmap what the child has of
 * it, and keep its addresses reserved. */
static void leave_behind(struct smi_arena *arena)
{
	smi_current_thread.arena = SMI_NO_CACHE;
	atomic_store(&smi_current_number, SMI_NO_ARENA);
	atomic_store(&smi_current.arena, NULL);
	if (!passes_on() && smi_current.strays)
		smi_passing_inherit(arena);
	if (passes_on() || smi_current.strays)
		smi_lifecycle_abandon(arena);
	smi_left_behind_add(smi_current.reservation,
	                    smi_current.reservation_bytes,
	                    smi_current.plan.fork == SECMALLOC_FORK_WIPE);
}

/* Make the child an empty arena like the parent's. */
static void begin_anew(bool inside)
{
	struct smi_arena_plan plan = smi_current.plan;

	plan.call = "fork";
	plan.in_child = true;
	if ((inside ? say_interrupted() : smi_current_make(&plan, false)) != 0)
		lose();
}

static void after_fork_in_child(void)
{
	struct smi_arena *arena = atomic_load(&smi_current.arena);
	bool unlocked = smi_current_thread.unlocked;
	bool at_rest = smi_current_thread.holds && !unlocked;
	bool inside = unlocked && !smi_fatal_is_dying();
	int code = errno;

	if (depth == 0 || --depth > 0)
		return;
	if (at_rest)
		smi_passing_enter(&passing);
	smi_current_thread.holds = false;
	smi_current_thread.in_call = false;
	atomic_store(&forks, 0);
	smi_messages_forked();
	smi_fatal_forked();
	smi_os_fork_end();
	pthread_mutex_init(&smi_current.init_lock, NULL);
	if (arena != NULL && passes_on()) {
		smi_passing_inherit(arena);
		if (adopt(arena, at_rest, inside) != 0) {
			lose();
			leave_behind(arena);
		}
		if (at_rest)
			smi_passing_end(&passing);
	} else if (arena != NULL) {
		leave_behind(arena);
		if (smi_current.plan.fork == SECMALLOC_FORK_WIPE)
			begin_anew(inside);
	}
	restore_signals();
	errno = code;
}

/* A fork of this thread has not come to its end if a fork handler, its own or
 * that of another object, unloads the object. */
void smi_fork_handlers_stop(void)
{
	unsigned times = 0;

	atomic_store(&stopped, true);
	while (depth == 0 && atomic_load(&forks) > 0)
		smi_os_pause(times++);
}

int smi_fork_handlers_register(void)
{
	return smi_os_at_fork(before_fork, after_fork_in_parent,
	                      after_fork_in_child);
}
