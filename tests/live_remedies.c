/*
 * A message about the lock limit names a limit that is enough: at init, for
 * growth and for a child, also beside memory that the process has locked
 * elsewhere.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "first.h"
#include "remedy.h"

#include <pthread.h>
#include <sys/syscall.h>

/* The number of bytes that the process has locked besides the arena. */
#define ELSEWHERE (40 * KIB)

/* ---- Init --------------------------------------------------------------- */

static bool init_guarded(void)
{
	return init_with((struct secmalloc_config){.initial_pools = 1,
	                                           .pool_size = POOL,
	                                           .guarded_chunks = 8,
	                                           .guarded_size = 5000});
}

static bool lock_elsewhere(void)
{
	void *at = mmap(NULL, ELSEWHERE, PROT_READ | PROT_WRITE,
	                MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return at != MAP_FAILED && mlock(at, ELSEWHERE) == 0;
}

static bool lock_secret_elsewhere(void)
{
	int fd = (int)syscall(SYS_memfd_secret, 0);

	return fd >= 0 && ftruncate(fd, (off_t)ELSEWHERE) == 0
	       && mmap(NULL, ELSEWHERE, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
	               0) != MAP_FAILED;
}

static bool init_beside(void)
{
	return lock_elsewhere() && init_guarded();
}

static bool init_beside_secret(void)
{
	return lock_secret_elsewhere() && init_fixed();
}

/* ---- Growth ------------------------------------------------------------- */

static bool grow_pool(void)
{
	return start_one() && take_two_pools();
}

static bool grow_beside(void)
{
	return start_one() && lock_elsewhere() && take_two_pools();
}

static bool grow_default(void)
{
	return init_with((struct secmalloc_config){.initial_pools = 1})
	       && take_two_pools();
}

static bool grow_large(void)
{
	return start_one() && hide(secmalloc(200000)) != NULL;
}

static bool grow_cell(void)
{
	return start_one() && take_two_cells();
}

static bool grow_large_cell(void)
{
	return start_one() && lock_elsewhere()
	       && hide(secmalloc_guarded(10000)) != NULL;
}

/* ---- Children ------------------------------------------------------------ */

static bool start_with_policy(unsigned policy)
{
	return init_with((struct secmalloc_config){.initial_pools = 4,
	                                           .pool_size = POOL,
	                                           .guarded_chunks = 3,
	                                           .fork = policy})
	       && lock_elsewhere() && hide(secmalloc_guarded(32)) != NULL;
}

static bool start_keep(void)
{
	return start_with_policy(SECMALLOC_FORK_KEEP);
}

static bool start_wipe(void)
{
	return start_with_policy(SECMALLOC_FORK_WIPE);
}

/* A fork handler of the program, which runs before the library's. */
static bool locks_in_child;

static void lock_in_child(void)
{
	if (locks_in_child)
		lock_elsewhere();
}

static void register_handler(void)
{
	pthread_atfork(NULL, NULL, lock_in_child);
}
RUN_FIRST(register_handler);

static bool start_with_handler(void)
{
	locks_in_child = start_keep() && ran_first;
	if (!ran_first)
		tap_cannot(NOT_RAN_FIRST);
	return locks_in_child;
}

static void tell(bool good)
{
	told->good = good;
	snprintf(told->words, sizeof(told->words), "%s", secmalloc_error());
	told->tried = true;
}

static bool fork_child(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		tell(hide(secmalloc(32)) != NULL);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	return false;
}

/* The launcher of a daemon ends in the call, with status 0. */
static bool become_daemon(void)
{
	tell(true);
	if (secmalloc_daemon(1, 1) == 0)
		_exit(0);
	tell(false);
	return false;
}

static const struct trial trials[] = {
	TRIAL("init names enough for its pools", 64 * KIB, init_fixed),
	TRIAL("init without a right names enough", 0, init_fixed),
	TRIAL("init names enough for pools of the default size", 64 * KIB,
              init_default, .control = POOL),
	TRIAL("init names enough for guarded chunks", 80 * KIB, init_guarded),
	TRIAL("init names enough if not even the key page fits", 0,
              init_guarded),
	TRIAL("init names enough for secret memory", 64 * KIB, init_fixed,
              .backing = SECMALLOC_BACKING_SECRET),
	TRIAL("init counts memory that is locked elsewhere", 60 * KIB,
              init_beside, .also = "and 40960 are locked elsewhere"),
	TRIAL("init counts it when a part of the arena was locked", 120 * KIB,
              init_beside, .also = "and 40960 are locked elsewhere"),
	TRIAL("init counts secret memory elsewhere", 80 * KIB,
              init_beside_secret, .also = "and 40960 are locked elsewhere"),
	TRIAL("init counts memory elsewhere for secret memory", 120 * KIB,
              init_beside, .backing = SECMALLOC_BACKING_SECRET),
	TRIAL("growth names enough for a pool", 76 * KIB, grow_pool),
	TRIAL("growth names enough for a pool of the default size", 72 * KIB,
              grow_default, .control = POOL),
	TRIAL("growth names enough for a large chunk", 76 * KIB, grow_large),
	TRIAL("growth names enough for a guarded chunk", 72 * KIB, grow_cell),
	TRIAL("growth counts memory that is locked elsewhere", 128 * KIB,
              grow_beside),
	TRIAL("growth names enough for a large guarded chunk", 112 * KIB,
              grow_large_cell),
	TRIAL("growth names enough for secret memory", 76 * KIB, grow_pool,
              .backing = SECMALLOC_BACKING_SECRET),
	TRIAL("growth names enough after root was given up", 0, take_two_pools,
              .prepare = start_one),
	TRIAL("a child with a copy names enough", 100 * KIB, fork_child,
              .prepare = start_keep),
	TRIAL("a child with a copy names enough if it has no right", 0,
              fork_child, .prepare = start_keep),
	TRIAL("a child with a copy counts what its fork handler locked",
              120 * KIB, fork_child, .prepare = start_with_handler,
              .also = "and 40960 are locked elsewhere"),
	TRIAL("a child with a copy of secret memory names enough", 100 * KIB,
              fork_child, .prepare = start_keep,
              .backing = SECMALLOC_BACKING_SECRET),
	TRIAL("a child with an empty arena names enough", 100 * KIB, fork_child,
              .prepare = start_wipe),
	TRIAL("secmalloc_daemon() names enough", 100 * KIB, become_daemon,
              .prepare = start_keep),
};

int main(void)
{
	remedy_start();
	remedy_try_all(trials, sizeof(trials) / sizeof(trials[0]));
	tap_done();
}
