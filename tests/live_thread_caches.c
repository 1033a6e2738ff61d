/*
 * Threads and their caches: what they hold is never out of reach, it comes back
 * when a thread ends, and a thread that outlives an arena finds the next one.
 * All of it with membarrier() and without.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "backing.h"
#include "hide.h"
#include "tap.h"

#include <errno.h>
#include <pthread.h>
#include <secmalloc.h>
#include <string.h>
#include <sys/wait.h>

#define IDLE 6
#define MANY 150 /* more than there are caches */
#define MOST 100000

static unsigned flags;
static pthread_barrier_t ready, go;
static void *chunks[MOST];

static bool start(size_t initial_pools, size_t max_pools)
{
	struct secmalloc_config config = {
		.initial_pools = initial_pools,
		.max_pools = max_pools,
		.flags = flags,
	};

	return secmalloc_init(&config) == 0;
}

static struct secmalloc_stats stats(void)
{
	struct secmalloc_stats got;

	if (secmalloc_stats(&got) != 0)
		abort();
	return got;
}

static bool sound(void)
{
	if (secmalloc_audit() == 0)
		return true;
	tap_note("%s", secmalloc_error());
	return false;
}

/* Have the thread's cache hold slots of some classes. */
static void warm_up(void)
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

/* Warm up, be idle while the test looks, work on, end. */
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

/* As many chunks of a size as there is room for. */
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
 * What a thread is refused while others hold caches, it would be refused
 * without them: when they have ended, and their caches have come back, nothing
 * more fits.
 */
static bool reaches_all(size_t size)
{
	struct secmalloc_stats before;
	pthread_t threads[IDLE];
	bool good;
	size_t count;

	start(4, 4);
	for (int t = 0; t < IDLE; t++)
		pthread_create(&threads[t], NULL, only_hold, NULL);
	pthread_barrier_wait(&ready);
	before = stats();
	count = fill(size);
	good = errno == ENOMEM && before.cached_bytes > 8192
	       && before.chunks == 0 && count > 0 && sound();
	pthread_barrier_wait(&go);
	for (int t = 0; t < IDLE; t++)
		pthread_join(threads[t], NULL);
	good = secmalloc(size) == NULL && errno == ENOMEM && good;
	if (!good)
		tap_note("%zu of %zu bytes beside %ju in caches", count, size,
		         (uintmax_t)before.cached_bytes);
	empty(count);
	good = stats().chunks == 0 && sound() && good;
	secmalloc_fini();
	return good;
}

static void nothing_is_out_of_reach(void)
{
	static const size_t sizes[] = {32, 64, 240, 1200, 4032, 9000};
	bool good = true;

	pthread_barrier_init(&ready, NULL, IDLE + 1);
	pthread_barrier_init(&go, NULL, IDLE + 1);
	for (size_t i = 0; i < 6; i++)
		good = reaches_all(sizes[i]) && good;
	tap_ok(good,
	       "with %d threads idle on full caches one thread can have "
	       "every place",
	       IDLE);
}

static void *take_one(void *chunk)
{
	*(void **)chunk = secmalloc(32);
	pthread_barrier_wait(&ready);
	pthread_barrier_wait(&go);
	return NULL;
}

/* One small chunk of each of some threads leaves a small arena to the rest. */
static void a_small_arena_is_not_eaten(void)
{
	pthread_t threads[IDLE];
	void *small[IDLE], *large;

	start(1, 1);
	for (int t = 0; t < IDLE; t++)
		pthread_create(&threads[t], NULL, take_one, &small[t]);
	pthread_barrier_wait(&ready);
	large = secmalloc(60000);
	tap_ok(large != NULL && stats().chunks == IDLE + 1,
	       "beside %d threads with a chunk each, 64 KiB have room for "
	       "60,000 bytes",
	       IDLE);
	pthread_barrier_wait(&go);
	for (int t = 0; t < IDLE; t++) {
		pthread_join(threads[t], NULL);
		secfree(small[t]);
	}
	secfree(large);
	secmalloc_fini();
}

static void *warm_up_and_end(void *unused)
{
	warm_up();
	return unused;
}

static void a_cache_comes_back(void)
{
	pthread_t thread;

	start(4, 4);
	pthread_create(&thread, NULL, warm_up_and_end, NULL);
	pthread_join(thread, NULL);
	tap_ok(stats().cached_bytes == 0 && stats().chunks == 0
	               && stats().allocations == 200 && stats().frees == 200
	               && sound(),
	       "a thread that ends gives its cache back, and stays counted");
	secmalloc_fini();
}

static pthread_key_t stubborn;

static void free_late(void *chunk)
{
	secfree(chunk);
	secfree(secmalloc(32));
}

/* It is called again, as long as the system has the patience. */
static void never_end(void *value)
{
	secfree(secmalloc(32));
	pthread_setspecific(stubborn, value);
}

static void *keep_for_later(void *keys)
{
	for (int i = 0; i < 2; i++)
		pthread_setspecific(((pthread_key_t *)keys)[i], secmalloc(48));
#ifndef SECMALLOC_SANITIZED
	/* ThreadSanitizer has forgotten a thread before its last destructor. */
	pthread_setspecific(stubborn, keys);
#endif
	return NULL;
}

/* Destructors of other libraries run before ours and after it. */
static void destructors_may_free(void)
{
	pthread_key_t keys[2];
	pthread_t thread;

	start(4, 4);
	pthread_key_create(&keys[0], free_late);
	pthread_key_create(&keys[1], free_late);
	pthread_key_create(&stubborn, never_end);
	for (int i = 0; i < 200; i++) {
		pthread_create(&thread, NULL, keep_for_later, keys);
		pthread_join(thread, NULL);
	}
	tap_ok(stats().cached_bytes == 0 && stats().chunks == 0
	               && stats().allocations >= 800 && sound(),
	       "200 threads free in destructors of their own");
	pthread_key_delete(keys[0]);
	pthread_key_delete(keys[1]);
	pthread_key_delete(stubborn);
	secmalloc_fini();
}

static void more_threads_than_caches(void)
{
	static pthread_t threads[MANY];
	static bool failed[MANY];
	bool good = true;

	start(16, 16);
	pthread_barrier_destroy(&ready);
	pthread_barrier_destroy(&go);
	pthread_barrier_init(&ready, NULL, MANY + 1);
	pthread_barrier_init(&go, NULL, MANY + 1);
	for (int t = 0; t < MANY; t++)
		pthread_create(&threads[t], NULL, be_idle, &failed[t]);
	pthread_barrier_wait(&ready);
	good = stats().chunks == 0 && sound();
	pthread_barrier_wait(&go);
	for (int t = 0; t < MANY; t++) {
		pthread_join(threads[t], NULL);
		good = good && !failed[t];
	}
	tap_ok(good && stats().cached_bytes == 0 && sound(),
	       "%d threads, more than there are caches", MANY);
	secmalloc_fini();
	pthread_barrier_destroy(&ready);
	pthread_barrier_destroy(&go);
	pthread_barrier_init(&ready, NULL, 2);
	pthread_barrier_init(&go, NULL, 2);
}

static void *outlive(void *good)
{
	warm_up();
	pthread_barrier_wait(&ready);
	/* The arena ends. */
	pthread_barrier_wait(&go);
	*(bool *)good = secmalloc(32) == NULL && errno == ENXIO;
	pthread_barrier_wait(&ready);
	/* Another begins. */
	pthread_barrier_wait(&go);
	warm_up();
	*(bool *)good = *(bool *)good && stats().chunks == 0
	                && stats().allocations == 200 && sound();
	return NULL;
}

static void a_thread_outlives_its_arena(void)
{
	pthread_t thread;
	bool good = false;

	start(4, 4);
	pthread_create(&thread, NULL, outlive, &good);
	pthread_barrier_wait(&ready);
	secmalloc_fini();
	pthread_barrier_wait(&go);
	pthread_barrier_wait(&ready);
	start(4, 4);
	pthread_barrier_wait(&go);
	pthread_join(thread, NULL);
	tap_ok(good && stats().cached_bytes == 0,
	       "a thread whose arena has ended uses the next one");
	secmalloc_fini();
}

/* The child's only thread had a cache in the parent. */
static bool works_in_child(void)
{
	warm_up(); /* there is no arena: NULL all over */
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
	pthread_create(&thread, NULL, fork_in_thread, &good);
	pthread_join(thread, NULL);
	tap_ok(good, "a thread with a cache forks: both go on, apart");
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

/* A cache that is stopped in the middle of a call is seen as it was before it
 * or after it. */
static void stopping_is_exclusive(void)
{
	pthread_t thread;
	bool good = true;

	start(1, 1);
	enough = false;
	pthread_create(&thread, NULL, be_busy, NULL);
	for (int i = 0; i < 20000 && good; i++)
		good = sound();
	enough = true;
	pthread_join(thread, NULL);
	tap_ok(good && stats().chunks == 0, "a busy thread's cache is sound "
	                                    "whenever it is stopped");
	secmalloc_fini();
}

static void all(void)
{
	stopping_is_exclusive();
	nothing_is_out_of_reach();
	a_small_arena_is_not_eaten();
	a_cache_comes_back();
	destructors_may_free();
	more_threads_than_caches();
	a_thread_outlives_its_arena();
	fork_with_a_cache();
}

int main(void)
{
	alarm(120);
	if (!start(16, 16))
		tap_skip_all("16 pools cannot be locked");
	secmalloc_fini();
	all();
	tap_note("and with barriers of the threads' own");
	pthread_barrier_destroy(&ready);
	pthread_barrier_destroy(&go);
	flags = SECMALLOC_NO_MEMBARRIER;
	all();
	tap_done();
}
