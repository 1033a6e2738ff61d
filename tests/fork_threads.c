/*
 * Two threads fork again and again while four others allocate, resize and free.
 * No fork hangs. Each child can use what its policy gives it, and finds it
 * sound. The parent's arena is sound at the end, too.
 *
 * Usage: fork_threads [FORKS], the number of forks of each of the two threads
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "backing.h"
#include "child.h"
#include "hide.h"
#include "tap.h"
#include "thread.h"

#include <errno.h>
#include <pthread.h>
#include <secmalloc.h>
#include <stdatomic.h>
#include <string.h>

#define WORKERS 4
#define FORKERS 2

/* The number of forks of each thread that forks. */
#ifdef SECMALLOC_SANITIZED
static int forks = 40;
#else
static int forks = 100;
#endif

static struct secmalloc_config config = {
	.initial_pools = 4,
	.max_pools = 4,
	.guarded_chunks = WORKERS + 1,
};
static atomic_bool stop;
static atomic_int good;
static char *kept;

static void *load(void *unused)
{
	while (!stop) {
		void *few[20];
		void *p = secmalloc(100), *q = secmalloc(9000);
		void *guarded = secmalloc_guarded(100);

		p = secrealloc(p, 5000);
		for (int i = 0; i < 20; i++)
			few[i] = secmalloc(32);
		secfree(q);
		for (int i = 0; i < 20; i++)
			secfree(few[i]);
		secfree(p);
		secfree(guarded);
	}
	return unused;
}

/* Whether the figures of an arena that only this thread uses add up: threads
 * that do not exist in this process hold no memory. */
static bool adds_up(void)
{
	struct secmalloc_stats stats;
	void *p = secmalloc(10), *q = secmalloc(3000);
	void *guarded = secmalloc_guarded(50);

	secfree(q);
	p = secrealloc(p, 2000);
	secfree(p);
	secfree(guarded);
	return p != NULL && q != NULL && guarded != NULL
	       && secmalloc_stats(&stats) == 0
	       && stats.cached_bytes <= stats.pool_bytes / 8 && stats.pools == 4
	       && secmalloc_audit() == 0;
}

static bool use_in_child(void)
{
	static const struct secmalloc_config own = {
		.initial_pools = 4,
		.guarded_chunks = 1,
	};

	switch (config.fork) {
	case SECMALLOC_FORK_KEEP:
		return strcmp(kept, "the parent's") == 0 && secmalloc_owns(kept)
		       && adds_up();
	case SECMALLOC_FORK_WIPE:
		secfree(kept);
		return kept[0] == '\0' && adds_up();
	default:
		secfree(kept);
		return secmalloc(1) == NULL && errno == ENXIO
		       && secmalloc_init(&own) == 0 && adds_up();
	}
}

static void *fork_often(void *unused)
{
	for (int i = 0; i < forks; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			watchdog_start(30);
			_exit(use_in_child() ? 42 : 1);
		}
		good += child_end(pid) == 42;
		if (i % 100 == 0 && secmalloc_audit() != 0)
			good -= forks;
	}
	return unused;
}

/* ---- Caches ------------------------------------------------------------- */

static pthread_barrier_t meet;

/* Fill the cache of this thread, and stay until the test has looked at it. */
static void *fill_a_cache(void *unused)
{
	void *some[30];

	for (int i = 0; i < 30; i++)
		some[i] = secmalloc(64);
	for (int i = 0; i < 30; i++)
		secfree(some[i]);
	pthread_barrier_wait(&meet);
	pthread_barrier_wait(&meet);
	return unused;
}

static size_t cached(void)
{
	struct secmalloc_stats stats;

	return secmalloc_stats(&stats) == 0 ? (size_t)stats.cached_bytes
	                                    : SIZE_MAX;
}

static void *use_up(void *unused)
{
	while (secmalloc(64) != NULL)
		;
	return unused;
}

/* In the child, memory in the caches of the parent's other threads is free, and
 * new threads can use it. membarrier() works for them as it did in the
 * parent. */
static bool caches_came_back(size_t own)
{
	pthread_t threads[2];
	struct secmalloc_stats stats;

	if (cached() != own || secmalloc_audit() != 0)
		return false;
#ifdef SECMALLOC_SANITIZED
	/* Sanitizers do not let the child of a process with several threads
	 * start a thread. */
	return true;
#endif
	for (int i = 0; i < 2; i++)
		thread_begin(&threads[i], use_up, NULL);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	return secmalloc_stats(&stats) == 0 && stats.free_bytes < 64 * 16
	       && secmalloc_audit() == 0;
}

static void caches_of_the_parents_threads(void)
{
	pthread_t thread;
	size_t own;
	pid_t pid;

	config.fork = SECMALLOC_FORK_KEEP;
	config.flags = 0;
	if (secmalloc_init(&config) != 0) {
		tap_skip("a child has its own cache, and the memory in the "
		         "other cache is free",
		         "4 pools cannot be locked");
		return;
	}
	pthread_barrier_init(&meet, NULL, 2);
	secfree(secmalloc(200));
	own = cached();
	thread_begin(&thread, fill_a_cache, NULL);
	pthread_barrier_wait(&meet);
	tap_ok(cached() >= own + 64 * 8,
	       "control: the cache of another thread holds %zu bytes, and that "
	       "of the forking thread %zu",
	       cached() - own, own);
	pid = fork();
	if (pid == 0) {
		watchdog_start(30);
		_exit(caches_came_back(own) ? 42 : 1);
	}
	tap_ok(child_end(pid) == 42,
	       "a child has its own cache, and the memory in the other cache "
	       "is free");
	pthread_barrier_wait(&meet);
	pthread_join(thread, NULL);
	secmalloc_fini();
}

static void fork_under_load(const char *policy)
{
	pthread_t workers[WORKERS], forkers[FORKERS];

	if (secmalloc_init(&config) != 0) {
		tap_skip(policy, "4 pools cannot be locked");
		return;
	}
	good = 0;
	stop = false;
	kept = hide(secstrdup("the parent's"));
	for (int i = 0; i < WORKERS; i++)
		thread_begin(&workers[i], load, NULL);
	for (int i = 0; i < FORKERS; i++)
		thread_begin(&forkers[i], fork_often, NULL);
	for (int i = 0; i < FORKERS; i++)
		pthread_join(forkers[i], NULL);
	stop = true;
	for (int i = 0; i < WORKERS; i++)
		pthread_join(workers[i], NULL);
	tap_ok(good == FORKERS * forks,
	       "%s: %d of %d children could use their arena and found it sound",
	       policy, good, FORKERS * forks);
	tap_ok(secmalloc_audit() == 0 && strcmp(kept, "the parent's") == 0,
	       "the parent's arena is sound after the forks");
	secmalloc_fini();
}

int main(int argc, char **argv)
{
	static const char *const names[] = {"NONE", "KEEP", "WIPE"};

	if (argc > 1)
		forks = atoi(argv[1]);
	watchdog_start(300 + (unsigned)forks);
	for (unsigned i = 0; i < 3; i++) {
		config.fork = i;
		config.flags = 0;
		fork_under_load(names[i]);
	}
	config.fork = SECMALLOC_FORK_KEEP;
	config.flags = SECMALLOC_NO_MEMBARRIER;
	fork_under_load("KEEP without membarrier");
	caches_of_the_parents_threads();
	tap_done();
}
