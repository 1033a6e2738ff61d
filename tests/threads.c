/*
 * Eight threads use one arena, and free each other's chunks. Every chunk keeps
 * its content, none is lost, and the arena is sound at the end.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "tap.h"

#include <pthread.h>
#include <secmalloc.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>

#define THREADS 8
#define ROUNDS 20000
#define PLACES 512

/* Chunks that belong to whoever swaps them out. */
static _Atomic(unsigned char *) places[PLACES];
static atomic_size_t damaged, refused;

static bool is_whole(const unsigned char *chunk, size_t size)
{
	for (size_t i = 1; i < size; i++)
		if (chunk[i] != chunk[0])
			return false;
	return true;
}

static unsigned char *make(unsigned random)
{
	static const size_t sizes[] = {1, 32, 64, 240, 1200, 2400, 4032, 7000};
	size_t size = sizes[random % 8];
	unsigned char *chunk = secmalloc(size);

	if (chunk == NULL) {
		atomic_fetch_add(&refused, 1);
		return NULL;
	}
	memset(chunk, (int)(random >> 8 & 0xff), size);
	return chunk;
}

static void end(unsigned char *chunk, unsigned random)
{
	size_t size;

	if (chunk == NULL)
		return;
	size = secmalloc_usable_size(chunk);
	if (!is_whole(chunk, size))
		atomic_fetch_add(&damaged, 1);
	if (random % 4 == 0 && size > 1) {
		unsigned char *half = secrealloc(chunk, size / 2);

		if (half == NULL || !is_whole(half, size / 2))
			atomic_fetch_add(&damaged, 1);
		chunk = half;
	}
	secfree(chunk);
}

static void *work(void *argument)
{
	uint64_t state = (uintptr_t)argument * 2654435761u + 1;

	for (int i = 0; i < ROUNDS; i++) {
		unsigned random;

		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		random = (unsigned)(state >> 20);
		end(atomic_exchange(&places[random % PLACES],
		                    make(random >> 9)), random >> 4);
	}
	return NULL;
}

static void *init_when_cancelled(void *unused)
{
	pthread_cancel(pthread_self());
	secmalloc_init(NULL);
	return unused;
}

/* A cancellation does not end a thread in the library, with its locks. */
static void cancel_in_init(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, init_when_cancelled, NULL);
	pthread_join(thread, NULL);
	secmalloc_fini();
}

int main(void)
{
	struct secmalloc_config config = {
		.initial_pools = 8, .max_pools = 16,
	};
	struct secmalloc_stats stats;
	pthread_t threads[THREADS];

	alarm(100);
	cancel_in_init();
	tap_ok(true, "an init that was cancelled leaves no lock behind");

	if (secmalloc_init(&config) != 0) {
		tap_skip("8 threads on one arena", "8 pools cannot be locked");
		tap_done();
	}
	for (uintptr_t i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, work, (void *)i);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	if (!tap_ok(secmalloc_audit() == 0, "the arena is sound"))
		tap_note("%s", secmalloc_error());
	for (int i = 0; i < PLACES; i++)
		end(places[i], 1);
	secmalloc_stats(&stats);
	tap_ok(damaged == 0, "no chunk was damaged");
	tap_ok(stats.chunks == 0 && stats.chunk_bytes == 0
	       && stats.allocations == stats.frees
	       && stats.failures == refused,
	       "%llu allocations, as many frees, %zu refused",
	       (unsigned long long)stats.allocations, refused);
	tap_done();
}
