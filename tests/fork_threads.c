/*
 * Two threads fork again and again, while four others allocate, resize and
 * free. No fork hangs; each child can use what its policy gives it, and finds
 * it sound; and so does the parent at the end.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "child.h"
#include "hide.h"
#include "tap.h"

#include <errno.h>
#include <pthread.h>
#include <secmalloc.h>
#include <stdatomic.h>
#include <string.h>

#define WORKERS 4
#define FORKERS 2
#ifdef SECMALLOC_SANITIZED
#define FORKS 40 /* of each forker */
#else
#define FORKS 500
#endif

static struct secmalloc_config config = {
	.initial_pools = 4, .max_pools = 4,
};
static atomic_bool stop;
static atomic_int good;
static char *kept;

static void *load(void *unused)
{
	while (!stop) {
		void *few[20];
		void *p = secmalloc(100), *q = secmalloc(9000);

		p = secrealloc(p, 5000);
		for (int i = 0; i < 20; i++)
			few[i] = secmalloc(32);
		secfree(q);
		for (int i = 0; i < 20; i++)
			secfree(few[i]);
		secfree(p);
	}
	return unused;
}

/* Whether what is in an arena that nobody else uses adds up: no thread that is
 * not here holds a place. */
static bool adds_up(void)
{
	struct secmalloc_stats stats;
	void *p = secmalloc(10), *q = secmalloc(3000);

	secfree(q);
	p = secrealloc(p, 2000);
	secfree(p);
	return p != NULL && q != NULL && secmalloc_stats(&stats) == 0
	       && stats.cached_bytes <= stats.pool_bytes / 8
	       && stats.pools == 4 && secmalloc_audit() == 0;
}

static bool use_in_child(void)
{
	static const struct secmalloc_config own = {.initial_pools = 4};

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
	for (int i = 0; i < FORKS; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			alarm(30);
			_exit(use_in_child() ? 42 : 1);
		}
		good += child_end(pid) == 42;
		if (i % 100 == 0 && secmalloc_audit() != 0)
			good -= FORKS;
	}
	return unused;
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
		pthread_create(&workers[i], NULL, load, NULL);
	for (int i = 0; i < FORKERS; i++)
		pthread_create(&forkers[i], NULL, fork_often, NULL);
	for (int i = 0; i < FORKERS; i++)
		pthread_join(forkers[i], NULL);
	stop = true;
	for (int i = 0; i < WORKERS; i++)
		pthread_join(workers[i], NULL);
	tap_ok(good == FORKERS * FORKS, "%s: %d of %d children could use what "
	       "they have, and found it sound", policy, good,
	       FORKERS * FORKS);
	tap_ok(secmalloc_audit() == 0 && strcmp(kept, "the parent's") == 0,
	       "and the parent's arena is sound");
	secmalloc_fini();
}

int main(void)
{
	static const char *const names[] = {"NONE", "KEEP", "WIPE"};

	alarm(300);
	for (unsigned i = 0; i < 3; i++) {
		config.fork = i;
		config.flags = 0;
		fork_under_load(names[i]);
	}
	config.fork = SECMALLOC_FORK_KEEP;
	config.flags = SECMALLOC_NO_MEMBARRIER;
	fork_under_load("KEEP without membarrier");
	tap_done();
}
