/*
 * question_guarded.c - what does a chunk between guard pages cost?
 *
 * Cell "pair": ns to allocate a chunk of 32 bytes, write to it and free it,
 * after some were prepared. Cell "access": ns to make a chunk inaccessible and
 * writable again. Each result is the best of several slices.
 *
 * SPDX-License-Identifier: ISC
 */
#include "bench.h"
#include "questions.h"

#include <string.h>

#define SIZE   32
#define TIMES  2000
#define SLICES 20

/* For allocators without guarded chunks. */
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
		bench_give_up("no guarded chunks, or no room");
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
