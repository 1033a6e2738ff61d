/*
 * core_pattern.h - changes for a while where the machine's core dumps go
 *
 * This needs root, and takes the machine's lock.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TESTS_CORE_PATTERN_H
#define TESTS_CORE_PATTERN_H

#include "machine.h"
#include "proc.h"

#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

static int core_pattern_fd = -1;
static char core_pattern_before[256];

static inline bool core_pattern_set(const char *pattern)
{
	size_t length = strlen(pattern);

	return pwrite(core_pattern_fd, pattern, length, 0) == (ssize_t)length;
}

/* Returns false if the pattern cannot be changed. Otherwise call
 * core_pattern_put_back() afterwards. */
static inline bool core_pattern_take(void)
{
	machine_lock(LOCK_EX);
	core_pattern_fd = open(CORE_PATTERN, O_RDWR | O_CLOEXEC);
	return core_pattern_fd >= 0
	       && pread(core_pattern_fd, core_pattern_before,
	                sizeof(core_pattern_before) - 1,
	                0) > 0
	       && core_pattern_set(core_pattern_before);
}

static inline void core_pattern_put_back(void)
{
	core_pattern_set(core_pattern_before);
	close(core_pattern_fd);
	machine_lock(LOCK_UN);
}

#endif /* TESTS_CORE_PATTERN_H */
