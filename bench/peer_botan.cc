// Botan's allocator for secure_vector: its locked pool, or else plain calloc.
// SPDX-License-Identifier: ISC
#include "bench.h"

#include <botan/mem_ops.h>

extern const char peer_name[] = "botan";

bool peer_start(size_t)
{
	return true;
}

void *peer_take(size_t size)
{
	return Botan::allocate_memory(size, 1);
}

void peer_give(void *p, size_t size)
{
	Botan::deallocate_memory(p, size, 1);
}
