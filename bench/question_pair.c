/*
 * question_pair.c - what does an allocation and its free cost?
 *
 * Eight chunks of one size are live. The oldest is freed and a new one is
 * allocated, whose first byte is written to. The cell is the size.
 *
 * SPDX-License-Identifier: ISC
 */
#include "bench.h"
#include "questions.h"

#include <stdlib.h>

#define LIVE     8
#define SLICE_NS 20000000 /* the result is the best of several slices */
#define SLICES   7

static void replace(void **chunks, size_t size, long pairs)
{
	for (long i = 0; i < pairs; i++) {
		void **chunk = &chunks[i % LIVE];

		peer_give(*chunk, size);
		*chunk = peer_take(size);
		if (*chunk == NULL)
			bench_give_up("no room");
		*(char *)*chunk = 1;
		bench_touch(*chunk);
	}
}

void question_pair(const char *cell)
{
	size_t size = strtoul(cell, NULL, 10);
	void *chunks[LIVE];
	long pairs = 64;
	int64_t best = INT64_MAX, start;

	if (!peer_start(1 << 20))
		bench_give_up("cannot be started");
	for (int i = 0; i < LIVE; i++)
		chunks[i] = peer_take(size);
	/* Warm up, and find out how many pairs fill a slice. */
	do {
		pairs *= 2;
		start = bench_now();
		replace(chunks, size, pairs);
	} while (bench_now() - start < SLICE_NS);
	for (int i = 0; i < SLICES; i++) {
		int64_t took;

		start = bench_now();
		replace(chunks, size, pairs);
		took = bench_now() - start;
		best = took < best ? took : best;
	}
	bench_result(cell, (double)best / (double)pairs);
}
