/*
 * verify.h - cases of secmalloc_verify(), each in a process of its own
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TESTS_VERIFY_H
#define TESTS_VERIFY_H

#include "tap.h"

#include <errno.h>
#include <grp.h>
#include <secmalloc.h>
#include <string.h>
#include <sys/wait.h>

#define NOBODY 65534
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
		bool good = run();

		fflush(stdout);
		_exit(good ? 0 : 1);
	}
	waitpid(child, &status, 0);
	if (WIFEXITED(status) && WEXITSTATUS(status) == CASE_SKIPPED)
		tap_skip(what, "not possible here");
	else
		tap_ok(status == 0, "%s", what);
}

/* Whether it fails with an errno, and words that have `part` in them. */
static inline bool fails(unsigned checks, int code, const char *part)
{
	int result;

	errno = 0;
	result = secmalloc_verify(checks);
	if (result == -1 && errno == code
	    && strncmp(secmalloc_error(), "secmalloc_verify: ", 18) == 0
	    && strstr(secmalloc_error(), part) != NULL)
		return true;
	tap_note("checks %#x: %d, errno %d instead of %d, '%s' without '%s'",
	         checks, result, errno, code, secmalloc_error(), part);
	return false;
}

static inline bool finds(unsigned checks, const char *part)
{
	return fails(checks, EPERM, part);
}

static inline bool says(const char *part)
{
	return strstr(secmalloc_error(), part) != NULL;
}

/* Whether it succeeds, and leaves errno alone. */
static inline bool passes(unsigned checks)
{
	int result;

	errno = 4242;
	result = secmalloc_verify(checks);
	if (result == 0 && errno == 4242)
		return true;
	tap_note("checks %#x: %d, errno %d, '%s'", checks, result, errno,
	         secmalloc_error());
	return false;
}

static inline bool become_nobody(void)
{
	return setgroups(0, NULL) == 0
	       && setresgid(NOBODY, NOBODY, NOBODY) == 0
	       && setresuid(NOBODY, NOBODY, NOBODY) == 0;
}

#endif /* TESTS_VERIFY_H */
