/*
 * question_threads.c - do two threads do twice as much?
 *
 * "1" and "2": that many threads each allocate and free 64-byte chunks, eight
 * of which are live. "pass": one thread allocates 64-byte chunks and the other
 * frees them, with at most RING chunks between them.
 *
 * SPDX-License-Identifier: ISC
 */
#include "bench.h"
#include "questions.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SIZE   64
#define LIVE   8
#define RUN_NS 300000000
#define RING   1024

static atomic_bool stop;
static _Atomic(void *) ring[RING];

static void *pairs(void *count)
{
	void *chunks[LIVE];
	long done = 0;

	for (int i = 0; i < LIVE; i++)
		chunks[i] = peer_take(SIZE);
	while (!atomic_load_explicit(&stop, memory_order_relaxed))
		for (int i = 0; i < LIVE; i++) {
			peer_give(chunks[i], SIZE);
			chunks[i] = peer_take(SIZE);
			*(char *)chunks[i] = 1;
			done++;
		}
	*(long *)count = done;
	return NULL;
}

static void *produce(void *count)
{
	for (size_t i = 0;; i = (i + 1) % RING) {
		void *chunk = peer_take(SIZE);

		*(char *)chunk = 1;
		while (atomic_load_explicit(&ring[i], memory_order_acquire)
		       != NULL)
			if (atomic_load_explicit(&stop, memory_order_relaxed))
				return count;
		atomic_store_explicit(&ring[i], chunk, memory_order_release);
	}
}

static void *consume(void *count)
{
	long done = 0;

	for (size_t i = 0;; i = (i + 1) % RING, done++) {
		void *chunk;

		while ((chunk = atomic_load_explicit(&ring[i],
		                                     memory_order_acquire))
		       == NULL)
			if (atomic_load_explicit(&stop, memory_order_relaxed)) {
				*(long *)count = done;
				return NULL;
			}
		atomic_store_explicit(&ring[i], NULL, memory_order_release);
		peer_give(chunk, SIZE);
	}
}

void question_threads(const char *cell)
{
	void *(*work[2])(void *) = {pairs, pairs};
	long counts[2] = {0, 0};
	pthread_t threads[2];
	int number = 2;
	int64_t start;

	if (strcmp(cell, "pass") == 0) {
		work[0] = produce;
		work[1] = consume;
	} else {
		number = atoi(cell);
		if (number < 1 || number > 2)
			bench_give_up("has one thread, or two");
	}
	if (!peer_start(1 << 20))
		bench_give_up("cannot be started");
	start = bench_now();
	for (int i = 0; i < number; i++)
		pthread_create(&threads[i], NULL, work[i], &counts[i]);
	/* This thread stays idle, so that it does not slow the others down. */
	nanosleep(&(struct timespec){.tv_nsec = RUN_NS}, NULL);
	atomic_store(&stop, true);
	for (int i = 0; i < number; i++)
		pthread_join(threads[i], NULL);
	bench_result(cell, (double)(counts[0] + counts[1])
	                           / ((double)(bench_now() - start) / 1000));
}
