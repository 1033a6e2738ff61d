/* Only mmap(), mlock(), mremap() and mprotect(): the lowest cost of init, fork,
 * growth and a change of access. */
/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "bench.h"

#include <sys/mman.h>

#define PAGE ((size_t)4096)

const char peer_name[] = "mmap+mlock";

static unsigned char *start;
static size_t start_bytes;

bool peer_start(size_t bytes)
{
	start_bytes = bytes;
	start = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
	             MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return start != MAP_FAILED && mlock(start, bytes) == 0;
}

bool peer_start_growing(size_t bytes)
{
	(void)bytes;
	return peer_start(PAGE);
}

/* What mremap() adds to a locked mapping is locked. */
void *peer_realloc(void *p, size_t size)
{
	size_t bytes = (size + PAGE - 1) / PAGE * PAGE;
	void *moved = mremap(p, start_bytes, bytes, MREMAP_MAYMOVE);

	if (moved == MAP_FAILED)
		return NULL;
	start_bytes = bytes;
	return moved;
}

/* The same memory every time. One question needs a chunk in use. */
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

/* A locked page between two inaccessible ones. */
void *peer_take_guarded(size_t size)
{
	unsigned char *at = mmap(NULL, 3 * PAGE, PROT_NONE,
	                         MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)size;
	if (at == MAP_FAILED
	    || mprotect(at + PAGE, PAGE, PROT_READ | PROT_WRITE) != 0
	    || mlock(at + PAGE, PAGE) != 0)
		return NULL;
	return at + PAGE;
}

void peer_allow(void *p, bool all)
{
	mprotect(p, PAGE, all ? PROT_READ | PROT_WRITE : PROT_NONE);
}
