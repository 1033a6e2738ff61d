/*
 * emulated_resize.h - resizing as a careful program does it without help: take,
 * copy, wipe, give back
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef BENCH_EMULATED_RESIZE_H
#define BENCH_EMULATED_RESIZE_H

#include "bench.h"

#include <string.h>

static inline void *emulated_resize(void *p, size_t old_size, size_t size)
{
	void *moved = peer_take(size);

	if (moved == NULL)
		return NULL;
	memcpy(moved, p, old_size < size ? old_size : size);
	peer_give(p, old_size);
	return moved;
}

#endif /* BENCH_EMULATED_RESIZE_H */
