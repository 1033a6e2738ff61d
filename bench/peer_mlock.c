/* mmap() and mlock() alone: what init and fork cost at the least. */
/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "bench.h"

#include <sys/mman.h>

const char peer_name[] = "mmap+mlock";

static unsigned char *start;

bool peer_start(size_t bytes)
{
	start = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
	             MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return start != MAP_FAILED && mlock(start, bytes) == 0;
}

/* One place, for the question that wants a chunk in use. */
void *peer_take(size_t size)
{
	(void)size;
	return start;
}

void peer_give(void *p, size_t size)
{
	(void)p;
	(void)size;
}
