/*
 * A load fits again, without growth, in pools of sizing_bytes, a counter that
 * was read after the load had run in another arena: one that grew with it, or
 * one that was far too large, which adds less than half to the counter. Two
 * thirds of these pools are too few.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "case.h"
#include "random.h"
#include "thread.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#define POOL_BYTES ((size_t)65536)
#define PLENTY     512 /* pools, several times as many as any load needs */
#define STEPS      30000
#define MOST       6000 /* chunks of one thread */
#define THREADS    4
#define TIMES      3

struct user {
	unsigned number, of; /* which thread of how many */
	uint64_t random;
	void *chunks[MOST];
};

static pthread_barrier_t meet;
static atomic_size_t failures;

static size_t below(struct user *user, size_t limit)
{
	return (size_t)(random_next(&user->random) % limit);
}

static void take(struct user *user, size_t i, size_t size)
{
	user->chunks[i] = secmalloc(size);
	if (user->chunks[i] == NULL)
		atomic_fetch_add(&failures, 1);
}

static void give(struct user *user, size_t i)
{
	secfree(user->chunks[i]);
	user->chunks[i] = NULL;
}

/* ---- Loads -------------------------------------------------------------- */

/* Allocate a chunk, or free the one that is there, `count` chunks at most. */
static void step(struct user *user, size_t count, size_t size)
{
	size_t i = below(user, count);

	if (user->chunks[i] != NULL)
		give(user, i);
	else
		take(user, i, size);
}

static void small_slabs(struct user *user)
{
	for (size_t i = 0; i < STEPS; i++)
		step(user, MOST / user->of, 16 + below(user, 500));
}

static void one_size(struct user *user)
{
	for (size_t i = 0; i < STEPS; i++)
		step(user, MOST / user->of, 2040 + below(user, 3));
}

static void mixed_sizes(struct user *user)
{
	for (size_t i = 0; i < STEPS; i++)
		step(user, MOST / user->of,
		     below(user, 10) == 0 ? below(user, 20000)
		                          : below(user, 300));
}

/* A chunk with a large alignment takes a part of the space between two of its
 * places, and what is left there is of no use to the others. */
static void aligned_chunks(struct user *user)
{
	for (size_t i = 0; i < 255; i++) {
		size_t at = below(user, 63 / user->of);
		size_t align = (size_t)1024 << (i / 51);

		give(user, at);
		user->chunks[at] = secaligned_alloc(align,
		                                    1 + below(user, 300));
		if (user->chunks[at] == NULL)
			atomic_fetch_add(&failures, 1);
	}
}

/* There are few chunks, so that the threads have to keep in step: otherwise the
 * sum of what they hold would have another peak in each run. */
static void large_chunks(struct user *user)
{
	for (size_t i = 0; i < STEPS / 3; i++) {
		if (i % 8 == 0)
			pthread_barrier_wait(&meet);
		step(user, 200 / user->of, 5000 + below(user, 60000));
	}
}

static void random_resize(struct user *user)
{
	for (size_t i = 0; i < STEPS; i++) {
		size_t at = below(user, 2000 / user->of);
		size_t size = below(user, below(user, 8) == 0 ? 30000 : 3000);

		if (below(user, 3) == 0) {
			give(user, at);
		} else {
			void *chunk = secrealloc(user->chunks[at], size);

			if (chunk != NULL)
				user->chunks[at] = chunk;
			else
				atomic_fetch_add(&failures, 1);
		}
	}
}

/* Allocate many chunks of one size, free nine in ten of them at random, and go
 * on with another size. */
static void sawtooth(struct user *user)
{
	static const size_t sizes[] = {32, 240, 64, 1200, 100, 3000, 17, 500};
	size_t count = MOST / user->of / 3;

	for (size_t phase = 0; phase < 8; phase++) {
		pthread_barrier_wait(&meet);
		for (size_t i = 0; i < count; i++)
			if (user->chunks[i] == NULL)
				take(user, i, sizes[phase]);
		pthread_barrier_wait(&meet);
		for (size_t i = 0; i < count; i++)
			if (below(user, 10) != 0)
				give(user, i);
	}
}

/* ---- Runs --------------------------------------------------------------- */

static void (*load)(struct user *user);

static void *use(void *argument)
{
	struct user *user = argument;

	user->random = 88172645463325252u + user->number * 7919;
	pthread_barrier_wait(&meet);
	load(user);
	pthread_barrier_wait(&meet);
	for (size_t i = 0; i < MOST; i++)
		give(user, i);
	return NULL;
}

/* Run the load in a new arena. Returns the number of calls that failed. */
static size_t run(const struct secmalloc_config *config, unsigned of,
                  struct secmalloc_stats *stats)
{
	static struct user users[THREADS];
	pthread_t threads[THREADS];

	if (secmalloc_init(config) != 0)
		case_skip_init();
	failures = 0;
	pthread_barrier_init(&meet, NULL, of);
	for (unsigned i = 0; i < of; i++) {
		users[i] = (struct user){.number = i, .of = of};
		thread_begin(&threads[i], use, &users[i]);
	}
	for (unsigned i = 0; i < of; i++)
		pthread_join(threads[i], NULL);
	pthread_barrier_destroy(&meet);
	if (secmalloc_stats(stats) != 0 || stats->failures != failures)
		abort();
	secmalloc_fini();
	return failures;
}

static size_t run_in(size_t pools, size_t pool_size, unsigned of)
{
	struct secmalloc_config config = {
		.initial_pools = pools,
		.max_pools = pools,
		.pool_size = pool_size,
	};
	struct secmalloc_stats stats;

	return run(&config, of, &stats);
}

static size_t pools_for(uint64_t bytes)
{
	return (size_t)((bytes + POOL_BYTES - 1) / POOL_BYTES);
}

/* The load fits in pools of the default size, in one pool, and in pools of
 * 512 KiB that each lose up to the largest chunk at their end. */
static bool fits(uint64_t bytes, unsigned of)
{
	const size_t large = 8 * POOL_BYTES;
	size_t failed = 0;

	for (int i = 0; i < TIMES; i++)
		failed += run_in(pools_for(bytes), 0, of);
	failed += run_in(1, (size_t)(bytes + 4095) / 4096 * 4096, of);
	failed += run_in((size_t)(bytes / (large - 65536)) + 1, large, of);
	if (failed > 0)
		tap_note("%u threads: %zu calls failed in %ju bytes", of,
		         failed, (uintmax_t)bytes);
	return failed == 0;
}

/* Whether pools of used_bytes_peak may happen to be enough for the load, since
 * its chunks fill pages without a rest. */
static bool fills_pages;

/* Pools of the size that used_bytes_peak seems to ask for are too few, and so
 * are two thirds of those that sizing_bytes asks for. */
static bool less_does_not_fit(const struct secmalloc_stats *stats)
{
	size_t pools = pools_for(stats->sizing_bytes) * 2 / 3;
	size_t with_used = run_in(pools_for(stats->used_bytes_peak), 0, 1);
	size_t with_less = run_in(pools, 0, 1);

	if ((with_used > 0 || fills_pages) && with_less > 0)
		return true;
	tap_note("control: %zu calls failed in %ju bytes, %zu in %zu pools",
	         with_used, (uintmax_t)stats->used_bytes_peak, with_less,
	         pools);
	return false;
}

/* Measure a load: once if it is the same each time, or else several times, for
 * the largest figure. False if a call failed. */
static bool measure(const struct secmalloc_config *config, unsigned of,
                    struct secmalloc_stats *largest)
{
	struct secmalloc_stats stats;

	largest->sizing_bytes = 0;
	for (int i = 0; i < (of == 1 ? 1 : TIMES); i++) {
		if (run(config, of, &stats) != 0)
			return false;
		if (stats.sizing_bytes > largest->sizing_bytes)
			*largest = stats;
	}
	return true;
}

static bool try_load(void)
{
	static const struct secmalloc_config growing = {0};
	static const struct secmalloc_config roomy = {.initial_pools = PLENTY};
	bool good = true;

	for (unsigned of = 1; of <= THREADS; of += THREADS - 1) {
		struct secmalloc_stats grown, plenty;

		if (!measure(&growing, of, &grown)
		    || !measure(&roomy, of, &plenty))
			return false;
		tap_note("%u threads: %ju KiB used, for sizing %ju KiB, or %ju "
		         "in an arena of %ju",
		         of, (uintmax_t)grown.used_bytes_peak >> 10,
		         (uintmax_t)grown.sizing_bytes >> 10,
		         (uintmax_t)plenty.sizing_bytes >> 10,
		         (uintmax_t)plenty.pool_bytes >> 10);
		good = plenty.sizing_bytes < grown.sizing_bytes / 2 * 3 && good;
		good = fits(grown.sizing_bytes, of)
		       && fits(plenty.sizing_bytes, of) && good;
		if (of == 1)
			good = less_does_not_fit(&grown)
			       && less_does_not_fit(&plenty) && good;
	}
	return good;
}

int main(void)
{
	static const struct {
		const char *what;
		void (*load)(struct user *user);
		bool fills_pages;
	} loads[] = {
		{"small chunks fit again in sizing_bytes", small_slabs, false},
		{"chunks of nearly one size fit again", one_size, true},
		{"chunks of mixed sizes fit again", mixed_sizes, false},
		{"large chunks fit again", large_chunks, false},
		{"chunks with large alignments fit again", aligned_chunks,
	         false},
		{"chunks that are resized at random fit again", random_resize,
	         false},
		{"a sawtooth of several sizes fits again", sawtooth, false},
	};

	if (sysconf(_SC_PAGESIZE) != 4096)
		tap_skip_all("the pools are for pages of 4 KiB");
	tap_needs_lock(PLENTY * 64 + 64);
	for (size_t i = 0; i < sizeof(loads) / sizeof(loads[0]); i++) {
		load = loads[i].load;
		fills_pages = loads[i].fills_pages;
		try_case(loads[i].what, try_load);
	}
	tap_done();
}
