/*
 * thread_caches.h - threads that use the arena, with and without membarrier()
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TESTS_THREAD_CACHES_H
#define TESTS_THREAD_CACHES_H

#include "config.h"

#include "backing.h"
#include "tap.h"
#include "watchdog.h"

#include <errno.h>
#include <pthread.h>
#include <secmalloc.h>
#include <stdint.h>

static unsigned flags;
static pthread_barrier_t ready, go;

static inline bool start(size_t initial_pools, size_t max_pools)
{
	struct secmalloc_config config = {
		.initial_pools = initial_pools,
		.max_pools = max_pools,
		.flags = flags,
	};

	return secmalloc_init(&config) == 0;
}

static inline struct secmalloc_stats stats(void)
{
	struct secmalloc_stats got;

	if (secmalloc_stats(&got) != 0)
		abort();
	return got;
}

static inline bool sound(void)
{
	if (secmalloc_audit() == 0)
		return true;
	tap_note("%s", secmalloc_error());
	return false;
}

/* Fill the thread's cache with slots of some classes. */
static inline void warm_up(void)
{
	static const size_t sizes[] = {32, 64, 240, 500, 1200};
	void *some[5][40];

	for (int i = 0; i < 5; i++)
		for (int j = 0; j < 40; j++)
			some[i][j] = secmalloc(sizes[i]);
	for (int i = 0; i < 5; i++)
		for (int j = 0; j < 40; j++)
			secfree(some[i][j]);
}

static inline void barriers_for(unsigned threads)
{
	pthread_barrier_init(&ready, NULL, threads);
	pthread_barrier_init(&go, NULL, threads);
}

static inline void barriers_end(void)
{
	pthread_barrier_destroy(&ready);
	pthread_barrier_destroy(&go);
}

/* Run all cases with membarrier(), and again without it. */
static inline _Noreturn void thread_caches_main(void (*all)(void))
{
	watchdog_start(120);
	if (!start(16, 16))
		tap_skip_all("16 pools cannot be locked: %s",
		             secmalloc_error());
	secmalloc_fini();
	all();
	tap_note("all cases again, without membarrier()");
	flags = SECMALLOC_NO_MEMBARRIER;
	all();
	tap_done();
}

#endif /* TESTS_THREAD_CACHES_H */
