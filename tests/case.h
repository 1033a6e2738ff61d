/*
 * case.h - tests that each take a process of their own
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TESTS_CASE_H
#define TESTS_CASE_H

#include "tap.h"
#include "watchdog.h"

#include <secmalloc.h>
#include <string.h>
#include <sys/wait.h>

#define CASE_SKIPPED 77

/* A case that cannot be had here ends with this. */
static inline _Noreturn void case_skip(void)
{
	_exit(CASE_SKIPPED);
}

/* Run a case in a child; it says whether all was as it should be. */
static inline void try_case(const char *what, bool (*run)(void))
{
	int status = -1;
	pid_t child;

	fflush(stdout);
	child = fork();
	if (child == 0) {
		bool good;

		watchdog_start(100);
		good = run();

		fflush(stdout);
		_exit(good ? 0 : 1);
	}
	waitpid(child, &status, 0);
	if (WIFEXITED(status) && WEXITSTATUS(status) == CASE_SKIPPED)
		tap_skip(what, "not possible here");
	else
		tap_ok(status == 0, "%s", what);
}

/* Whether the words of the last failure have `part` in them. */
static inline bool says(const char *part)
{
	return strstr(secmalloc_error(), part) != NULL;
}

#endif /* TESTS_CASE_H */
