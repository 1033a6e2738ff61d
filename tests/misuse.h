/*
 * misuse.h - helpers for the suites of misuse: chunks in pool 0, and two ways
 * to start a case
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TESTS_MISUSE_H
#define TESTS_MISUSE_H

#include "config.h"

#include "backing.h"
#include "dies.h"
#include "hide.h"

#include <secmalloc.h>
#include <stdint.h>

#define POOL       ((uintptr_t)64 * 1024) /* the default size */
#define MOST_POOLS 4

/* Where pool 0 starts. */
static uintptr_t pool0;

/* Where a chunk in pool 0 is, in the words of the library's messages. */
static inline const char *where(const void *chunk)
{
	static char text[100];

	snprintf(text, sizeof(text), "at %p (pool 0, offset %zu)", chunk,
	         (size_t)((uintptr_t)chunk - pool0));
	return text;
}

static inline void start_with(const struct secmalloc_config *config)
{
	void *first;

	if (secmalloc_init(config) != 0)
		_exit(tap_cannot("%s", secmalloc_error()));
	/* A chunk that is in no slab takes the lowest addresses that are
	 * free. */
	first = hide(secmalloc(5000));
	pool0 = (uintptr_t)first;
	secfree(first);
}

static inline void start(void)
{
	struct secmalloc_config config = {.initial_pools = 1,
	                                  .max_pools = MOST_POOLS};

	start_with(&config);
}

/* Start an arena as start() does, and fill the thread's cache with the sizes
 * that the cases use. Calls that the cache serves do not take the arena's lock,
 * and must check just as much. */
static inline void start_warm(void)
{
	static const size_t sizes[] = {0, 10, 32, 48, 100, 240, 500, 2400};
	void *chunks[8][20];
	struct secmalloc_stats stats;

	start();
	for (int i = 0; i < 8; i++)
		for (int j = 0; j < 20; j++)
			chunks[i][j] = secmalloc(sizes[i]);
	for (int i = 0; i < 8; i++)
		for (int j = 0; j < 20; j++)
			secfree(chunks[i][j]);
	if (secmalloc_stats(&stats) != 0 || stats.cached_bytes < 4096)
		_exit(98);
}

/* A chunk filled with bytes that must never be printed. */
static inline char *chunk_of(size_t size)
{
	char *chunk = secmalloc(size);

	memset(chunk, 'K', size);
	return hide(chunk);
}

/* Control: plain malloc does not notice the same misuse. */
static inline void control(const char *what, void (*misuse)(void))
{
	struct outcome got = run(NULL, misuse);

	tap_ok(got.status == 0 && got.line[0] == '\0',
	       "control: plain malloc lets %s pass", what);
}

#define WITH_ARENA(misuse)               \
	(demand(#misuse, start, misuse), \
	 demand(#misuse ", warm cache", start_warm, misuse))
#define WITHOUT(misuse) demand(#misuse, NULL, misuse)

/* Call this before the first case. */
static inline void misuse_start(void)
{
	tap_needs_plain_build();
	dies_start();
	if (sysconf(_SC_PAGESIZE) != 4096)
		tap_skip_all("the offsets are for pages of 4 KiB");
	tap_needs_lock(256);
}

#endif /* TESTS_MISUSE_H */
