// Botan's allocator for secure_vector: its locked pool, or else plain calloc.
// SPDX-License-Identifier: ISC
#include "bench.h"

#include <botan/mem_ops.h>
#include <cstring>

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

void *peer_resize(void *p, size_t old_size, size_t size)
{
	void *moved = peer_take(size);

	std::memcpy(moved, p, old_size < size ? old_size : size);
	peer_give(p, old_size);
	return moved;
}
