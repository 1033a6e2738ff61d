/*
 * guarded.h - an arena with guarded chunks
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TESTS_GUARDED_H
#define TESTS_GUARDED_H

#include "config.h"

#include "backing.h"
#include "case.h"
#include "faults.h"
#include "hide.h"

#include <errno.h>
#include <secmalloc.h>
#include <stdint.h>

#define CELLS 8

static size_t page;

static inline void start_with(size_t chunks, size_t size)
{
	struct secmalloc_config config = {
		.guarded_chunks = chunks,
		.guarded_size = size,
	};

	if (secmalloc_init(&config) != 0)
		case_skip_init();
}

static inline void start(void)
{
	start_with(CELLS, 0);
}

static inline struct secmalloc_stats stats_now(void)
{
	struct secmalloc_stats stats = {0};

	secmalloc_stats(&stats);
	return stats;
}

static inline bool all_refuse(void *ptr, int code)
{
	int got[3] = {0};

	errno = 0;
	if (secmalloc_protect(ptr, SECMALLOC_NOACCESS) == -1)
		got[0] = errno;
	if (secmalloc_open(ptr, SECMALLOC_READONLY) == -1)
		got[1] = errno;
	if (secmalloc_close(ptr) == -1)
		got[2] = errno;
	return got[0] == code && got[1] == code && got[2] == code;
}

/* Call this before the first case. */
static inline void guarded_start(void)
{
	tap_needs_plain_build();
	page = (size_t)sysconf(_SC_PAGESIZE);
	if (page != 4096)
		tap_skip_all("the figures are for pages of 4 KiB");
}

#endif /* TESTS_GUARDED_H */
