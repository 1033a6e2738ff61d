/*
 * What an address is, in words: asked, also where the arena's lock is held, and
 * said when a fault hits it, before the handler that was there does its part.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "backing.h"
#include "case.h"
#include "dies.h"
#include "hide.h"

#include <errno.h>
#include <pthread.h>
#include <secmalloc.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/wait.h>

#define KIB    ((size_t)1024)
#define STRIDE (128 * KIB) /* of pools of 64 KiB */

static size_t page;
static char said[200];

static bool is(const void *addr, const char *words)
{
	if (secmalloc_explain(addr, said, sizeof(said)) == 0
	    && strcmp(said, words) == 0)
		return true;
	tap_note("wanted '%s', got '%s'", words, said);
	return false;
}

static void start(unsigned flags)
{
	struct secmalloc_config config = {
		.initial_pools = 2,
		.pool_size = 64 * KIB,
		.guarded_chunks = 2,
		.flags = flags,
	};

	if (secmalloc_init(&config) != 0) {
		tap_note("%s", secmalloc_error());
		case_skip();
	}
}

static bool in_pools(void)
{
	char *chunk, *gone, *large, *pool;

	start(0);
	large = secmalloc(20000);
	chunk = hide(secmalloc(32));
	gone = hide(secmalloc(32));
	secfree(hide(gone));
	pool = (char *)((uintptr_t)chunk & ~(uintptr_t)(STRIDE - 1));
	return is(chunk, "byte 0 of a chunk of 32 bytes, pool 0")
	       && is(chunk + 31, "byte 31 of a chunk of 32 bytes, pool 0")
	       && is(chunk + 35, "3 bytes past the end of a chunk of 32 "
	                         "bytes, pool 0")
	       && is(gone, "inside a free slot of class 48, pool 0")
	       && is(gone + 47, "inside a free slot of class 48, pool 0")
	       && is(pool + 50000, "inside free memory, pool 0")
	       && is(pool + 64 * KIB, "in the guard after pool 0")
	       && is(pool + STRIDE - 1, "in the guard after pool 0")
	       && is(pool - 1, "in the guard before pool 0")
	       && is(large + 19999,
	             "byte 19999 of a chunk of 20000 bytes, pool 0")
	       && is(pool + STRIDE + 64 * KIB, "in the guard after pool 1")
	       && is(pool + 2 * STRIDE, "in addresses kept for further pools")
	       && is(pool - STRIDE + page, "in the page of the canary key");
}

static bool in_guarded_chunks(void)
{
	char *first, *second;

	start(0);
	first = secmalloc_guarded(32);
	second = secmalloc_guarded(30);
	if (!is(first + 31, "byte 31 of a guarded chunk of 32 bytes")
	    || !is(first + 32 + 3,
	           "3 bytes past the end of a guarded chunk of 32 bytes")
	    || !is(second + 30,
	           "0 bytes past the end of a guarded chunk of 30 bytes")
	    || !is(first - 5, "5 bytes before a guarded chunk of 32 bytes")
	    || !is(second + 32 - page - 1,
	           "4065 bytes before a guarded chunk of 30 bytes")
	    || !is(first + 32 - page - 1,
	           "4065 bytes before a guarded chunk of 32 bytes"))
		return false;
	secmalloc_protect(first, SECMALLOC_NOACCESS);
	secmalloc_protect(second, SECMALLOC_READONLY);
	if (!is(first, "byte 0 of a guarded chunk of 32 bytes, which is closed")
	    || !is(second + 1, "byte 1 of a guarded chunk of 30 bytes, which "
	                       "is open for reading only"))
		return false;
	secfree(first);
	return is(first, "inside a free guarded cell");
}

static bool elsewhere(void)
{
	char local, tight[8];

	if (!is(NULL, "not of this library")
	    || !is(&local, "not of this "
	                   "library"))
		return false;
	start(0);
	if (!is(NULL, "not of this library")
	    || !is(&local, "not of this "
	                   "library")
	    || !is((void *)UINTPTR_MAX, "not of this library"))
		return false;
	errno = 0;
	if (secmalloc_explain(&local, NULL, 10) != -1 || errno != EINVAL)
		return false;
	errno = 0;
	if (secmalloc_explain(&local, tight, 0) != -1 || errno != EINVAL)
		return false;
	errno = 5;
	return secmalloc_explain(&local, tight, sizeof(tight)) == 0
	       && errno == 5 && strcmp(tight, "not of ") == 0;
}

static bool in_a_child(void)
{
	char *chunk, *guarded;
	int status = -1;
	pid_t pid;

	start(0);
	chunk = secmalloc(32);
	guarded = secmalloc_guarded(32);
	pid = fork();
	if (pid == 0)
		_exit(!is(chunk, "of the parent's arena, which this child has "
		                 "not")
		      || !is(guarded, "of the parent's arena, which this child "
		                      "has not"));
	waitpid(pid, &status, 0);
	return status == 0;
}

/* Every address is something, and asking is always safe. */
static bool anywhere(void)
{
	char *chunk;

	start(0);
	chunk = secmalloc(32);
	for (int i = 0; i < 100; i++)
		hide(secmalloc((size_t)i * 50));
	for (uintptr_t at = (uintptr_t)chunk - STRIDE;
	     at < (uintptr_t)chunk + 3 * STRIDE; at += 7)
		if (secmalloc_explain((void *)at, said, sizeof(said)) != 0
		    || strlen(said) > 119)
			return false;
	return true;
}

/* ---- Where the lock is held --------------------------------------------- */

static const char *wild;

static void explain_in_on_fault(const char *line)
{
	(void)line;
	_exit(!is(wild, "byte 1 of a chunk of 32 bytes, pool 0"));
}

static bool with_the_lock_held(void)
{
	struct secmalloc_config config = {
		.initial_pools = 1,
		.on_fault = explain_in_on_fault,
	};
	char *chunk;

	if (secmalloc_init(&config) != 0)
		case_skip();
	chunk = hide(secmalloc(32));
	wild = chunk + 1;
	secfree(hide(chunk + 1));
	return false;
}

/* ---- Faults ------------------------------------------------------------- */

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

/* A handler that was there is called, each time, and knows the address. */
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
	/* After fini it is there as it was. */
	secmalloc_fini();
	sigaction(SIGSEGV, NULL, &action);
	return action.sa_sigaction == note_info;
}

/* How a handler that was there finds things. */
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

/* Its mask, SA_NODEFER, and the alternate stack. */
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

/* Both signals; and what was put above its handlers stays there. */
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
	/* It is still watched. */
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

/* The line's write() is no place to end a thread that has faulted. */
static void cancelled(void)
{
	pthread_t thread;

	start(SECMALLOC_EXPLAIN_FAULTS);
	pthread_create(&thread, NULL, hit_when_cancelled,
	               (char *)secmalloc_guarded(32) + 35);
	pthread_join(thread, NULL);
}

/* Nor does a standard error that nobody reads change the end. */
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

/* What has no handler may have the flag of one. */
static void ignored_with_a_flag(void)
{
	struct sigaction action = {.sa_flags = SA_SIGINFO};

	action.sa_handler = SIG_IGN;
	sigaction(SIGSEGV, &action, NULL);
	sent_and_ignored_since();
}

/* Somebody's handler came and went while there was no arena. */
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
	/* And one that puts back what it had saved. */
	sigaction(SIGSEGV, &ours, NULL);
	overflow();
}

/* Run a case whose last act is a fault, and compare the line that it writes,
 * but for the address in it. */
static void dies_at(const char *name, void (*act)(void), const char *words)
{
	struct outcome got = run(NULL, act);
	const char *line = got.line;
	int status = got.status;

	if (WIFEXITED(status) && WEXITSTATUS(status) == CASE_SKIPPED) {
		tap_skip(name, "nothing can be locked");
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
	page = (size_t)sysconf(_SC_PAGESIZE);
	if (page != 4096)
		tap_skip_all("the figures are those of pages of 4 KiB");

	dies_start();
	try_case("addresses of pools", in_pools);
	try_case("addresses of guarded chunks", in_guarded_chunks);
	try_case("addresses of others, and bad room", elsewhere);
	try_case("in a child", in_a_child);
	try_case("any address at all", anywhere);
	try_case("in on_fault, where the lock is held", with_the_lock_held);
	try_case("a handler that was there is called", chained);
	try_case("as it wants to be", chained_as_it_wants);
	try_case("both signals, and not those above", both_are_watched);
	dies_at("a handler for one time is called once",
	        second_fault_of_one_shot, "past the end");
	dies_at("a fault is explained, and ends the process", overflow, PAST);
	dies_at("reading a closed chunk", read_a_closed_chunk,
	        ": byte 4 of a guarded chunk of 32 bytes, which is closed\n");
	dies_at("a fault that is ignored", overflow_where_it_is_ignored, PAST);
	dies_at("a fault elsewhere is passed on without a word", foreign_fault,
	        NULL);
	dies_at("without the flag there is no word", overflow_without_the_flag,
	        NULL);
	dies_at("nor after fini", overflow_after_fini, NULL);
	dies_at("a signal that was sent ends the process too", sent_by_kill,
	        NULL);
	dies_at("one that was sent and is ignored does not", sent_and_ignored,
	        PAST);
	dies_at("... nor with the flag of a handler", ignored_with_a_flag,
	        PAST);
	dies_at("a second arena is watched like the first", twice_the_flag,
	        PAST);
	dies_at("also after handlers have come and gone", watched_again, PAST);
	dies_at("a cancellation does not stop it", cancelled, PAST);
	dies_at("a broken pipe does not change it", with_a_broken_pipe, NULL);
	tap_done();
}
