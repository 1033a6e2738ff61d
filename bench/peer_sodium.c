/* libsodium's sodium_malloc(): each chunk has pages, guard pages and a lock of
 * its own. */
/* SPDX-License-Identifier: ISC */
#include "bench.h"

#include <sodium.h>

const char peer_name[] = "libsodium";

bool peer_start(size_t bytes)
{
	(void)bytes;
	return sodium_init() >= 0;
}

void *peer_take(size_t size)
{
	return sodium_malloc(size);
}

void peer_give(void *p, size_t size)
{
	(void)size;
	sodium_free(p);
}

void *peer_take_guarded(size_t size)
{
	return sodium_malloc(size);
}

void peer_allow(void *p, bool all)
{
	if (all)
		sodium_mprotect_readwrite(p);
	else
		sodium_mprotect_noaccess(p);
}
