/*
 * Threads are interrupted at random by signals whose handler allocates and
 * frees a chunk. No chunk ever gets two owners: the process dies with a message
 * as soon as a handler has interrupted a call of its own thread. Handlers that
 * do what they may do disturb nothing.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "case.h"
#include "hide.h"
#include "thread.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>

#define WORKERS 3
#define CHUNKS  12
#define RUNS    8
#define SIGNALS 20000
#define ROUNDS  3000

/* The status of a child in which a chunk had two owners. */
#define TWO_OWNERS 3

static _Atomic uintptr_t marks = 1;
static _Atomic unsigned ended, handled;
static void (*act)(void);

static void handle(int signal)
{
	int code = errno;

	(void)signal;
	act();
	handled++;
	errno = code;
}

/* ---- Chunks with a mark that nobody else has ---------------------------- */

struct owned {
	uintptr_t *at;
	size_t words;
	uintptr_t mark;
};

static void own(struct owned *o, size_t words)
{
	o->words = words;
	o->at = secmalloc(words * sizeof(*o->at));
	if (o->at == NULL)
		return;
	o->mark = marks++;
	for (size_t i = 0; i < words; i++) {
		if (o->at[i] != 0)
			_exit(TWO_OWNERS);
		o->at[i] = o->mark;
	}
}

static void check(const struct owned *o)
{
	for (size_t i = 0; o->at != NULL && i < o->words; i++)
		if (((volatile uintptr_t *)o->at)[i] != o->mark)
			_exit(TWO_OWNERS);
}

static void disown(struct owned *o)
{
	check(o);
	secfree(o->at);
	o->at = NULL;
}

static void take_and_give(void)
{
	struct owned o;

	own(&o, 4);
	disown(&o);
}

static void explain(void)
{
	char text[100];

	if (secmalloc_explain(act, text, sizeof(text)) != 0)
		_exit(1);
}

/* ---- Threads ------------------------------------------------------------ */

static void *work(void *rounds)
{
	static const size_t words[] = {2, 4, 4, 4, 30, 140, 1200};
	struct owned some[CHUNKS] = {{NULL, 0, 0}};

	for (unsigned i = 0; i < *(unsigned *)rounds; i++) {
		struct owned *o = &some[i * 7 % CHUNKS];

		if (o->at != NULL)
			disown(o);
		else
			own(o, words[i % (sizeof(words) / sizeof(*words))]);
	}
	for (int i = 0; i < CHUNKS; i++)
		if (some[i].at != NULL)
			disown(&some[i]);
	ended++;
	/* Stay, so that the thread can be sent signals. */
	while (ended <= WORKERS)
		usleep(1000);
	return NULL;
}

/* Interrupt working threads until `signals` were handled or all threads have
 * ended. */
static bool storm(void (*handler)(void), unsigned rounds, unsigned signals)
{
	struct secmalloc_config config = {.initial_pools = 8};
	struct secmalloc_stats stats;
	struct sigaction action = {.sa_handler = handle};
	pthread_t threads[WORKERS];

	if (secmalloc_init(&config) != 0)
		case_skip_init();
	act = handler;
	sigaction(SIGUSR1, &action, NULL);
	for (int t = 0; t < WORKERS; t++)
		thread_begin(&threads[t], work, &rounds);
	for (unsigned i = 0; ended < WORKERS || i < signals; i++)
		pthread_kill(threads[i % WORKERS], SIGUSR1);
	ended++;
	for (int t = 0; t < WORKERS; t++)
		pthread_join(threads[t], NULL);
	return secmalloc_audit() == 0 && secmalloc_stats(&stats) == 0
	       && stats.chunks == 0;
}

static bool handlers_that_explain(void)
{
	bool good = storm(explain, ROUNDS, SIGNALS);

	tap_note("%u signals were handled", handled);
	return good && handled > 100;
}

/* ---- Handlers that break the rule --------------------------------------- */

static void break_the_rule(int err)
{
	struct rlimit no_core = {0, 0};

	setrlimit(RLIMIT_CORE, &no_core);
	watchdog_start(60);
	dup2(err, STDERR_FILENO);
	storm(take_and_give, UINT32_MAX, 1);
	_exit(1);
}

/* Whether a process whose handlers call the library dies with the message. */
static bool dies_in_time(void)
{
	char line[400] = "";
	int ends[2], status = 0;
	pid_t pid;

	if (pipe(ends) != 0 || (pid = fork()) < 0)
		tap_skip_rest("no child: %s", strerror(errno));
	if (pid == 0)
		break_the_rule(ends[1]);
	close(ends[1]);
	waitpid(pid, &status, 0);
	if (read(ends[0], line, sizeof(line) - 1) < 0)
		line[0] = '\0';
	close(ends[0]);
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT
	    && strstr(line, ": called while another call of the same thread ")
	               != NULL)
		return true;
	tap_note("status %x%s: %s", (unsigned)status,
	         WIFEXITED(status) && WEXITSTATUS(status) == TWO_OWNERS
	                 ? " (a chunk had two owners)"
	                 : "",
	         line);
	return false;
}

static bool handlers_that_allocate(void)
{
	bool good = true;

	for (int i = 0; i < RUNS; i++)
		good = dies_in_time() && good;
	return good;
}

int main(void)
{
	tap_needs_plain_build();
	tap_needs_lock(1024);
	try_case("handlers that explain addresses disturb no thread",
	         handlers_that_explain);
	try_case(
		"handlers that allocate end the process before a chunk has two "
		"owners",
		handlers_that_allocate);
	tap_done();
}
