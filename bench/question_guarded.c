/*
 * question_guarded.c - what does a chunk between guards cost?
 *
 * Cell "pair": ns to take one of 32 bytes, write to it, and give it back, where
 * some were made ready. "access": ns to make one inaccessible and then writable
 * again. Best of several slices.
 *
 * SPDX-License-Identifier: ISC
 */
#include "bench.h"
#include "questions.h"

#include <string.h>

#define SIZE   32
#define TIMES  2000
#define SLICES 20

/* For allocators that have none. */
__attribute__((weak)) void *peer_take_guarded(size_t size)
{
	(void)size;
	return NULL;
}

__attribute__((weak)) void peer_allow(void *p, bool all)
{
	(void)p;
	(void)all;
}

static void *take(void)
{
	char *p = peer_take_guarded(SIZE);

	if (p == NULL)
		bench_give_up("has none, or no room");
	*p = 1;
	bench_touch(p);
	return p;
}

void question_guarded(const char *cell)
{
	bool pair = strcmp(cell, "pair") == 0;
	int64_t best = INT64_MAX;
	void *chunk;

	if (!peer_start(1 << 20))
		bench_give_up("cannot be started");
	chunk = take();
	for (int i = 0; i < SLICES; i++) {
		int64_t start = bench_now(), took;

		for (int j = 0; j < TIMES; j++)
			if (pair) {
				peer_give(take(), SIZE);
			} else {
				peer_allow(chunk, false);
				peer_allow(chunk, true);
			}
		took = bench_now() - start;
		best = took < best ? took : best;
	}
	bench_result(cell, (double)best / TIMES);
}
