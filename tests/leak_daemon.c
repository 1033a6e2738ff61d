/*
 * When a process with secrets becomes a daemon, nothing of the arena goes to
 * swap with secmalloc_daemon(), neither between the fork and the new lock nor
 * later. With daemon(3), memory that was locked goes to swap. After fork(), a
 * child that keeps a copy loses no page to swap either.
 *
 * Another process keeps asking the kernel for memory from the control group
 * that the test runs in, so the kernel reclaims every page that is not locked.
 * The child waits for a while before it locks its memory.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "first.h"
#include "backing.h"
#include "child.h"
#include "hide.h"
#include "proc.h"
#include "swap.h"
#include "tap.h"
#include "watchdog.h"

#include <pthread.h>
#include <secmalloc.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <time.h>

static struct secmalloc_config config = {
	.initial_pools = 1,
	.pool_size = (SWAP_PAGES + 1) * SWAP_PAGE,
};
static uint64_t seed;
static volatile int *done; /* shared: the daemon has finished */

static void idle(long ms)
{
	struct timespec time = {.tv_nsec = ms * 1000000};

	nanosleep(&time, NULL);
}

/* Runs in each child before the library's own handler. */
static bool lingers;
static void linger(void)
{
	if (lingers)
		idle(200);
}

static void hook_first(void)
{
	pthread_atfork(NULL, NULL, linger);
}
RUN_FIRST(hook_first);

/* ---- Reclaim ------------------------------------------------------------ */

static char group[100], reclaim[150];

static bool write_to(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);
	bool ok = fd >= 0 && write(fd, text, strlen(text)) > 0;

	if (fd >= 0)
		close(fd);
	return ok;
}

/* Create a control group for memory, of version 1 or 2. */
static bool make_group(void)
{
	static const char *const roots[] = {"/sys/fs/cgroup/memory",
	                                    "/sys/fs/cgroup"};
	static const char *const files[] = {"memory.force_empty",
	                                    "memory.reclaim"};

	for (int i = 0; i < 2; i++) {
		snprintf(group, sizeof(group), "%s/leak_daemon.%d", roots[i],
		         getpid());
		snprintf(reclaim, sizeof(reclaim), "%s/%s", group, files[i]);
		if (mkdir(group, 0700) != 0)
			continue;
		if (access(reclaim, W_OK) == 0)
			return true;
		rmdir(group);
	}
	return false;
}

static void enter_group(void)
{
	char path[150];

	snprintf(path, sizeof(path), "%s/cgroup.procs", group);
	if (!write_to(path, "0"))
		_exit(3);
}

static pid_t start_reclaim(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;) {
			write_to(reclaim, "16M");
			idle(1);
		}
	}
	return pid;
}

/* ---- Processes that fork ------------------------------------------------ */

/* A daemon that does not know the problem: it locks, and locks again after
 * daemon(3). */
static int with_daemon_3(void)
{
	unsigned char *pages = mmap(NULL, SWAP_PAGES * SWAP_PAGE,
	                            PROT_READ | PROT_WRITE,
	                            MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	enter_group();
	if (mlock(pages, SWAP_PAGES * SWAP_PAGE) != 0)
		return 3;
	swap_put_pages(hide(pages), seed);
	lingers = true;
	if (daemon(1, 1) != 0 || mlock(pages, SWAP_PAGES * SWAP_PAGE) != 0)
		return 3;
	*done = 1;
	_exit(0);
}

static unsigned char *start_arena(void)
{
	unsigned char *chunk;

	enter_group();
	if (secmalloc_init(&config) != 0)
		_exit(3);
	chunk = hide(secaligned_alloc(SWAP_PAGE, SWAP_PAGES * SWAP_PAGE));
	swap_put_pages(chunk, seed);
	lingers = true;
	return chunk;
}

/* By now the parent has ended, or continues. Leave time for pages to be swapped
 * out. The stack must not contain a copy of the pattern, because the stack is
 * swapped out too. */
static int stay(unsigned char *chunk)
{
	size_t whole = 0;

	idle(100);
	swap_out(chunk);
	idle(100);
	for (size_t i = 0; i < SWAP_PAGES; i++)
		whole += pattern_is(chunk + i * SWAP_PAGE, seed);
	*done = whole == SWAP_PAGES && proc_has_flag(chunk, "lo");
	return 0;
}

static int with_secmalloc_daemon(void)
{
	unsigned char *chunk = start_arena();

	if (secmalloc_daemon(1, 1) != 0)
		return 3;
	_exit(stay(chunk));
}

static int with_fork(void)
{
	unsigned char *chunk = start_arena();
	pid_t pid = fork();

	if (pid == 0)
		_exit(stay(chunk));
	/* Write to each page as soon as possible. */
	for (size_t i = 0; i < SWAP_PAGES; i++)
		chunk[i * SWAP_PAGE + 2000] = 1;
	return child_end(pid);
}

/* The number of pages in swap after `act`, or SIZE_MAX if that is unknown. */
static size_t found_after(int (*act)(void))
{
	int end;

	seed += 1000;
	*done = 0;
	end = in_child(act);
	for (int i = 0; i < 1000 && *done == 0; i++) {
		waitpid(-1, NULL, WNOHANG);
		idle(10);
	}
	if (end != 0 || *done == 0)
		tap_note("the process ended with %d, and the daemon %s", end,
		         *done ? "finished" : "did not finish");
	return end == 0 && *done ? swap_count(seed) : SIZE_MAX;
}

int main(void)
{
	static const char *const names[] = {"NONE", "KEEP", "WIPE"};
	size_t control, found[3], copied;
	pid_t reclaimer;

	tap_needs_plain_build();
	tap_needs_root();
	if (!ran_first)
		tap_skip_all(NOT_RAN_FIRST);
	watchdog_start(100);
	if (!make_group())
		tap_skip_all("there is no control group whose memory can be "
		             "reclaimed");
	seed = (uint64_t)getpid() << 32 | (uint64_t)time(NULL);
	done = mmap(NULL, SWAP_PAGE, PROT_READ | PROT_WRITE,
	            MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	swap_start();
	alarm(100);
	reclaimer = start_reclaim();
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	control = found_after(with_daemon_3);
	for (unsigned i = 0; i < 3; i++) {
		config.fork = i;
		found[i] = found_after(with_secmalloc_daemon);
	}
	config.fork = SECMALLOC_FORK_KEEP;
	copied = found_after(with_fork);
	kill(reclaimer, SIGKILL);
	child_end(reclaimer);
	swap_end();
	rmdir(group);

	if (control == SIZE_MAX)
		tap_skip_all(
			"the control group cannot be used, or the swap file "
			"cannot be read directly");
	tap_ok(control >= SWAP_PAGES / 2,
	       "control: %zu of %d pages are in swap after daemon(3), although "
	       "locked again",
	       control, SWAP_PAGES);
	for (unsigned i = 0; i < 3; i++)
		tap_ok(found[i] == 0,
		       "%zu pages are in swap with %s after secmalloc_daemon()",
		       found[i], names[i]);
	tap_ok(copied == 0,
	       "%zu pages are in swap with KEEP after fork(), when both "
	       "processes write",
	       copied);
	tap_done();
}
