/*
 * With SECMALLOC_EXPLAIN_FAULTS, one line explains a fault in the arena. Then
 * the previous handler is called, or the process ends.
 *
 * SPDX-License-Identifier: ISC
 */
#include "explain.h"

#include "dies.h"
#include "hide.h"
#include "thread.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>

static sigjmp_buf out;
static volatile int called;
static volatile uintptr_t address;

static void note_info(int signal, siginfo_t *info, void *context)
{
	(void)signal;
	(void)context;
	called++;
	address = (uintptr_t)info->si_addr;
	siglongjmp(out, 1);
}

static void note_plainly(int signal)
{
	(void)signal;
	called++;
	siglongjmp(out, 1);
}

static void hit(char *at)
{
	*(volatile char *)hide(at) = 1;
}

/* The previous handler is called each time, and gets the address. */
static bool chained(void)
{
	struct sigaction action = {.sa_flags = SA_SIGINFO};
	char *chunk;

	action.sa_sigaction = note_info;
	sigaction(SIGSEGV, &action, NULL);
	start(SECMALLOC_EXPLAIN_FAULTS);
	chunk = secmalloc_guarded(32);
	for (volatile int i = 0; i < 3; i++)
		if (sigsetjmp(out, 1) == 0)
			hit(chunk + 32);
	if (called != 3 || address != (uintptr_t)chunk + 32)
		return false;
	/* After secmalloc_fini() the previous handler is installed again. */
	secmalloc_fini();
	sigaction(SIGSEGV, NULL, &action);
	return action.sa_sigaction == note_info;
}

/* The previous handler records its environment here when it is called. */
static volatile bool user_2_waits, fault_waits, on_stack;
static char stack[65536];

static void note_mask(int signal, siginfo_t *info, void *context)
{
	sigset_t mask;
	uintptr_t here = (uintptr_t)&mask;

	(void)signal;
	(void)info;
	(void)context;
	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	user_2_waits = sigismember(&mask, SIGUSR2) == 1;
	fault_waits = sigismember(&mask, SIGSEGV) == 1;
	on_stack = here - (uintptr_t)stack < sizeof(stack);
	errno = 77;
	siglongjmp(out, 1);
}

static void hit_with(int flags, int signal)
{
	struct sigaction action = {.sa_flags = flags};
	char *chunk;

	action.sa_sigaction = note_mask;
	sigemptyset(&action.sa_mask);
	sigaddset(&action.sa_mask, SIGUSR2);
	sigaction(signal, &action, NULL);
	start(SECMALLOC_EXPLAIN_FAULTS);
	chunk = secmalloc_guarded(32);
	user_2_waits = fault_waits = on_stack = false;
	if (sigsetjmp(out, 1) == 0)
		hit(chunk + 32);
	secmalloc_fini();
}

/* The previous handler is called with its mask, SA_NODEFER and its alternate
 * stack. */
static bool chained_as_it_wants(void)
{
	stack_t other = {.ss_sp = stack, .ss_size = sizeof(stack)};

	hit_with(SA_SIGINFO, SIGSEGV);
	if (!user_2_waits || !fault_waits || on_stack)
		return false;
	hit_with(SA_SIGINFO | SA_NODEFER, SIGSEGV);
	if (!user_2_waits || fault_waits)
		return false;
	return sigaltstack(&other, NULL) == 0
	       && (hit_with(SA_SIGINFO | SA_ONSTACK, SIGSEGV), on_stack);
}

static bool watches(int signal)
{
	struct sigaction now;

	return sigaction(signal, NULL, &now) == 0 && now.sa_handler != SIG_DFL;
}

/* Both signals are watched. A handler that was installed later stays. */
static bool both_are_watched(void)
{
	struct sigaction above = {.sa_flags = SA_SIGINFO}, now;

	start(SECMALLOC_EXPLAIN_FAULTS);
	if (!watches(SIGSEGV) || !watches(SIGBUS))
		return false;
	above.sa_sigaction = note_info;
	sigaction(SIGBUS, &above, NULL);
	secmalloc_fini();
	return !watches(SIGSEGV) && sigaction(SIGBUS, NULL, &now) == 0
	       && now.sa_sigaction == note_info;
}

static bool chained_once(void)
{
	struct sigaction action = {.sa_flags = (int)SA_RESETHAND};
	char *chunk;

	action.sa_handler = note_plainly;
	sigaction(SIGSEGV, &action, NULL);
	start(SECMALLOC_EXPLAIN_FAULTS);
	chunk = secmalloc_guarded(32);
	if (sigsetjmp(out, 1) == 0)
		hit(chunk + 32);
	if (called != 1)
		return false;
	hit(chunk + 33);
	return false;
}

static void overflow(void)
{
	start(SECMALLOC_EXPLAIN_FAULTS);
	hit((char *)secmalloc_guarded(32) + 35);
}

static void read_a_closed_chunk(void)
{
	char *chunk;

	start(SECMALLOC_EXPLAIN_FAULTS);
	chunk = secmalloc_guarded(32);
	secmalloc_protect(chunk, SECMALLOC_NOACCESS);
	hit(chunk + 4);
}

static void overflow_where_it_is_ignored(void)
{
	signal(SIGSEGV, SIG_IGN);
	overflow();
}

static void foreign_fault(void)
{
	start(SECMALLOC_EXPLAIN_FAULTS);
	hit((char *)100);
}

static void overflow_without_the_flag(void)
{
	start(0);
	hit((char *)secmalloc_guarded(32) + 35);
}

static void overflow_after_fini(void)
{
	char *chunk;

	start(SECMALLOC_EXPLAIN_FAULTS);
	chunk = secmalloc_guarded(32);
	secmalloc_fini();
	hit(chunk + 35);
}

static void sent_by_kill(void)
{
	start(SECMALLOC_EXPLAIN_FAULTS);
	kill(getpid(), SIGSEGV);
	_exit(5);
}

static void sent_and_ignored_since(void)
{
	start(SECMALLOC_EXPLAIN_FAULTS);
	kill(getpid(), SIGSEGV);
	/* SIGSEGV is still watched. */
	hit((char *)secmalloc_guarded(32) + 35);
}

static void sent_and_ignored(void)
{
	signal(SIGSEGV, SIG_IGN);
	sent_and_ignored_since();
}

static void second_fault_of_one_shot(void)
{
	chained_once();
}

static void twice_the_flag(void)
{
	start(SECMALLOC_EXPLAIN_FAULTS);
	secmalloc_fini();
	overflow();
}

static void *hit_when_cancelled(void *at)
{
	pthread_cancel(pthread_self());
	hit(at);
	return NULL;
}

/* write() is a cancellation point, but a thread that has faulted must not end
 * there. */
static void cancelled(void)
{
	pthread_t thread;

	start(SECMALLOC_EXPLAIN_FAULTS);
	thread_begin(&thread, hit_when_cancelled,
	             (char *)secmalloc_guarded(32) + 35);
	pthread_join(thread, NULL);
}

/* A standard error that nobody reads does not change how the process ends. */
static void with_a_broken_pipe(void)
{
	int ends[2];

	start(SECMALLOC_EXPLAIN_FAULTS);
	if (pipe(ends) != 0)
		_exit(98);
	close(ends[0]);
	dup2(ends[1], STDERR_FILENO);
	hit((char *)secmalloc_guarded(32) + 35);
}

/* An ignored signal may still have the flag SA_SIGINFO set. */
static void ignored_with_a_flag(void)
{
	struct sigaction action = {.sa_flags = SA_SIGINFO};

	action.sa_handler = SIG_IGN;
	sigaction(SIGSEGV, &action, NULL);
	sent_and_ignored_since();
}

/* Another handler was installed and removed while there was no arena. */
static void watched_again(void)
{
	struct sigaction ours;

	start(SECMALLOC_EXPLAIN_FAULTS);
	sigaction(SIGSEGV, NULL, &ours);
	signal(SIGSEGV, note_plainly);
	secmalloc_fini();
	signal(SIGSEGV, SIG_DFL);
	start(SECMALLOC_EXPLAIN_FAULTS);
	secmalloc_fini();
	/* Other code restores a handler that it had saved. */
	sigaction(SIGSEGV, &ours, NULL);
	overflow();
}

/* Run a case that ends with a fault, and compare the line that it writes,
 * except for the address in it. If `words` is NULL, there must be no line. */
static void dies_at(const char *name, void (*act)(void), const char *words)
{
	struct outcome got = run(NULL, act);
	const char *line = got.line;
	int status = got.status;

	if (WIFEXITED(status) && WEXITSTATUS(status) == TAP_CANNOT) {
		tap_skip_told(name);
		return;
	}
	if (!tap_ok(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV
	                    && (words == NULL
	                                ? line[0] == '\0'
	                                : strncmp(line,
	                                          "secmalloc: fault: SIGSEGV at "
	                                          "0x",
	                                          31) == 0
	                                          && strstr(line, words) != NULL
	                                          && line[strlen(line) - 1]
	                                                     == '\n'),
	            "%s", name))
		tap_note("status %x, line '%s'", (unsigned)status, line);
}

#define PAST ": 3 bytes past the end of a guarded chunk of 32 bytes\n"

int main(void)
{
	tap_needs_plain_build();
	if (sysconf(_SC_PAGESIZE) != 4096)
		tap_skip_all("the figures are for pages of 4 KiB");

	dies_start();
	try_case("the previous handler is called each time", chained);
	try_case(
		"the previous handler is called with its mask, flags and stack",
		chained_as_it_wants);
	try_case("both signals are watched, and a later handler stays",
	         both_are_watched);
	dies_at("a previous handler with SA_RESETHAND is called only once",
	        second_fault_of_one_shot, "past the end");
	dies_at("an overflow is explained, and ends the process", overflow,
	        PAST);
	dies_at("reading a closed chunk is explained, and ends the process",
	        read_a_closed_chunk,
	        ": byte 4 of a guarded chunk of 32 bytes, which is closed\n");
	dies_at("a fault is explained and ends the process although SIGSEGV is "
	        "ignored",
	        overflow_where_it_is_ignored, PAST);
	dies_at("a fault outside the arena ends the process without a line",
	        foreign_fault, NULL);
	dies_at("without the flag a fault ends the process without a line",
	        overflow_without_the_flag, NULL);
	dies_at("after secmalloc_fini() a fault ends the process without a "
	        "line",
	        overflow_after_fini, NULL);
	dies_at("a SIGSEGV sent by kill() ends the process without a line",
	        sent_by_kill, NULL);
	dies_at("an ignored SIGSEGV sent by kill() does not end the process",
	        sent_and_ignored, PAST);
	dies_at("an ignored SIGSEGV with SA_SIGINFO set does not end the "
	        "process",
	        ignored_with_a_flag, PAST);
	dies_at("faults in a second arena are explained too", twice_the_flag,
	        PAST);
	dies_at("faults are explained after other handlers came and went",
	        watched_again, PAST);
	dies_at("a pending cancellation does not suppress the line", cancelled,
	        PAST);
	dies_at("a broken standard error does not change the signal that ends "
	        "the process",
	        with_a_broken_pipe, NULL);
	tap_done();
}
