/*
 * A thread that ends returns its cache to the arena, even when destructors of
 * other libraries free chunks after that. A thread that outlives an arena can
 * use the next one.
 *
 * SPDX-License-Identifier: ISC
 */
#include "thread_caches.h"
#include "thread.h"

static void *warm_up_and_end(void *unused)
{
	warm_up();
	return unused;
}

static void a_cache_comes_back(void)
{
	pthread_t thread;

	start(4, 4);
	thread_begin(&thread, warm_up_and_end, NULL);
	pthread_join(thread, NULL);
	tap_ok(stats().cached_bytes == 0 && stats().chunks == 0
	               && stats().allocations == 200 && stats().frees == 200
	               && sound(),
	       "a thread that ends returns its cache, and its calls stay "
	       "counted");
	secmalloc_fini();
}

static pthread_key_t stubborn;

static void free_late(void *chunk)
{
	secfree(chunk);
	secfree(secmalloc(32));
}

/* A destructor that sets its key again, and is called again as often as the
 * system allows. */
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
	/* ThreadSanitizer forgets a thread before its last destructor runs. */
	pthread_setspecific(stubborn, keys);
#endif
	return NULL;
}

/* Destructors of other libraries run before and after the library's own. */
static void destructors_may_free(void)
{
	pthread_key_t keys[2];
	pthread_t thread;

	start(4, 4);
	pthread_key_create(&keys[0], free_late);
	pthread_key_create(&keys[1], free_late);
	pthread_key_create(&stubborn, never_end);
	for (int i = 0; i < 200; i++) {
		thread_begin(&thread, keep_for_later, keys);
		pthread_join(thread, NULL);
	}
	tap_ok(stats().cached_bytes == 0 && stats().chunks == 0
	               && stats().allocations >= 800 && sound(),
	       "200 threads can free chunks in destructors of other libraries");
	pthread_key_delete(keys[0]);
	pthread_key_delete(keys[1]);
	pthread_key_delete(stubborn);
	secmalloc_fini();
}

static void *outlive(void *good)
{
	warm_up();
	pthread_barrier_wait(&ready);
	/* The main thread ends the arena here. */
	pthread_barrier_wait(&go);
	*(bool *)good = secmalloc(32) == NULL && errno == ENXIO;
	pthread_barrier_wait(&ready);
	/* The main thread creates another arena here. */
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

	barriers_for(2);
	start(4, 4);
	thread_begin(&thread, outlive, &good);
	pthread_barrier_wait(&ready);
	secmalloc_fini();
	pthread_barrier_wait(&go);
	pthread_barrier_wait(&ready);
	start(4, 4);
	pthread_barrier_wait(&go);
	pthread_join(thread, NULL);
	tap_ok(good && stats().cached_bytes == 0,
	       "a thread that outlives its arena can use the next one");
	secmalloc_fini();
	barriers_end();
}

static void all(void)
{
	a_cache_comes_back();
	destructors_may_free();
	a_thread_outlives_its_arena();
}

int main(void)
{
	thread_caches_main(all);
}
