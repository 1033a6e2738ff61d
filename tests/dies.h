/*
 * dies.h - cases that must end in SIGABRT after exactly one line
 *
 * Each case runs in a process of its own. It writes the line that it expects
 * into memory that it shares with the parent, because only the case knows the
 * addresses in it.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TESTS_DIES_H
#define TESTS_DIES_H

#include "tap.h"
#include "watchdog.h"

#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

#define LINE 400

static struct shared {
	char want[LINE];
	char on_fault[LINE];
	int on_fault_calls;
} * shared;

__attribute__((format(printf, 1, 2))) static inline void expect(
	const char *format, ...)
{
	va_list list;
	size_t length;

	strcpy(shared->want, "secmalloc: fatal: ");
	length = strlen(shared->want);
	va_start(list, format);
	vsnprintf(shared->want + length, LINE - length, format, list);
	va_end(list);
	strcat(shared->want, "\n");
}

/* Call this before the first case. */
static inline void dies_start(void)
{
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
	              MAP_SHARED | MAP_ANONYMOUS, -1, 0);
}

struct outcome {
	int status;
	char line[LINE];
};

/* Run a case with its standard error connected to a pipe. */
static inline struct outcome run(void (*prepare)(void), void (*misuse)(void))
{
	struct outcome outcome = {0};
	size_t length = 0;
	int ends[2];
	ssize_t n;
	pid_t pid;

	tap_reason[0] = '\0';
	memset(shared, 0, sizeof(*shared));
	if (pipe(ends) != 0 || (pid = fork()) < 0)
		abort();
	if (pid == 0) {
		struct rlimit no_core = {0, 0};

		setrlimit(RLIMIT_CORE, &no_core);
		watchdog_start(20);
		dup2(ends[1], STDERR_FILENO);
		if (prepare != NULL)
			prepare();
		misuse();
		_exit(97);
	}
	close(ends[1]);
	while ((n = read(ends[0], outcome.line + length, LINE - 1 - length))
	       > 0)
		length += (size_t)n;
	close(ends[0]);
	waitpid(pid, &outcome.status, 0);
	return outcome;
}

/* Run a case that must die. Returns false if the case was skipped with
 * tap_cannot(). */
static inline bool demand(const char *name, void (*prepare)(void),
                          void (*misuse)(void))
{
	struct outcome got = run(prepare, misuse);
	bool aborted = WIFSIGNALED(got.status)
	               && WTERMSIG(got.status) == SIGABRT;

	if (WIFEXITED(got.status) && WEXITSTATUS(got.status) == TAP_CANNOT) {
		tap_skip_told(name);
		return false;
	}
	if (!tap_ok(aborted && strcmp(got.line, shared->want) == 0
	                    && strstr(got.line, "KKK") == NULL,
	            "%s: SIGABRT after exactly the expected line", name)) {
		tap_note("status %x, wanted SIGABRT", (unsigned)got.status);
		tap_note("wanted: %s", shared->want);
		tap_note("got:    %s", got.line);
	}
	return true;
}

#endif /* TESTS_DIES_H */
