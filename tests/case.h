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

/* End a case that cannot be tried here: case_skip(WHY, ...). */
#define case_skip(...) _exit(tap_cannot(__VA_ARGS__))

/* Some containers and root directories do not have all of /proc. */
static inline void case_needs_file(const char *path)
{
	if (access(path, R_OK) != 0)
		case_skip("cannot read %s: %s", path, strerror(errno));
}

/* End a case that cannot have its arena. */
static inline _Noreturn void case_skip_init(void)
{
	case_skip("%s", secmalloc_error());
}

/* Run a case in a child; it says whether all was as it should be. */
static inline void try_case(const char *what, bool (*run)(void))
{
	int status = -1;
	pid_t child;

	fflush(stdout);
	tap_reason[0] = '\0';
	child = fork();
	if (child == 0) {
		bool good;

		watchdog_start(100);
		good = run();

		fflush(stdout);
		_exit(good ? 0 : 1);
	}
	waitpid(child, &status, 0);
	if (WIFEXITED(status) && WEXITSTATUS(status) == TAP_CANNOT)
		tap_skip_told(what);
	else
		tap_ok(status == 0, "%s", what);
}

/* Whether the words of the last failure have `part` in them. */
static inline bool says(const char *part)
{
	return strstr(secmalloc_error(), part) != NULL;
}

#endif /* TESTS_CASE_H */
