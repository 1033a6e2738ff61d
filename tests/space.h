/*
 * space.h - moves the process to a user namespace of its own
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TESTS_SPACE_H
#define TESTS_SPACE_H

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* A namespace in which the process has every capability, and no id of the
 * namespace outside is mapped. -1 with errno. */
static inline int space_enter(void)
{
	return (int)syscall(SYS_unshare, CLONE_NEWUSER);
}

static inline bool space_write(const char *name, pid_t pid, const char *text)
{
	char path[64];
	bool good;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	good = fd >= 0
	       && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
	if (fd >= 0)
		close(fd);
	return good;
}

/*
 * As space_enter(), but with a map of all ids to themselves, such as systemd
 * and container engines make. Only root can write that map, from outside: a
 * child stays there for it. -1 with errno.
 */
static inline int space_enter_mapped(void)
{
	static const char all[] = "0 0 4294967295";
	pid_t self = getpid(), child;
	int ends[2], status = -1;
	char byte = 0;

	if (pipe(ends) != 0)
		return -1;
	child = fork();
	if (child == 0) {
		bool good = read(ends[0], &byte, 1) == 1
		            && space_write("uid_map", self, all)
		            && space_write("gid_map", self, all);

		_exit(good ? 0 : 1);
	}
	if (space_enter() != 0)
		status = errno;
	if (write(ends[1], &byte, 1) != 1)
		status = errno;
	close(ends[0]);
	close(ends[1]);
	if (waitpid(child, &status, 0) == child && status == 0)
		return 0;
	errno = EPERM;
	return -1;
}

#endif /* TESTS_SPACE_H */
