/*
 * question_guarded.c - what does a chunk between guard pages cost?
 *
 * Cell "pair": ns to allocate a chunk of 32 bytes, write to it and free it,
 * after some were prepared. Cell "16384": the same after chunks of nearly that
 * size were prepared. Cell "two": ns for a pair while two threads make them.
 * Cell "access": ns to make a chunk inaccessible and writable again. Each
 * result is the best of several slices.
 *
 * SPDX-License-Identifier: ISC
 */
#include "bench.h"
#include "questions.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define SIZE     32
#define PREPARED 8
#define TIMES    2000
#define SLICES   20
#define LONGER   50 /* slices are longer by that if threads have to start */

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

/* Have some chunks of this size made and freed, so that they can be reused. */
static void prepare(size_t size)
{
	void *chunks[PREPARED];

	for (int i = 0; i < PREPARED; i++) {
		chunks[i] = peer_take_guarded(size);
		if (chunks[i] == NULL)
			bench_give_up("no guarded chunks, or no room");
	}
	for (int i = 0; i < PREPARED; i++)
		peer_give(chunks[i], size);
}

/* The time in ns of a slice of pairs. */
static int64_t pairs(void)
{
	int64_t start = bench_now();

	for (int i = 0; i < TIMES; i++)
		peer_give(take(), SIZE);
	return bench_now() - start;
}

static int64_t accesses(void)
{
	void *chunk = take();
	int64_t start = bench_now(), took;

	for (int i = 0; i < TIMES; i++) {
		peer_allow(chunk, false);
		peer_allow(chunk, true);
	}
	took = bench_now() - start;
	peer_give(chunk, SIZE);
	return took;
}

/* ---- Two threads -------------------------------------------------------- */

static pthread_barrier_t meet;

struct times {
	int64_t start, end;
};

static void *pairs_together(void *times)
{
	struct times *mine = times;

	pthread_barrier_wait(&meet);
	mine->start = bench_now();
	for (int i = 0; i < LONGER; i++)
		pairs();
	mine->end = bench_now();
	return NULL;
}

/* Half the time from the first pair to the last one of two threads. */
static int64_t two(void)
{
	struct times times[2] = {{0, 0}, {0, 0}};
	pthread_t threads[2];

	pthread_barrier_init(&meet, NULL, 2);
	for (int i = 0; i < 2; i++)
		if (pthread_create(&threads[i], NULL, pairs_together, &times[i])
		    != 0)
			bench_give_up("no thread can be started");
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	pthread_barrier_destroy(&meet);
	if (times[1].start < times[0].start)
		times[0].start = times[1].start;
	if (times[1].end > times[0].end)
		times[0].end = times[1].end;
	return (times[0].end - times[0].start) / LONGER / 2;
}

void question_guarded(const char *cell)
{
	int64_t (*slice)(void) = pairs, best = INT64_MAX;
	size_t size = SIZE;

	if (strcmp(cell, "two") == 0)
		slice = two;
	else if (strcmp(cell, "access") == 0)
		slice = accesses;
	else if (strcmp(cell, "pair") != 0)
		size = (size_t)atoi(cell) - 16;
	if (!peer_start(1 << 20))
		bench_give_up("cannot be started");
	prepare(size);
	for (int i = 0; i < SLICES; i++) {
		int64_t took = slice();

		best = took < best ? took : best;
	}
	bench_result(cell, (double)best / TIMES);
}
