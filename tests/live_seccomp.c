/*
 * After secmalloc_init(), allocating and freeing in the initial pools makes no
 * system call: a filter that kills the process at any call except exit does not
 * stop it. Other cases have several threads, and a filter that refuses
 * membarrier() or kills the process for it.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "backing.h"
#include "filter.h"
#include "hide.h"
#include "tap.h"
#include "thread.h"
#include "watchdog.h"

#include <errno.h>
#include <pthread.h>
#include <secmalloc.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define DONE 42

static _Noreturn void leave(int status)
{
	syscall(SYS_exit_group, status);
	__builtin_unreachable();
}

/* Use every function that is documented to work without the kernel. */
static void use_the_arena(void)
{
	static const size_t sizes[] = {0, 16, 32, 240, 1200, 4032, 9000, 60000};
	void *chunks[8][3];
	struct secmalloc_stats stats;

	for (int round = 0; round < 200; round++) {
		for (int i = 0; i < 8; i++)
			for (int j = 0; j < 3; j++) {
				chunks[i][j] = secmalloc(sizes[i]);
				if (chunks[i][j] == NULL)
					leave(1);
				memset(chunks[i][j], 1, sizes[i]);
			}
		for (int i = 0; i < 8; i++)
			for (int j = 0; j < 3; j++) {
				void *p = secrealloc(chunks[i][j],
				                     sizes[(i + j) % 8]);

				if (p == NULL || !secmalloc_owns(p))
					leave(2);
				secfree(p);
			}
		secfree(secaligned_alloc(4096, 100));
		secfree(secstrdup("a string"));
	}
	if (secmalloc_stats(&stats) != 0 || stats.chunks != 0)
		leave(3);
	if (secmalloc_audit() != 0)
		leave(4);
}

static void grow(void)
{
	for (int i = 0; i < 20; i++)
		hide(secmalloc(60000));
}

static void map(void)
{
	hide(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
}

static void plain_malloc(void)
{
	hide(malloc(1 << 24));
}

static void *hold_in_cache(void *barrier)
{
	void *chunks[50];

	for (int i = 0; i < 50; i++)
		chunks[i] = secmalloc(32);
	for (int i = 0; i < 50; i++)
		secfree(chunks[i]);
	pthread_barrier_wait(barrier);
	while (pause() == -1)
		;
	return NULL;
}

/* Fill the arena up to max_pools while the cache of another thread holds slots.
 * The filter affects only membarrier(). Returns whether slots are still in a
 * cache at the end. */
static int fill_beside_a_cache(unsigned flags, unsigned verdict, int growth)
{
	struct secmalloc_config config = {
		.initial_pools = 1,
		.max_pools = 1 + (size_t)growth,
		.flags = flags,
	};
	struct secmalloc_stats stats;
	/* The barrier is not on the stack, because the thread may still be
	 * leaving it when this function returns. */
	static pthread_barrier_t barrier;
	pthread_t thread;

	secmalloc_fini();
	if (secmalloc_init(&config) != 0)
		leave(97);
	pthread_barrier_init(&barrier, NULL, 2);
	thread_begin(&thread, hold_in_cache, &barrier);
	pthread_barrier_wait(&barrier);
	if (!filter_on(SYS_membarrier, verdict, SECCOMP_RET_ALLOW))
		leave(96);
	errno = 0;
	while (hide(secmalloc(32)) != NULL)
		;
	if (errno != ENOMEM || secmalloc_stats(&stats) != 0
	    || stats.cached_bytes > 4096)
		leave(95);
	return stats.cached_bytes > 0;
}

static void barrier_kills(void)
{
	fill_beside_a_cache(0, SECCOMP_RET_KILL_PROCESS, 0);
}

static void barrier_is_refused(void)
{
	/* The other thread keeps the slots in its cache, and nothing else
	 * happens. */
	if (!fill_beside_a_cache(0, SECCOMP_RET_ERRNO | EPERM, 1))
		leave(94);
	if (secmalloc_audit() != 0)
		leave(93);
}

static void no_barrier(void)
{
	if (fill_beside_a_cache(SECMALLOC_NO_MEMBARRIER,
	                        SECCOMP_RET_KILL_PROCESS, 0))
		leave(94);
	if (secmalloc_audit() != 0)
		leave(93);
}

/* Run `act` in a child, under the filter of this suite or under one that `act`
 * installs. Returns the child's wait status. */
static int status_with(void (*act)(void), bool filtered)
{
	struct secmalloc_config config = {.initial_pools = 8};
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		watchdog_start(60);
		if (secmalloc_init(&config) != 0)
			leave(99);
		if (filtered
		    && !filter_on(SYS_exit_group, SECCOMP_RET_ALLOW,
		                  SECCOMP_RET_KILL_PROCESS))
			leave(98);
		act();
		leave(DONE);
	}
	waitpid(pid, &status, 0);
	return status;
}

static int status_of(void (*act)(void))
{
	return status_with(act, true);
}

static bool was_killed(int status)
{
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS;
}

int main(void)
{
	int status;

	tap_needs_plain_build();
	status = status_of(map);
	if (WIFEXITED(status) && WEXITSTATUS(status) >= 98)
		tap_skip_all(WEXITSTATUS(status) == 99
		                     ? "8 pools cannot be locked"
		                     : "no seccomp filter can be set");
	tap_ok(was_killed(status),
	       "control: the filter kills a process that calls mmap");
	tap_ok(was_killed(status_of(plain_malloc)),
	       "control: the filter kills a process that allocates 16 MiB with "
	       "malloc");
	status = status_of(use_the_arena);
	tap_ok(WIFEXITED(status) && WEXITSTATUS(status) == DONE,
	       "4,800 chunks in the initial pools need no system call (%x)",
	       (unsigned)status);
	tap_ok(was_killed(status_of(grow)),
	       "control: growth past the initial pools makes a system call");
	tap_ok(was_killed(status_with(barrier_kills, false)),
	       "control: a full arena calls membarrier() if there are other "
	       "threads");
	status = status_with(barrier_is_refused, false);
	tap_ok(WIFEXITED(status) && WEXITSTATUS(status) == DONE,
	       "after a refused membarrier() the other thread keeps its cache "
	       "(%x)",
	       (unsigned)status);
	status = status_with(no_barrier, false);
	tap_ok(WIFEXITED(status) && WEXITSTATUS(status) == DONE,
	       "with SECMALLOC_NO_MEMBARRIER all caches are emptied without "
	       "the call (%x)",
	       (unsigned)status);
	tap_done();
}
