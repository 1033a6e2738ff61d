/*
 * question_replace.c - what does a pair cost with many live chunks?
 *
 * N chunks of the mixed load are live. A random one is freed, and one of a
 * random size from the mixed load is allocated. The cell is N. The question
 * "tail" times each replacement separately.
 *
 * SPDX-License-Identifier: ISC
 */
#include "bench.h"
#include "questions.h"

#include <stdio.h>
#include <stdlib.h>

#define MEAN_BYTES 622 /* of a chunk of the mixed load */

struct chunk {
	void *at;
	size_t size;
};

static uint64_t state;

static void take(struct chunk *chunk)
{
	chunk->size = bench_mixed(&state);
	chunk->at = peer_take(chunk->size);
	if (chunk->at == NULL)
		bench_give_up("no room");
	*(char *)chunk->at = 1;
}

/* Allocate `count` chunks and replace each about twice, so that the heap is not
 * fresh. */
static struct chunk *prepare(size_t count)
{
	struct chunk *chunks = calloc(count, sizeof(*chunks));

	state = bench_seed();
	if (!peer_start(count * MEAN_BYTES * 5 / 4 + (1 << 20)))
		bench_give_up("cannot be started");
	for (size_t i = 0; i < count; i++)
		take(&chunks[i]);
	for (size_t i = 0; i < 2 * count; i++) {
		struct chunk *chunk = &chunks[bench_random(&state) % count];

		peer_give(chunk->at, chunk->size);
		take(chunk);
	}
	return chunks;
}

static void replace(struct chunk *chunks, size_t count)
{
	struct chunk *chunk = &chunks[bench_random(&state) % count];

	peer_give(chunk->at, chunk->size);
	take(chunk);
}

void question_replace(const char *cell)
{
	size_t count = strtoul(cell, NULL, 10);
	struct chunk *chunks = prepare(count);
	int64_t start = bench_now(), took;
	long done = 0;

	do {
		for (int i = 0; i < 1000; i++)
			replace(chunks, count);
		done += 1000;
		took = bench_now() - start;
	} while (took < 300000000);
	bench_result(cell, (double)took / (double)done);
}

#define SAMPLES 300000

static int by_value(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

void question_tail(const char *cell)
{
	static uint32_t samples[SAMPLES];
	size_t count = strtoul(cell, NULL, 10);
	struct chunk *chunks = prepare(count);
	static const struct {
		const char *name;
		double part;
	} ranks[] = {{"p50", 0.5}, {"p99", 0.99}, {"p99.9", 0.999}, {"max", 1}};

	for (size_t i = 0; i < SAMPLES; i++) {
		int64_t start = bench_now(), took;

		replace(chunks, count);
		took = bench_now() - start;
		samples[i] = took > UINT32_MAX ? UINT32_MAX : (uint32_t)took;
	}
	qsort(samples, SAMPLES, sizeof(samples[0]), by_value);
	for (int i = 0; i < 4; i++) {
		char name[40];
		size_t rank = (size_t)(ranks[i].part * (SAMPLES - 1));

		snprintf(name, sizeof(name), "%s-%s", cell, ranks[i].name);
		bench_result(name, samples[rank]);
	}
}
