/*
 * secmalloc_init() works in a constructor that runs before the library's own.
 * This program has a copy of the library, whose constructors run after those of
 * the program. tests/live_constructor_linked.sh builds it in other ways; with
 * TEST_PRELOADED it is a library that is loaded first.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tap.h"
#include "thread.h"
#include "watchdog.h"

#include <errno.h>
#include <secmalloc.h>
#include <string.h>

/* With SECMALLOC_FORK_KEEP fork handlers that ran twice would wait forever. */
static const struct secmalloc_config keep = {
	.initial_pools = 1,
	.fork = SECMALLOC_FORK_KEEP,
};
static const struct secmalloc_config none = {
	.initial_pools = 1,
};

static bool calls_before_init;
static int early_init = -1;
static char early_words[256];
static char *early_chunk;

static bool says_there_is_no_arena(void)
{
	struct secmalloc_stats stats;

	secfree(NULL);
	if (secmalloc(32) != NULL || errno != ENXIO)
		return false;
	if (secmalloc_stats(&stats) != -1 || errno != ENXIO)
		return false;
	secmalloc_fini();
	return secmalloc_owns(&stats) == 0 && secmalloc_verify(0) == -1
	       && strstr(secmalloc_error(), "there is no arena") != NULL;
}

static void use_early(void)
{
	calls_before_init = says_there_is_no_arena();
	early_init = secmalloc_init(&keep);
	if (early_init != 0)
		strncpy(early_words, secmalloc_error(),
		        sizeof(early_words) - 1);
	early_chunk = secstrdup("early");
}

/* ---- What holds later ---------------------------------------------------- */

static int child_with_copy(void)
{
	return strcmp(early_chunk, "early") == 0 && secmalloc_audit() == 0
	       && secmalloc(32) != NULL;
}

static int child_without(void)
{
	secfree(early_chunk);
	return secmalloc(32) == NULL && errno == ENXIO;
}

static bool in_child(int (*act)(void))
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		watchdog_start(60);
		_exit(act() ? 0 : 1);
	}
	waitpid(pid, &status, 0);
	return status == 0;
}

static size_t cached_bytes(void)
{
	struct secmalloc_stats stats = {0};

	secmalloc_stats(&stats);
	return (size_t)stats.cached_bytes;
}

static void *leave_something_cached(void *cached)
{
	secfree(secmalloc(240));
	*(size_t *)cached = cached_bytes();
	return NULL;
}

static bool a_thread_returns_its_cache(void)
{
	size_t before = cached_bytes(), during = 0;
	pthread_t thread;

	thread_begin(&thread, leave_something_cached, &during);
	pthread_join(thread, NULL);
	return during > before && cached_bytes() == before;
}

static void run_all(void)
{
	watchdog_start(60);
	tap_needs_lock(256);
	tap_ok(calls_before_init,
	       "before init in a constructor, calls report that there is no "
	       "arena");
	if (!tap_ok(early_init == 0, "init works in a constructor"))
		tap_skip_rest("there is no arena: %s", early_words);
	tap_ok(early_chunk != NULL && strcmp(early_chunk, "early") == 0
	               && secmalloc_audit() == 0 && secmalloc_init(&keep) == -1
	               && errno == EALREADY,
	       "the arena is still there after the constructors");
	tap_ok(a_thread_returns_its_cache(),
	       "a thread that ends returns its cache");
	tap_ok(in_child(child_with_copy), "a child has its copy of the arena");
	secfree(early_chunk);
	secmalloc_fini();
	tap_ok(secmalloc_init(&none) == 0
	               && (early_chunk = secstrdup("late")) != NULL
	               && in_child(child_without)
	               && a_thread_returns_its_cache(),
	       "after fini and another init, children and threads are noticed "
	       "as before");
	secmalloc_fini();
}

#if defined(TEST_PRELOADED)
/* The program into which this is loaded does not matter. */
__attribute__((constructor)) static void be_loaded(void)
{
	use_early();
	run_all();
	tap_done();
}
#elif defined(TEST_PREINIT)
#include "first.h"
RUN_FIRST(use_early);

int main(void)
{
	if (!ran_first)
		tap_skip_all(NOT_RAN_FIRST);
	run_all();
	tap_done();
}
#else
#ifndef TEST_CONSTRUCTOR
#define TEST_CONSTRUCTOR constructor(101)
#endif
__attribute__((TEST_CONSTRUCTOR)) static void run_early(void)
{
	use_early();
}

int main(void)
{
	run_all();
	tap_done();
}
#endif
