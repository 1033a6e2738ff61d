/*
 * The process's malloc(), with explicit_bzero() before free(): libc's, or
 * jemalloc's if the program is linked with it. The memory is not locked.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "bench.h"

#include <stdlib.h>
#include <string.h>

#ifdef BENCH_JEMALLOC
const char peer_name[] = "jemalloc+wipe";
#else
const char peer_name[] = "libc+wipe";
#endif

bool peer_start(size_t bytes)
{
	(void)bytes;
	return true;
}

void *peer_take(size_t size)
{
	return malloc(size);
}

void *peer_realloc(void *p, size_t size)
{
	return realloc(p, size);
}

void peer_give(void *p, size_t size)
{
	explicit_bzero(p, size);
	free(p);
}
