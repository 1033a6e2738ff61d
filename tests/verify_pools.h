/*
 * verify_pools.h - an arena with three pools, for secmalloc_verify() to check
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TESTS_VERIFY_POOLS_H
#define TESTS_VERIFY_POOLS_H

#include "config.h"

#include "hide.h"
#include "proc.h"
#include "verify.h"

#include <stdint.h>
#include <sys/mman.h>

#define LOCKED     SECMALLOC_VERIFY_LOCKED
#define ADVICE     SECMALLOC_VERIFY_ADVICE
#define POOLS      3
#define POOL_BYTES ((size_t)65536)

/* The start addresses of the pools that make_pools() creates. */
static char *pools[POOLS];
static size_t page;

static inline char *pool_of(void *chunk)
{
	return (char *)((uintptr_t)chunk & ~(uintptr_t)(POOL_BYTES - 1));
}

/* Create three pools, each between guard pages, and fill each with one
 * chunk. */
static inline bool make_pools(void)
{
	struct secmalloc_config config = {
		.initial_pools = POOLS,
		.pool_size = POOL_BYTES,
	};

	if (secmalloc_init(&config) != 0)
		case_skip_init();
	for (int i = 0; i < POOLS; i++)
		pools[i] = pool_of(secmalloc(POOL_BYTES - 1000));
	return passes(LOCKED | ADVICE);
}

/* Call this before the first case. */
static inline void verify_pools_start(void)
{
	tap_needs_plain_build();
	page = (size_t)sysconf(_SC_PAGESIZE);
	if (page != 4096)
		tap_skip_all("the offsets are for pages of 4 KiB");
	tap_needs_lock(1024);
}

#endif /* TESTS_VERIFY_POOLS_H */
