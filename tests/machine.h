/*
 * machine.h - one lock for the state of the whole machine
 *
 * Suites run at the same time, also those of another build. A suite that
 * changes swap, core_pattern or suid_dumpable takes the lock exclusively
 * (LOCK_EX). A suite whose results depend on these shares it (LOCK_SH).
 * machine_lock in tap.sh takes the same lock.
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

/* Take the lock. It is held until LOCK_UN, or until the process and its
 * children have ended. */
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
