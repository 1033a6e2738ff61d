/*
 * The process's malloc with explicit_bzero() before free: that of libc, or
 * jemalloc where the program is linked with it. Not locked.
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

void peer_give(void *p, size_t size)
{
	explicit_bzero(p, size);
	free(p);
}
