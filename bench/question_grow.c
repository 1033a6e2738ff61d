/*
 * question_grow.c - what does it cost to grow a buffer?
 *
 * A buffer grows from 16 bytes to the cell's size by doubling, again and again.
 * The result is the time of one doubling in ns.
 *
 * SPDX-License-Identifier: ISC
 */
#include "bench.h"
#include "questions.h"

#include <stdlib.h>
#include <string.h>

void question_grow(const char *cell)
{
	size_t most = strtoul(cell, NULL, 10);
	int64_t start, took;
	long doublings = 0;

	if (!peer_start(1 << 20))
		bench_give_up("cannot be started");
	start = bench_now();
	do {
		size_t size = 16;
		char *p = peer_take(size);

		for (; p != NULL && size < most; size *= 2, doublings++) {
			p = peer_resize(p, size, 2 * size);
			if (p != NULL)
				memset(p + size, 1, size);
		}
		if (p == NULL)
			bench_give_up("no room");
		peer_give(p, size);
		took = bench_now() - start;
	} while (took < 200000000);
	bench_result(cell, (double)took / (double)doublings);
}
