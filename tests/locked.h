/*
 * locked.h - how much this process has locked, compared with what lives
 *
 * The bound that the library promises is a multiple of the most bytes that
 * lived in chunks at one time, and LOCKED_SLACK more. While a chunk is copied,
 * both chunks live.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TESTS_LOCKED_H
#define TESTS_LOCKED_H

#include "tap.h"

#include <fcntl.h>
#include <secmalloc.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOCKED_MIB   ((size_t)1 << 20)
#define LOCKED_SLACK LOCKED_MIB

/* VmLck in bytes. The file stays open, because some suites ask at each of
 * thousands of steps. */
static inline size_t locked_now(void)
{
	static int fd = -1;
	static pid_t owner;
	char text[4096];
	const char *at;
	ssize_t got;

	if (owner != getpid()) {
		owner = getpid();
		fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	}
	got = pread(fd, text, sizeof(text) - 1, 0);
	text[got < 0 ? 0 : got] = '\0';
	at = strstr(text, "\nVmLck:");
	if (at == NULL)
		tap_skip_rest("/proc/self/status does not show VmLck");
	return strtoul(at + strlen("\nVmLck:"), NULL, 10) * 1024;
}

static inline struct secmalloc_stats locked_stats(void)
{
	struct secmalloc_stats stats;

	if (secmalloc_stats(&stats) != 0)
		abort();
	return stats;
}

/* What is compared. Both counts are without what the process had locked before
 * secmalloc_init(). */
struct locked {
	size_t before;   /* VmLck before secmalloc_init() */
	size_t initial;  /* what secmalloc_init() locked */
	size_t most;     /* the most bytes that lived at one time so far */
	unsigned halves; /* the promised multiple, in halves */
};

/* Make an arena. Call this with the arena's configuration in the process that
 * uses it. */
static inline bool locked_begin(struct locked *locked, unsigned halves,
                                const struct secmalloc_config *config)
{
	locked->before = locked_now();
	if (secmalloc_init(config) != 0)
		return false;
	locked->initial = locked_now() - locked->before;
	locked->most = 0;
	locked->halves = halves;
	return true;
}

/* The arena's part of VmLck. */
static inline size_t locked_by_arena(const struct locked *locked)
{
	return locked_now() - locked->before;
}

/* The bound for a load of which at most `most` bytes live at one time. */
static inline size_t locked_bound(const struct locked *locked, size_t most)
{
	size_t bound = most / 2 * locked->halves + LOCKED_SLACK;

	return bound > locked->initial ? bound : locked->initial;
}

/* So many bytes live at this moment. */
static inline void locked_lives(struct locked *locked, size_t bytes)
{
	if (bytes > locked->most)
		locked->most = bytes;
}

/* secrealloc() has made `to` bytes of `from`, while `others` live beside them.
 * Two places that do not overlap lived at the same time. */
static inline void locked_resized(struct locked *locked, size_t others,
                                  uintptr_t old, size_t from, uintptr_t new,
                                  size_t to)
{
	bool copied = new >= old + from || old >= new + to;

	locked_lives(locked, others + to + (copied ? from : 0));
}

/* Whether what is locked is within the bound, and is what the counters say. */
static inline bool locked_in_proportion(const struct locked *locked)
{
	size_t now = locked_by_arena(locked);

	if (now <= locked_bound(locked, locked->most))
		return true;
	tap_note("%zu KiB are locked, %zu KiB lived, and %zu KiB are allowed",
	         now >> 10, locked->most >> 10,
	         locked_bound(locked, locked->most) >> 10);
	return false;
}

static inline bool locked_as_counted(const struct locked *locked)
{
	size_t now = locked_by_arena(locked);
	struct secmalloc_stats stats = locked_stats();

	if (stats.locked_bytes == now)
		return true;
	tap_note("VmLck has %zu bytes of the arena, and locked_bytes is %ju",
	         now, (uintmax_t)stats.locked_bytes);
	return false;
}

#endif /* TESTS_LOCKED_H */
