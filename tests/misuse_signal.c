/*
 * A signal handler that interrupts a call of the library and calls the library
 * ends the process. Where it happens is known exactly here, because the signal
 * is a fault of the interrupted call.
 *
 * SPDX-License-Identifier: ISC
 */
#include "misuse.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/syscall.h>

static char *kept;
static void (*act)(void);

static void handle(int signal)
{
	(void)signal;
	act();
	_exit(98);
}

static void expect_death(const char *call)
{
	expect("%s: called while another call of the same thread is not "
	       "finished: a signal handler must not call the library",
	       call);
}

static void on_fault_here(void (*what)(void))
{
	struct sigaction action = {.sa_handler = handle};

	act = what;
	sigaction(SIGSEGV, &action, NULL);
	kept = chunk_of(32);
}

/* ---- What the handler calls --------------------------------------------- */

static void take(void)
{
	expect_death("secmalloc");
	chunk_of(32);
}

static void give(void)
{
	expect_death("secfree");
	secfree(kept);
}

static void resize(void)
{
	expect_death("secrealloc");
	kept = secrealloc(kept, 33);
}

static void ask(void)
{
	expect_death("secmalloc_owns");
	if (secmalloc_owns(kept) != 1)
		_exit(97);
}

static void reserve(void)
{
	expect_death("secmalloc_reserve");
	secmalloc_reserve(1);
}

static void trim(void)
{
	expect_death("secmalloc_trim");
	secmalloc_trim();
}

static void init(void)
{
	expect_death("secmalloc_init");
	secmalloc_init(NULL);
}

static void fini(void)
{
	expect_death("secmalloc_fini");
	secmalloc_fini();
}

static void end_thread(void)
{
	expect_death("thread exit");
	pthread_exit(NULL);
}

static sigjmp_buf out;

static void jump(void)
{
	siglongjmp(out, 1);
}

/* ---- What it interrupts ------------------------------------------------- */

/* A call that has the lock. */
static void fault_under_lock(void)
{
	secmalloc_stats(hide((void *)8));
}

/* A call that uses the thread's cache: the pool cannot be written to. */
static void fault_in_cache(void)
{
	if (syscall(SYS_mprotect, pool0, POOL, 1) != 0)
		_exit(tap_cannot("mprotect: %s", strerror(errno)));
	secfree(kept);
}

#define IN_BOTH(what)                       \
	static void what##_under_lock(void) \
	{                                   \
		on_fault_here(what);        \
		fault_under_lock();         \
	}                                   \
	static void what##_in_cache(void)   \
	{                                   \
		on_fault_here(what);        \
		fault_in_cache();           \
	}
IN_BOTH(take)
IN_BOTH(give)
IN_BOTH(resize)
IN_BOTH(ask)
IN_BOTH(reserve)
IN_BOTH(trim)
IN_BOTH(init)
IN_BOTH(fini)
IN_BOTH(end_thread)

/* The handler leaves the call for good, and the thread goes on. */
static void leave_with_a_jump(void (*fault)(void))
{
	on_fault_here(jump);
	if (sigsetjmp(out, 1) == 0)
		fault();
	take();
}

static void jump_under_lock(void)
{
	leave_with_a_jump(fault_under_lock);
}

static void jump_in_cache(void)
{
	leave_with_a_jump(fault_in_cache);
}

/* ---- on_fault, and the library's own handler ---------------------------- */

static void note(const char *line)
{
	struct secmalloc_stats stats;

	strcpy(shared->on_fault, line);
	shared->on_fault_calls++;
	/* All calls fail, and none of them hangs. */
	secfree(kept);
	if (secmalloc(32) != NULL || errno != ENXIO
	    || secmalloc_stats(&stats) != -1 || errno != ENXIO
	    || secrealloc(kept, 100) != NULL || secmalloc_init(NULL) != -1)
		shared->on_fault_calls = 100;
}

static void start_noting(unsigned flags)
{
	struct secmalloc_config config = {
		.initial_pools = 1,
		.on_fault = note,
		.flags = flags,
	};

	start_with(&config);
}

static void noting_under_lock(void)
{
	start_noting(0);
	take_under_lock();
}

static void noting_in_cache(void)
{
	start_noting(0);
	take_in_cache();
}

static void noted(const char *name, void (*misuse)(void))
{
	if (!demand(name, NULL, misuse))
		return;
	tap_ok(shared->on_fault_calls == 1
	               && strcmp(shared->on_fault, shared->want) == 0,
	       "%s: on_fault gets the line once, and cannot call the library",
	       name);
}

/* The library explains its own fault in the middle of a call. */
static void explaining(void (*fault)(void))
{
	signal(SIGSEGV, SIG_DFL);
	start_noting(SECMALLOC_EXPLAIN_FAULTS);
	kept = chunk_of(32);
	fault();
}

static void explain_in_cache(void)
{
	explaining(fault_in_cache);
}

static void explain_under_lock(void)
{
	explaining(fault_under_lock);
}

/* ---- Handlers that interrupt no call ------------------------------------ */

static void at_rest(void)
{
	static void (*const acts[])(void) = {take, give,    resize,
	                                     ask,  reserve, trim};

	for (int i = 0; i < 6; i++) {
		kept = chunk_of(32);
		act = acts[i];
		act();
	}
	_exit(42);
}

static void handle_at_rest(int signal)
{
	(void)signal;
	at_rest();
}

static void raise_at_rest(void)
{
	struct sigaction action = {.sa_handler = handle_at_rest};

	start_warm();
	sigaction(SIGUSR1, &action, NULL);
	raise(SIGUSR1);
}

int main(void)
{
	struct outcome got;

	misuse_start();
#define DEMAND(what)                    \
	(WITH_ARENA(what##_under_lock), \
	 demand(#what "_in_cache", start_warm, what##_in_cache))
	DEMAND(take);
	DEMAND(give);
	DEMAND(resize);
	DEMAND(reserve);
	DEMAND(trim);
	DEMAND(init);
	DEMAND(fini);
	DEMAND(ask);
	DEMAND(end_thread);
	DEMAND(jump);
	noted("under the lock", noting_under_lock);
	noted("in the cache", noting_in_cache);

	got = run(NULL, explain_in_cache);
	tap_ok(WIFSIGNALED(got.status) && WTERMSIG(got.status) == SIGSEGV
	               && strstr(got.line, "inside a free slot of 48 bytes")
	                          != NULL,
	       "a fault in the middle of a call by the cache is explained");
	tap_note("%s", got.line);
	got = run(NULL, explain_under_lock);
	tap_ok(WIFSIGNALED(got.status) && WTERMSIG(got.status) == SIGSEGV
	               && got.line[0] == '\0',
	       "a fault elsewhere under the lock takes its usual course");
	got = run(NULL, raise_at_rest);
	tap_ok(WIFEXITED(got.status) && WEXITSTATUS(got.status) == 42,
	       "control: the same handlers can run between two calls");
	tap_done();
}
