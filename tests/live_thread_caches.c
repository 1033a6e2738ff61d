/*
 * A thread that needs memory can get what the caches of other threads hold. A
 * cache is sound whenever its thread is stopped.
 *
 * SPDX-License-Identifier: ISC
 */
#include "thread_caches.h"
#include "thread.h"

#include <semaphore.h>
#include <sys/wait.h>

#define IDLE  6
#define CROWD 64
#define MANY  150 /* more threads than there are caches */
#define MOST  100000

static void *chunks[MOST];

/* Fill the cache, be idle while the test looks, allocate once more, and end. */
static void *be_idle(void *failed)
{
	void *chunk;

	warm_up();
	pthread_barrier_wait(&ready);
	pthread_barrier_wait(&go);
	chunk = secmalloc(32);
	if (chunk == NULL)
		*(bool *)failed = true;
	secfree(chunk);
	return NULL;
}

static void *only_hold(void *unused)
{
	warm_up();
	pthread_barrier_wait(&ready);
	pthread_barrier_wait(&go);
	return unused;
}

/* Allocate as many chunks of a size as there is room for. */
static size_t fill(size_t size)
{
	size_t count = 0;

	while (count < MOST && (chunks[count] = secmalloc(size)) != NULL)
		count++;
	return count;
}

static void empty(size_t count)
{
	while (count > 0)
		secfree(chunks[--count]);
}

/*
 * A thread is refused no more while others hold caches than it would be refused
 * without them: after the other threads have ended and their caches have been
 * returned, nothing more fits.
 */
static bool reaches_all(size_t size)
{
	struct secmalloc_stats before;
	pthread_t threads[IDLE];
	bool good;
	size_t count;

	start(4, 4);
	for (int t = 0; t < IDLE; t++)
		thread_begin(&threads[t], only_hold, NULL);
	pthread_barrier_wait(&ready);
	before = stats();
	count = fill(size);
	good = errno == ENOMEM && before.cached_bytes > 2048
	       && before.chunks == 0 && count > 0 && sound();
	pthread_barrier_wait(&go);
	for (int t = 0; t < IDLE; t++)
		pthread_join(threads[t], NULL);
	good = secmalloc(size) == NULL && errno == ENOMEM && good;
	if (!good)
		tap_note("%zu chunks of %zu bytes, and %ju bytes in caches",
		         count, size, (uintmax_t)before.cached_bytes);
	empty(count);
	good = stats().chunks == 0 && sound() && good;
	secmalloc_fini();
	return good;
}

static void nothing_is_out_of_reach(void)
{
	static const size_t sizes[] = {32, 64, 240, 1200, 4032, 9000};
	bool good = true;

	barriers_for(IDLE + 1);
	for (size_t i = 0; i < 6; i++)
		good = reaches_all(sizes[i]) && good;
	barriers_end();
	tap_ok(good,
	       "with %d threads idle on full caches one thread can use all "
	       "memory",
	       IDLE);
}

static void *take_one(void *chunk)
{
	*(void **)chunk = secmalloc(32);
	pthread_barrier_wait(&ready);
	pthread_barrier_wait(&go);
	return NULL;
}

/* A small arena stays usable if several other threads each allocate one small
 * chunk. */
static void a_small_arena_is_not_eaten(void)
{
	pthread_t threads[IDLE];
	void *small[IDLE], *large;

	barriers_for(IDLE + 1);
	start(1, 1);
	for (int t = 0; t < IDLE; t++)
		thread_begin(&threads[t], take_one, &small[t]);
	pthread_barrier_wait(&ready);
	large = secmalloc(60000);
	tap_ok(large != NULL && stats().chunks == IDLE + 1,
	       "with %d threads that have a chunk each, 60,000 bytes fit into "
	       "64 KiB",
	       IDLE);
	pthread_barrier_wait(&go);
	for (int t = 0; t < IDLE; t++) {
		pthread_join(threads[t], NULL);
		secfree(small[t]);
	}
	secfree(large);
	secmalloc_fini();
	barriers_end();
}

static sem_t filled;

/* Whether chunks that this thread frees go to a cache. */
static bool has_a_share(void)
{
	void *some[8];
	uint64_t before;

	for (int i = 0; i < 8; i++)
		some[i] = secmalloc(32);
	before = stats().cached_bytes;
	for (int i = 0; i < 8; i++)
		secfree(some[i]);
	return stats().cached_bytes != before;
}

static void *fill_and_wait(void *shares)
{
	warm_up();
	*(int *)shares += has_a_share();
	sem_post(&filled);
	pthread_barrier_wait(&go);
	return NULL;
}

/* Threads that fill their caches one after another, and are then idle, hold no
 * more together than one thread may. The last ones get their share, too. */
static void a_crowd_holds_an_eighth(void)
{
	static pthread_t threads[CROWD];
	struct secmalloc_stats now;
	size_t most = 0;
	int shares = 0;
	bool good;

	start(16, 16);
	barriers_for(CROWD + 1);
	sem_init(&filled, 0, 0);
	for (int t = 0; t < CROWD; t++) {
		thread_begin(&threads[t], fill_and_wait, &shares);
		while (sem_wait(&filled) != 0)
			;
		now = stats();
		if (now.cached_bytes > most)
			most = (size_t)now.cached_bytes;
	}
	good = sound();
	tap_ok(most <= now.pool_bytes / 8 && good,
	       "the caches of up to %d idle threads hold an eighth of the "
	       "pools at most (%zu of %ju bytes)",
	       CROWD, most, (uintmax_t)now.pool_bytes);
	tap_ok(most > now.pool_bytes / 16, "control: they do hold memory");
	tap_ok(shares == CROWD,
	       "each of them gets a share, although others are idle (%d of %d)",
	       shares, CROWD);
	pthread_barrier_wait(&go);
	for (int t = 0; t < CROWD; t++)
		pthread_join(threads[t], NULL);
	sem_destroy(&filled);
	barriers_end();
	secmalloc_fini();
}

static void more_threads_than_caches(void)
{
	static pthread_t threads[MANY];
	static bool failed[MANY];
	bool good = true;

	start(16, 16);
	barriers_for(MANY + 1);
	for (int t = 0; t < MANY; t++)
		thread_begin(&threads[t], be_idle, &failed[t]);
	pthread_barrier_wait(&ready);
	good = stats().chunks == 0 && sound();
	pthread_barrier_wait(&go);
	for (int t = 0; t < MANY; t++) {
		pthread_join(threads[t], NULL);
		good = good && !failed[t];
	}
	tap_ok(good && stats().cached_bytes == 0 && sound(),
	       "%d threads, more than there are caches, can all allocate",
	       MANY);
	secmalloc_fini();
	barriers_end();
}

/* Run in a child, whose only thread had a cache in the parent. */
static bool works_in_child(void)
{
	warm_up(); /* without an arena, every call returns NULL */
	if (secmalloc(1) != NULL || errno != ENXIO || !start(4, 4))
		return false;
	warm_up();
	return stats().allocations == 200 && stats().chunks == 0 && sound();
}

static void *fork_in_thread(void *good)
{
	int status = -1;
	pid_t pid;

	warm_up();
	pid = fork();
	if (pid == 0)
		_exit(works_in_child() ? 42 : 1);
	waitpid(pid, &status, 0);
	warm_up();
	*(bool *)good = WIFEXITED(status) && WEXITSTATUS(status) == 42
	                && stats().chunks == 0 && sound();
	return NULL;
}

static void fork_with_a_cache(void)
{
	pthread_t thread;
	bool good = false;

	start(4, 4);
	warm_up();
	thread_begin(&thread, fork_in_thread, &good);
	pthread_join(thread, NULL);
	tap_ok(good,
	       "after a thread with a cache forks, parent and child both work");
	secmalloc_fini();
}

static _Atomic bool enough;

static void *be_busy(void *unused)
{
	void *some[4] = {NULL};

	for (unsigned i = 0; !enough; i++) {
		secfree(some[i % 4]);
		some[i % 4] = secmalloc(32 + i % 3 * 16);
	}
	for (int i = 0; i < 4; i++)
		secfree(some[i]);
	return unused;
}

/* A cache that is stopped in the middle of a call looks as it did before the
 * call, or as it will after it. */
static void stopping_is_exclusive(void)
{
	pthread_t thread;
	bool good = true;

	start(1, 1);
	enough = false;
	thread_begin(&thread, be_busy, NULL);
	for (int i = 0; i < 20000 && good; i++)
		good = sound();
	enough = true;
	pthread_join(thread, NULL);
	tap_ok(good && stats().chunks == 0,
	       "the cache of a busy thread is sound whenever it is stopped");
	secmalloc_fini();
}

static void all(void)
{
	stopping_is_exclusive();
	nothing_is_out_of_reach();
	a_small_arena_is_not_eaten();
	a_crowd_holds_an_eighth();
	more_threads_than_caches();
	fork_with_a_cache();
}

int main(void)
{
	thread_caches_main(all);
}
