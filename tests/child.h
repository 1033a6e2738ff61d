/*
 * child.h - runs functions in a child process, with fewer rights if asked
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TESTS_CHILD_H
#define TESTS_CHILD_H

#include "tap.h"
#include "watchdog.h"

#include <grp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOBODY 65534
#define KIB    ((size_t)1024)

/* Wait for a child. Returns its exit status, or 128 plus the number of the
 * signal that ended it. */
static inline int child_end(pid_t pid)
{
	int status = -1;

	waitpid(pid, &status, 0);
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status)
	                           : WEXITSTATUS(status);
}

/* Run a function in a child. Returns how the child ended, as child_end(). */
static inline int in_child(int (*act)(void))
{
	pid_t pid;

	fflush(stdout);
	tap_reason[0] = '\0';
	pid = fork();
	if (pid == 0) {
		watchdog_start(60);
		_exit(act());
	}
	return child_end(pid);
}

static inline bool child_become_nobody(void)
{
	if (geteuid() != 0
	    || (setgroups(0, NULL) == 0
	        && setresgid(NOBODY, NOBODY, NOBODY) == 0
	        && setresuid(NOBODY, NOBODY, NOBODY) == 0))
		return true;
	tap_cannot("root is not allowed to become another user: %s",
	           strerror(errno));
	return false;
}

/* Become an ordinary user that may lock `lock_limit` bytes. This fails if the
 * process is an ordinary user already and its hard limit is lower. */
static inline bool child_be_ordinary(size_t lock_limit)
{
	struct rlimit limit = {lock_limit, lock_limit};

	if (setrlimit(RLIMIT_MEMLOCK, &limit) == 0)
		return child_become_nobody();
	tap_cannot("RLIMIT_MEMLOCK cannot be set to %zu: %s", lock_limit,
	           strerror(errno));
	return false;
}

/* Run a case in a child, which returns 1 if everything is as it should be. It
 * returns tap_cannot() if the case cannot be tried. */
static inline void child_try(const char *what, int (*act)(void))
{
	int end = in_child(act);

	if (end == TAP_CANNOT)
		tap_skip_told(what);
	else
		tap_ok(end == 1, "%s (%d)", what, end);
}

#endif /* TESTS_CHILD_H */
