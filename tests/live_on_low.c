/*
 * on_low is called once each time the free memory falls below low_bytes. It is
 * called outside all locks, and its caller's result, errno and message stay as
 * they were.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "case.h"
#include "thread.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#define POOL_BYTES ((size_t)65536)
#define LOW        ((size_t)16000)
/* Chunks of SIZE are not cached, and take PLACE bytes each. */
#define SIZE  ((size_t)5000)
#define PLACE ((size_t)5120)

static atomic_size_t calls, told, deepest;
static _Thread_local size_t depth;
static void (*inside)(void);

static void on_low(size_t free_bytes)
{
	atomic_fetch_add(&calls, 1);
	atomic_store(&told, free_bytes);
	if (++depth > atomic_load(&deepest))
		atomic_store(&deepest, depth);
	if (inside != NULL)
		inside();
	depth--;
	errno = 9999;
}

static bool start(size_t low, size_t pools)
{
	struct secmalloc_config config = {
		.initial_pools = pools,
		.max_pools = pools,
		.pool_size = POOL_BYTES,
		.low_bytes = low,
		.on_low = on_low,
	};

	if (pools == 0)
		config.max_pools = 4;
	return secmalloc_init(&config) == 0;
}

/* The bytes that are free and not in a cache, which on_low is about. */
static size_t spare(void)
{
	struct secmalloc_stats stats;

	secmalloc_stats(&stats);
	return (size_t)(stats.free_bytes - stats.cached_bytes);
}

static bool was_called(size_t times)
{
	struct secmalloc_stats stats;

	secmalloc_stats(&stats);
	if (calls == times && stats.low_crossings == times)
		return true;
	tap_note("%zu calls instead of %zu; %ju crossings", (size_t)calls,
	         times, (uintmax_t)stats.low_crossings);
	return false;
}

static void *chunks[2000];
static size_t live;

static void *take(size_t size)
{
	void *chunk = secmalloc(size);

	if (chunk != NULL)
		chunks[live++] = chunk;
	return chunk;
}

static void give_all(void)
{
	while (live > 0)
		secfree(chunks[--live]);
}

/* Allocate until another chunk of SIZE would make the arena low. */
static bool take_nearly_all(size_t low)
{
	while (spare() >= low + PLACE)
		if (take(SIZE) == NULL)
			return false;
	return true;
}

/* ---- When it is called -------------------------------------------------- */

static bool once_for_each_fall(void)
{
	bool good = start(LOW, 1);

	for (size_t round = 1; round <= 3; round++) {
		good = good && take_nearly_all(LOW) && was_called(round - 1);
		take(SIZE);
		good = good && was_called(round) && told < LOW
		       && told + PLACE >= LOW && told == spare();
		while (take(SIZE) != NULL)
			;
		good = good && was_called(round);
		give_all();
		good = good && was_called(round);
	}
	return good && secmalloc_audit() == 0;
}

/* on_low is armed again when low_bytes and an eighth of the pools are free. */
static bool armed_again_when_high(void)
{
	bool good = start(LOW, 1) && take_nearly_all(LOW) && take(SIZE);

	while (spare() < LOW + POOL_BYTES / 8 - PLACE)
		secfree(chunks[--live]);
	while (spare() >= LOW)
		take(SIZE);
	good = good && was_called(1);
	while (spare() < LOW + POOL_BYTES / 8)
		secfree(chunks[--live]);
	good = good && was_called(1);
	while (spare() >= LOW)
		take(SIZE);
	return good && was_called(2);
}

/* If low_bytes and an eighth of the pools exceed the pools, on_low is armed
 * again when everything is free. */
static bool armed_again_when_empty(void)
{
	const size_t low = POOL_BYTES - 1000;
	bool good = start(low, 1) && was_called(0) && take(SIZE)
	            && was_called(1) && take(SIZE) && was_called(1);

	secfree(chunks[--live]);
	good = good && take(SIZE) && was_called(1);
	give_all();
	return good && was_called(1) && take(SIZE) && was_called(2);
}

static bool as_much_is_not_less(void)
{
	bool good = start(POOL_BYTES - 5 * PLACE, 1);

	for (int i = 0; i < 5; i++)
		take(SIZE);
	return good && was_called(0) && take(1) && was_called(1);
}

static bool more_than_there_is(void)
{
	bool good = start(SIZE_MAX, 1) && secmalloc_audit() == 0
	            && was_called(1) && told == POOL_BYTES;

	for (int i = 0; i < 10; i++) {
		take(SIZE);
		give_all();
	}
	return good && was_called(1);
}

static bool with_growth(void)
{
	bool good = start(LOW, 0) && was_called(0) && take(SIZE)
	            && was_called(0) && take_nearly_all(LOW) && take(SIZE)
	            && was_called(1);

	/* A pool is added, so that plenty is free again, until that is used up
	 * too. */
	while (spare() < POOL_BYTES / 2)
		take(SIZE);
	good = good && was_called(1) && take_nearly_all(LOW) && take(SIZE);
	return good && was_called(2);
}

/* Memory in a cache does not count as free, so that on_low is called before any
 * allocation fails. */
static bool with_small_chunks(void)
{
	bool good = start(LOW, 1);
	size_t at_call = 0;

	for (int round = 1; round <= 2; round++) {
		while (take(100) != NULL)
			if (calls == (size_t)round && at_call == 0)
				at_call = live;
		good = good && was_called((size_t)round) && at_call > 300
		       && at_call < live - 100;
		/* The cache keeps some of it, but less than an eighth. */
		give_all();
		at_call = 0;
	}
	return good;
}

/* ---- Calls from on_low -------------------------------------------------- */

static bool inside_good;

static void use_the_library(void)
{
	struct secmalloc_stats stats;
	char *small = secmalloc(100), *large = secmalloc(SIZE);

	inside_good = small != NULL && large != NULL
	              && secmalloc_owns(small) == 1
	              && (small = secrealloc(small, 300)) != NULL
	              && secmalloc_stats(&stats) == 0
	              && stats.low_crossings == 1 && secmalloc_audit() == 0
	              && secmalloc_verify(0x80) == -1;
	secfree(small);
	secfree(large);
}

static bool may_use_the_library(void)
{
	inside = use_the_library;
	return start(LOW, 1) && take_nearly_all(LOW) && take(SIZE)
	       && inside_good && was_called(1) && secmalloc_audit() == 0;
}

static void give_and_take(void)
{
	give_all();
	take_nearly_all(LOW);
	take(SIZE);
}

/* An on_low function that makes the arena low itself is not called again
 * meanwhile. The next call that finds the arena low calls it. */
static bool does_not_call_itself(void)
{
	bool good;

	inside = give_and_take;
	good = start(LOW, 1) && take_nearly_all(LOW) && take(SIZE)
	       && calls == 1;
	inside = NULL;
	return good && spare() < LOW && calls == 2 && deepest == 1;
}

static void fork_inside(void)
{
	int status = -1;
	pid_t child = fork();

	if (child == 0)
		_exit(secmalloc(1) == NULL && errno == ENXIO ? 0 : 1);
	waitpid(child, &status, 0);
	inside_good = status == 0;
}

static bool may_fork(void)
{
	inside = fork_inside;
	return start(LOW, 1) && take_nearly_all(LOW) && take(SIZE)
	       && inside_good && was_called(1) && take(SIZE);
}

/* ---- Results for the caller --------------------------------------------- */

static void fail_inside(void)
{
	secmalloc_verify(0x80);
	inside_good = says("checks is 128");
}

static bool errno_is_kept(void)
{
	if (!start(LOW, 1) || !take_nearly_all(LOW))
		return false;
	errno = 4242;
	return take(SIZE) && calls == 1 && errno == 4242;
}

/* The failing call is also the one that finds the arena low. */
static bool words_are_kept(void)
{
	inside = fail_inside;
	return start(2 * POOL_BYTES, 1) && secaligned_alloc(1 << 20, 1) == NULL
	       && errno == EINVAL && calls == 1 && inside_good
	       && says("secaligned_alloc: alignment 1048576 is more than ")
	       && !says("checks");
}

static bool child_is_not_called(void)
{
	int status = -1;
	pid_t child;

	if (!start(LOW, 1) || !take_nearly_all(LOW))
		return false;
	child = fork();
	if (child == 0) {
		/* The child's own arena has no on_low. */
		secmalloc_init(NULL);
		secfree(secmalloc(SIZE));
		_exit(calls == 0 ? 0 : 1);
	}
	waitpid(child, &status, 0);
	return status == 0 && was_called(0) && take(SIZE) && was_called(1);
}

/* ---- Threads ------------------------------------------------------------ */

#define THREADS 8
#define ROUNDS  200

static pthread_barrier_t barrier;
static atomic_size_t rounds_good;

static void take_and_give(void)
{
	secfree(secmalloc(50));
}

/* All threads allocate at once until nothing is left, and then free everything
 * at once. */
static void *fill(void *unused)
{
	void *mine[20];

	for (size_t round = 1; round <= ROUNDS; round++) {
		size_t count = 0;

		pthread_barrier_wait(&barrier);
		while (count < 20 && (mine[count] = secmalloc(SIZE)) != NULL)
			count++;
		pthread_barrier_wait(&barrier);
		if (calls == round)
			atomic_fetch_add(&rounds_good, 1);
		pthread_barrier_wait(&barrier);
		while (count > 0)
			secfree(mine[--count]);
	}
	return unused;
}

static bool once_for_all_threads(void)
{
	pthread_t threads[THREADS];

	inside = take_and_give;
	if (!start(LOW, 2))
		return false;
	pthread_barrier_init(&barrier, NULL, THREADS);
	for (int i = 0; i < THREADS; i++)
		thread_begin(&threads[i], fill, NULL);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	return was_called(ROUNDS) && rounds_good == THREADS * ROUNDS
	       && secmalloc_audit() == 0;
}

int main(void)
{
	if (sysconf(_SC_PAGESIZE) > 4096)
		tap_skip_all("the figures are for pages of 4 KiB");
	if (!start(LOW, 2))
		tap_skip_all("two pools cannot be locked: %s",
		             secmalloc_error());
	secmalloc_fini();
	try_case("on_low is called once for each fall, with the number of free "
	         "bytes",
	         once_for_each_fall);
	try_case("on_low is armed again when an eighth more is free",
	         armed_again_when_high);
	try_case("on_low is armed again when everything is free",
	         armed_again_when_empty);
	try_case("on_low is not called when exactly low_bytes are free",
	         as_much_is_not_less);
	try_case("with low_bytes above the arena's size on_low is called once",
	         more_than_there_is);
	try_case("an added pool counts as free memory", with_growth);
	try_case("memory in caches does not count as free", with_small_chunks);

	try_case("on_low may use the library", may_use_the_library);
	try_case("on_low is not called inside itself", does_not_call_itself);
	try_case("on_low may fork", may_fork);

	try_case("the errno of the caller is kept", errno_is_kept);
	try_case("the message of a failing caller is kept", words_are_kept);
	try_case("on_low is not called in a child", child_is_not_called);
	/* This case does not run in a child. There, ThreadSanitizer would
	 * mistake the lock that the fork handlers renew for one that is
	 * held. */
	tap_ok(once_for_all_threads(),
	       "on_low is called 200 times when 8 threads run the arena low "
	       "200 times");
	tap_done();
}
