/*
 * A process that exits has its arena until the end: functions of atexit(),
 * destructors and threads that still run find their chunks. Nothing waits for a
 * lock at an exit. The suite runs with the shared library, and as live_exit_own
 * with a copy of the library in the program.
 *
 * SPDX-License-Identifier: ISC
 */
#include "first.h"
#include "case.h"
#include "hide.h"
#include "thread.h"

#include <pthread.h>
#include <secmalloc.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>

#define THREADS 4
#define CALLS   1000

static char *chunk;

static void start_with(struct secmalloc_config config)
{
	config.initial_pools = 4;
	if (secmalloc_init(&config) != 0)
		case_skip_init();
	chunk = secstrdup("chunk");
}

static void start(void)
{
	start_with((struct secmalloc_config){0});
}

static bool works(void)
{
	char *fresh = secstrdup("fresh");
	bool good = fresh != NULL && strcmp(fresh, "fresh") == 0
	            && strcmp(chunk, "chunk") == 0 && secmalloc_audit() == 0;

	secfree(fresh);
	return good;
}

/* ---- The last code of the process ---------------------------------------- */

/* What the last destructor asks, if anything. */
static bool (*ask_last)(void);

/* If the program has a copy of the library, this runs after the copy's
 * destructors, as the linker sees the program first. */
__attribute__((destructor(101))) static void ask(void)
{
	if (ask_last != NULL)
		_exit(ask_last() ? 0 : 3);
}

/* The status with which a child ends that acts and then exits, if it gets as
 * far as that. */
static bool ends_well(void (*act)(void))
{
	int status = -1;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		watchdog_start(60);
		act();
		exit(2);
	}
	waitpid(pid, &status, 0);
	if (WIFEXITED(status) && WEXITSTATUS(status) == TAP_CANNOT)
		_exit(TAP_CANNOT);
	if (status != 0)
		tap_note("the status was %#x", (unsigned)status);
	return status == 0;
}

/* ---- Handlers and destructors ---------------------------------------------
 */

static bool used_early;

/* As the destructor of a C++ object that was made before the library was
 * initialized. */
static void use_where_first_objects_end(void)
{
	used_early = chunk != NULL && works();
}

static void hold_in_fork(void);

static void register_first(void)
{
	atexit(use_where_first_objects_end);
	pthread_atfork(hold_in_fork, NULL, NULL);
}
RUN_FIRST(register_first);

static bool is_used_by_all(void)
{
	return works() && (used_early || !ran_first);
}

static void use_in_handler(void)
{
	if (!works())
		_exit(4);
}

static void exit_plainly(void)
{
	start();
	atexit(use_in_handler);
	ask_last = is_used_by_all;
}

static bool handlers_and_destructors_use_chunks(void)
{
	return ends_well(exit_plainly);
}

static void end_quickly(void)
{
	_exit(works() ? 0 : 3);
}

static void exit_quickly(void)
{
	start();
	at_quick_exit(end_quickly);
	quick_exit(2);
}

static bool handlers_of_quick_exit_use_chunks(void)
{
	return ends_well(exit_quickly);
}

/* ---- Threads --------------------------------------------------------------
 */

static atomic_size_t calls[THREADS];

static void *work(void *count)
{
	for (;;) {
		char *own = secstrdup("of a thread");

		if (own == NULL || strcmp(own, "of a thread") != 0)
			_exit(5);
		secfree(own);
		++*(atomic_size_t *)count;
	}
	return NULL;
}

static void *work_once(void *good)
{
	*(bool *)good = works();
	return NULL;
}

static bool threads_go_on(void)
{
	bool good = false;
	pthread_t thread;

	for (int i = 0; i < THREADS; i++) {
		size_t until = calls[i] + CALLS;

		while (calls[i] < until)
			sched_yield();
	}
	if (pthread_create(&thread, NULL, work_once, &good) != 0)
		return true;
	pthread_join(thread, NULL);
	return good;
}

static void exit_beside_threads(void)
{
	pthread_t thread;

	start();
	for (int i = 0; i < THREADS; i++) {
		thread_begin(&thread, work, &calls[i]);
		while (calls[i] == 0)
			sched_yield();
	}
	ask_last = threads_go_on;
}

static bool threads_run_until_the_end(void)
{
	return ends_well(exit_beside_threads);
}

static void *exit_here(void *unused)
{
	works();
	exit(2);
	return unused;
}

static void exit_in_a_thread(void)
{
	pthread_t thread;

	start();
	ask_last = works;
	thread_begin(&thread, exit_here, NULL);
	work(&calls[0]);
}

static bool a_thread_may_exit(void)
{
	return ends_well(exit_in_a_thread);
}

/* ---- Exits while locks are held -------------------------------------------
 */

static bool true_at_the_end(void)
{
	return true;
}

static void exit_in_on_fault(const char *line)
{
	(void)line;
	exit(2);
}

static void misuse(void)
{
	start_with((struct secmalloc_config){.on_fault = exit_in_on_fault});
	ask_last = true_at_the_end;
	secfree(hide(chunk + 1));
}

static bool on_fault_may_exit(void)
{
	return ends_well(misuse);
}

static bool holds;

/* The library's handler has run before this one, and has locked the arena. */
static void hold_in_fork(void)
{
	if (holds)
		exit(2);
}

static void exit_in_fork(void)
{
	start_with((struct secmalloc_config){.fork = SECMALLOC_FORK_KEEP});
	ask_last = true_at_the_end;
	holds = true;
	fork();
}

static bool a_fork_handler_may_exit(void)
{
#if defined(__GLIBC__)
#if !__GLIBC_PREREQ(2, 36)
	case_skip("this libc holds a lock of its own during fork handlers");
#endif
#endif
	if (!ran_first)
		case_skip(NOT_RAN_FIRST);
	return ends_well(exit_in_fork);
}

int main(void)
{
	tap_needs_plain_build();
	tap_needs_lock(512);
	try_case("functions of atexit() and destructors may use chunks",
	         handlers_and_destructors_use_chunks);
	try_case("functions of at_quick_exit() may use chunks",
	         handlers_of_quick_exit_use_chunks);
	try_case("threads may use chunks until the process has ended",
	         threads_run_until_the_end);
	try_case("a thread may exit while another allocates",
	         a_thread_may_exit);
	try_case("on_fault may call exit()", on_fault_may_exit);
	try_case("a fork handler may call exit() while the arena is locked",
	         a_fork_handler_may_exit);
	tap_done();
}
