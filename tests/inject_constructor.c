/*
 * The fork handlers, the function of atexit() and the key for the ends of
 * threads are registered on demand, once. They are refused first, as the
 * library's constructor finds, so that each case begins before anything is
 * registered.
 *
 * SPDX-License-Identifier: ISC
 */
#include "case.h"
#include "thread.h"

#include <errno.h>
#include <pthread.h>
#include <secmalloc.h>
#include <stdatomic.h>

static const struct secmalloc_config keep = {
	.initial_pools = 1,
	.fork = SECMALLOC_FORK_KEEP,
};

/* What the calls answer, if not 0. */
static int atfork_answer = ENOMEM, atexit_answer = -1, key_answer = EAGAIN;
static atomic_int atfork_calls, atexit_calls, key_calls;

/* Stops the thread that registers the fork handlers, before or after it has. */
enum place { NOWHERE, BEFORE, AFTER };
static enum place stop_at;
static pthread_barrier_t stopped, resumed;

static void stop(enum place where)
{
	if (stop_at != where)
		return;
	pthread_barrier_wait(&stopped);
	pthread_barrier_wait(&resumed);
}

int __real_pthread_atfork(void (*prepare)(void), void (*parent)(void),
                          void (*child)(void));
int __wrap_pthread_atfork(void (*prepare)(void), void (*parent)(void),
                          void (*child)(void));
int __wrap_pthread_atfork(void (*prepare)(void), void (*parent)(void),
                          void (*child)(void))
{
	int answer = atfork_answer;

	atfork_calls++;
	stop(BEFORE);
	if (answer == 0)
		answer = __real_pthread_atfork(prepare, parent, child);
	/* Give other threads time to come here too. */
	for (int i = 0; i < 100; i++)
		sched_yield();
	stop(AFTER);
	return answer;
}

/* What the C library calls in atexit(), if not NULL. */
static void (*allocate)(void);

int __real_atexit(void (*act)(void));
int __wrap_atexit(void (*act)(void));
int __wrap_atexit(void (*act)(void))
{
	atexit_calls++;
	if (allocate != NULL)
		allocate();
	return atexit_answer != 0 ? atexit_answer : __real_atexit(act);
}

int __real_pthread_key_create(pthread_key_t *key, void (*end)(void *));
int __wrap_pthread_key_create(pthread_key_t *key, void (*end)(void *));
int __wrap_pthread_key_create(pthread_key_t *key, void (*end)(void *))
{
	static void (*first_end)(void *);

	/* The key for messages is another one, and made later. */
	if (first_end == NULL)
		first_end = end;
	if (end != first_end)
		return __real_pthread_key_create(key, end);
	key_calls++;
	return key_answer != 0 ? key_answer
	                       : __real_pthread_key_create(key, end);
}

static void allow_all(void)
{
	atfork_answer = 0;
	atexit_answer = 0;
	key_answer = 0;
	atfork_calls = 0;
	atexit_calls = 0;
	key_calls = 0;
}

static bool each_was_called_once(void)
{
	return atfork_calls == 1 && atexit_calls == 1 && key_calls == 1;
}

/* ---- Failures ------------------------------------------------------------ */

/* Init fails twice in the same way. */
static bool explains(const char *call)
{
	for (int i = 0; i < 2; i++) {
		errno = 0;
		if (secmalloc_init(&keep) != -1 || errno != ENOMEM
		    || !says("secmalloc_init: ") || !says(call))
			return false;
	}
	return secmalloc(1) == NULL && errno == ENXIO;
}

static bool a_refusal_of_fork_handlers_is_explained(void)
{
	atexit_answer = 0;
	return explains("pthread_atfork() failed");
}

static bool a_refusal_of_atexit_is_explained(void)
{
	atfork_answer = 0;
	return explains(": atexit() failed");
}

static bool a_later_init_tries_again(void)
{
	if (secmalloc_init(&keep) != -1)
		return false;
	allow_all();
	if (secmalloc_init(&keep) != 0)
		case_skip_init();
	return each_was_called_once();
}

/* How many bytes are in the thread's cache after a chunk was freed. */
static size_t cached_bytes(void)
{
	struct secmalloc_stats stats;

	secfree(secmalloc(32));
	return secmalloc_stats(&stats) == 0 ? (size_t)stats.cached_bytes
	                                    : SIZE_MAX;
}

static bool a_refused_key_costs_the_caches(void)
{
	allow_all();
	key_answer = EAGAIN;
	errno = 0;
	if (secmalloc_init(&keep) != 0)
		case_skip_init();
	if (errno != 0 || cached_bytes() != 0)
		return false;
	secmalloc_fini();
	key_answer = 0;
	return secmalloc_init(&keep) == 0 && cached_bytes() > 0
	       && atfork_calls == 1;
}

/* ---- A malloc() that makes an arena -------------------------------------- */

static int nested = 1, nested_code;

static void make_arena(void)
{
	allocate = NULL;
	nested = secmalloc_init(&keep);
	nested_code = errno;
}

static bool a_call_by_malloc_fails(void)
{
	allow_all();
	allocate = make_arena;
	if (secmalloc_init(&keep) != 0)
		case_skip_init();
	return nested == -1 && nested_code == ENOMEM && each_was_called_once();
}

/* ---- Once ---------------------------------------------------------------- */

static bool init_and_fini_register_once(void)
{
	allow_all();
	for (int i = 0; i < 3; i++) {
		if (secmalloc_init(&keep) != 0)
			case_skip_init();
		secmalloc_fini();
	}
	return each_was_called_once();
}

#define THREADS 8
static pthread_barrier_t ready;
static atomic_int made, already;

static void *init_at_once(void *unused)
{
	pthread_barrier_wait(&ready);
	if (secmalloc_init(&keep) == 0)
		made++;
	else if (errno == EALREADY)
		already++;
	return unused;
}

static bool threads_register_once(void)
{
	pthread_t threads[THREADS];

	allow_all();
	pthread_barrier_init(&ready, NULL, THREADS);
	for (int i = 0; i < THREADS; i++)
		thread_begin(&threads[i], init_at_once, NULL);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	if (made == 0)
		case_skip("no arena could be made");
	return made == 1 && already == THREADS - 1 && each_was_called_once();
}

/* ---- A fork while another thread registers ------------------------------- */

static void *init_in_thread(void *result)
{
	*(int *)result = secmalloc_init(&keep);
	return NULL;
}

/* The child, and the child's own child, have an arena. Returns 0 if so. */
static int child_works(void)
{
	int status = -1;
	pid_t pid;
	char *chunk;

	if (secmalloc_init(&keep) != 0 || (chunk = secstrdup("x")) == NULL)
		return 1;
	pid = fork();
	if (pid == 0)
		_exit(chunk[0] == 'x' && secmalloc_audit() == 0
		                      && secmalloc(1) != NULL
		              ? 0
		              : 1);
	waitpid(pid, &status, 0);
	return status == 0 && secmalloc_audit() == 0 ? 0 : 2;
}

static bool forks_while_a_thread_is_stopped(enum place where)
{
	int result = -1, status = -1;
	pthread_t thread;
	pid_t pid;

	allow_all();
	pthread_barrier_init(&stopped, NULL, 2);
	pthread_barrier_init(&resumed, NULL, 2);
	stop_at = where;
	thread_begin(&thread, init_in_thread, &result);
	pthread_barrier_wait(&stopped);
	pid = fork();
	if (pid == 0) {
		stop_at = NOWHERE;
		watchdog_start(100);
		_exit(child_works());
	}
	waitpid(pid, &status, 0);
	pthread_barrier_wait(&resumed);
	pthread_join(thread, NULL);
	if (result != 0)
		case_skip("no arena could be made");
	if (status != 0)
		tap_note("the child ended with status %#x", (unsigned)status);
	return status == 0 && atfork_calls == 1;
}

static bool a_fork_before_the_handlers_are_registered(void)
{
	return forks_while_a_thread_is_stopped(BEFORE);
}

static bool a_fork_after_the_handlers_are_registered(void)
{
	return forks_while_a_thread_is_stopped(AFTER);
}

int main(void)
{
	tap_needs_plain_build();
	watchdog_start(100);
	tap_ok(each_was_called_once(),
	       "control: the library's constructor registers, and is refused");
	try_case("a refusal of the fork handlers is explained, each time",
	         a_refusal_of_fork_handlers_is_explained);
	try_case("a refusal of the function of atexit() is explained, each "
	         "time",
	         a_refusal_of_atexit_is_explained);
	try_case("a later init registers what was refused",
	         a_later_init_tries_again);
	try_case(
		"without a key threads have no caches, until a later init gets "
		"one",
		a_refused_key_costs_the_caches);
	try_case("an init by a malloc() that atexit() calls in an init fails",
	         a_call_by_malloc_fails);
	try_case("init, fini and init again register once",
	         init_and_fini_register_once);
	try_case("threads that call init at the same time register once",
	         threads_register_once);
	try_case("a child that was forked before another thread had registered "
	         "the fork handlers can make an arena, and fork",
	         a_fork_before_the_handlers_are_registered);
	try_case("a child that was forked before another thread had noted that "
	         "the fork handlers are registered can make an arena, and fork",
	         a_fork_after_the_handlers_are_registered);
	tap_done();
}
