/* secmalloc with all hardening, in its default configuration. */
/* SPDX-License-Identifier: ISC */
#include "bench.h"

#include <secmalloc.h>
#include <stdio.h>

const char peer_name[] = "secmalloc";

bool peer_start(size_t bytes)
{
	struct secmalloc_config config = {.initial_pools = bytes / 65536};

	/* The lock limit of an ordinary user may have no room for that many
	 * pools. */
	if (secmalloc_init(&config) == 0 || secmalloc_init(NULL) == 0)
		return true;
	fprintf(stderr, "%s\n", secmalloc_error());
	return false;
}

bool peer_start_growing(size_t bytes)
{
	(void)bytes;
	return secmalloc_init(NULL) == 0;
}

bool peer_start_fixed(size_t bytes)
{
	struct secmalloc_config config = {
		.initial_pools = bytes / 65536,
		.max_pools = bytes / 65536,
	};

	return secmalloc_init(&config) == 0;
}

void *peer_realloc(void *p, size_t size)
{
	return secrealloc(p, size);
}

void *peer_take(size_t size)
{
	return secmalloc(size);
}

void peer_give(void *p, size_t size)
{
	(void)size;
	secfree(p);
}

void *peer_take_guarded(size_t size)
{
	return secmalloc_guarded(size);
}

void peer_allow(void *p, bool all)
{
	secmalloc_protect(p, all ? SECMALLOC_READWRITE : SECMALLOC_NOACCESS);
}

void *peer_resize(void *p, size_t old_size, size_t size)
{
	(void)old_size;
	return secrealloc(p, size);
}
