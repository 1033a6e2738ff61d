/*
 * machine.h - one lock for what belongs to the whole machine
 *
 * Suites run at the same time, also those of another build. One that changes
 * swap, core_pattern or suid_dumpable takes the lock for itself (LOCK_EX), one
 * whose results depend on them shares it (LOCK_SH). machine_lock in tap.sh
 * takes the same one.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TESTS_MACHINE_H
#define TESTS_MACHINE_H

#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>

/* Until LOCK_UN, or until the process and its children have ended. */
static inline void machine_lock(int how)
{
	static int fd = -1;

	if (fd < 0)
		fd = open("/proc/sys/kernel/core_pattern",
		          O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		fd = open("/", O_RDONLY | O_CLOEXEC);
	if (flock(fd, how) != 0)
		tap_note("flock: %s", strerror(errno));
}

#endif /* TESTS_MACHINE_H */
