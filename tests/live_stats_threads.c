/*
 * The counters of secmalloc_stats() agree with one another while threads make
 * chunks that other threads free.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "case.h"
#include "filter.h"
#include "thread.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/syscall.h>

#define PAIRS  3
#define PLACES 64
#define MOVES  1000
#define SIZE   100

/* A queue from one thread to another. A place is NULL when it is empty. */
struct queue {
	_Atomic(void *) places[PLACES];
};

static struct queue queues[PAIRS];
static atomic_bool enough;

/* The most chunks that can be live: what the queues hold, and one in the hands
 * of each thread. */
static const size_t most = PAIRS * (PLACES + 2);

static void *produce(void *argument)
{
	struct queue *queue = argument;

	for (size_t i = 0; !enough; i++) {
		_Atomic(void *) *place = &queue->places[i % PLACES];
		void *chunk = secmalloc(SIZE);

		while (atomic_load(place) != NULL && !enough)
			sched_yield();
		if (atomic_load(place) == NULL)
			atomic_store(place, chunk);
		else
			secfree(chunk);
	}
	return NULL;
}

static void *consume(void *argument)
{
	struct queue *queue = argument;

	for (size_t i = 0; !enough; i++) {
		_Atomic(void *) *place = &queue->places[i % PLACES];
		void *chunk;

		while ((chunk = atomic_exchange(place, NULL)) == NULL
		       && !enough)
			sched_yield();
		secfree(chunk);
	}
	return NULL;
}

/* Whether the caches cannot be stopped for certain: then each thread may have
 * counted one more call, or half of one. */
static bool uncertain;

static bool agree(const struct secmalloc_stats *now,
                  const struct secmalloc_stats *before)
{
	size_t limit = most + (uncertain ? 2 * PAIRS : 0);
	bool good = now->chunks == now->allocations - now->frees
	            && now->chunks <= limit && now->chunk_bytes <= limit * SIZE
	            && (uncertain || now->chunk_bytes == now->chunks * SIZE)
	            && now->allocations >= before->allocations
	            && now->frees >= before->frees
	            && now->cached_bytes <= now->free_bytes
	            && now->free_bytes <= now->pool_bytes;

	if (!good)
		tap_note("%jd chunks of %jd bytes, %ju allocations, %ju frees, "
		         "%ju bytes cached, %ju free of %ju",
		         (intmax_t)now->chunks, (intmax_t)now->chunk_bytes,
		         (uintmax_t)now->allocations, (uintmax_t)now->frees,
		         (uintmax_t)now->cached_bytes,
		         (uintmax_t)now->free_bytes,
		         (uintmax_t)now->pool_bytes);
	return good;
}

/* Look until the counters have changed between two looks MOVES times. */
static bool look(void)
{
	struct secmalloc_stats before = {0}, now;
	size_t moves = 0;

	while (moves < MOVES) {
		if (secmalloc_stats(&now) != 0 || !agree(&now, &before))
			return false;
		moves += now.allocations != before.allocations;
		before = now;
	}
	return true;
}

static bool try_with(unsigned flags)
{
	struct secmalloc_config config = {
		.initial_pools = 16,
		.max_pools = 16,
		.flags = flags,
	};
	pthread_t producers[PAIRS], consumers[PAIRS];
	struct secmalloc_stats stats;
	bool good;

	if (secmalloc_init(&config) != 0)
		abort();
	atomic_store(&enough, false);
	if (uncertain
	    && !filter_on(SYS_membarrier, SECCOMP_RET_ERRNO | EPERM,
	                  SECCOMP_RET_ALLOW))
		case_skip("no seccomp filter can be set");
	for (int i = 0; i < PAIRS; i++) {
		thread_begin(&producers[i], produce, &queues[i]);
		thread_begin(&consumers[i], consume, &queues[i]);
	}
	good = look();
	atomic_store(&enough, true);
	for (int i = 0; i < PAIRS; i++) {
		pthread_join(producers[i], NULL);
		pthread_join(consumers[i], NULL);
	}
	for (int i = 0; i < PAIRS; i++)
		for (int j = 0; j < PLACES; j++)
			secfree(atomic_exchange(&queues[i].places[j], NULL));
	good = secmalloc_stats(&stats) == 0 && stats.chunks == 0
	       && stats.chunk_bytes == 0 && secmalloc_audit() == 0 && good;
	secmalloc_fini();
	return good;
}

#ifndef SECMALLOC_SANITIZED
static bool after_refusal(void)
{
	uncertain = true;
	return try_with(0);
}
#endif

int main(void)
{
	watchdog_start(100);
	tap_needs_lock(16 * 64 + 4);
	tap_ok(try_with(0),
	       "the counters agree while threads free what others make");
	tap_ok(try_with(SECMALLOC_NO_MEMBARRIER),
	       "they agree without membarrier()");
#ifdef SECMALLOC_SANITIZED
	tap_skip("they agree, within a call of each thread, after membarrier() "
	         "was refused",
	         "ThreadSanitizer does not know the locks of a child");
#else
	try_case("they agree, within a call of each thread, after membarrier() "
	         "was refused",
	         after_refusal);
#endif
	tap_done();
}
