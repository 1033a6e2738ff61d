/*
 * emulated_resize.c - resizing as a careful program does it without a library
 * call: allocate, copy, wipe, free
 *
 * SPDX-License-Identifier: ISC
 */
#include "bench.h"

#include <string.h>

void *peer_resize(void *p, size_t old_size, size_t size)
{
	void *moved = peer_take(size);

	if (moved == NULL)
		return NULL;
	memcpy(moved, p, old_size < size ? old_size : size);
	peer_give(p, old_size);
	return moved;
}
