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

/* The result is the best of many slices. They are short, so that some are not
 * interrupted where other processes want the processor. */
#define SLICE_NS 2000000
#define SLICES   70

/* Whether a chunk can be taken. It is written to. */
static bool take(void **chunk, size_t size)
{
	*chunk = peer_take(size);
	if (*chunk == NULL)
		return false;
	*(char *)*chunk = 1;
	bench_touch(*chunk);
	return true;
}

/* The time in ns, or -1 if a chunk has no room. */
static int64_t replace(void **chunks, unsigned live, size_t size, long pairs)
{
	int64_t start = bench_now();
	unsigned at = 0;

	for (long i = 0; i < pairs; i++) {
		peer_give(chunks[at], size);
		if (!take(&chunks[at], size))
			return -1;
		at = at + 1 < live ? at + 1 : 0;
	}
	return bench_now() - start;
}

static double best_pair(void **chunks, unsigned live, size_t size)
{
	int64_t best, took;
	long pairs = 64;

	/* Warm up, and find out how many pairs fill a slice. */
	do {
		pairs *= 2;
		best = replace(chunks, live, size, pairs);
	} while (best >= 0 && best < SLICE_NS);
	for (int i = 0; best >= 0 && i < SLICES; i++) {
		took = replace(chunks, live, size, pairs);
		best = took < best ? took : best;
	}
	return (double)best / (double)pairs;
}

double bench_pair(size_t size, unsigned live)
{
	void *chunks[BENCH_LIVE_MOST] = {NULL};
	double best = -1;
	unsigned taken = 0;

	while (taken < live && take(&chunks[taken], size))
		taken++;
	if (taken == live)
		best = best_pair(chunks, live, size);
	for (unsigned i = 0; i < taken; i++)
		if (chunks[i] != NULL)
			peer_give(chunks[i], size);
	return best;
}

void question_pair(const char *cell)
{
	double best;

	if (!peer_start(1 << 20))
		bench_give_up("cannot be started");
	best = bench_pair(strtoul(cell, NULL, 10), BENCH_LIVE_MOST);
	if (best < 0)
		bench_give_up("no room");
	bench_result(cell, best);
}
