/*
 * child.h - what is done in a child, and as whom
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

/* What waitpid() says of a child: its exit status, or 128 + its signal. */
static inline int child_end(pid_t pid)
{
	int status = -1;

	waitpid(pid, &status, 0);
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status)
	                           : WEXITSTATUS(status);
}

/* The end of a child that does something. */
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
	tap_cannot("root may not become another user: %s", strerror(errno));
	return false;
}

/* May the process lock so much from now on, without a privilege? The hard limit
 * of one that is ordinary already may be lower. */
static inline bool child_be_ordinary(size_t lock_limit)
{
	struct rlimit limit = {lock_limit, lock_limit};

	if (setrlimit(RLIMIT_MEMLOCK, &limit) == 0)
		return child_become_nobody();
	tap_cannot("RLIMIT_MEMLOCK cannot be set to %zu: %s", lock_limit,
	           strerror(errno));
	return false;
}

/* The result of a case that is 1 in a child if all is well, and tap_cannot() if
 * it cannot be tried. */
static inline void child_try(const char *what, int (*act)(void))
{
	int end = in_child(act);

	if (end == TAP_CANNOT)
		tap_skip_told(what);
	else
		tap_ok(end == 1, "%s (%d)", what, end);
}

#endif /* TESTS_CHILD_H */
