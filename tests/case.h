/*
 * case.h - test cases that each run in a process of their own
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

/* End a case that cannot be tried on this machine: case_skip(WHY, ...). */
#define case_skip(...) _exit(tap_cannot(__VA_ARGS__))

/* Skip the case if a file cannot be read. Some containers and root directories
 * provide only a part of /proc. */
static inline void case_needs_file(const char *path)
{
	if (access(path, R_OK) != 0)
		case_skip("cannot read %s: %s", path, strerror(errno));
}

/* Skip a case whose arena could not be created. */
static inline _Noreturn void case_skip_init(void)
{
	case_skip("%s", secmalloc_error());
}

/* Run a case in a child. It passes if `run` returns true. */
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

/* Whether the message of the last failure contains `part`. */
static inline bool says(const char *part)
{
	return strstr(secmalloc_error(), part) != NULL;
}

#endif /* TESTS_CASE_H */
