/*
 * secmalloc_verify() checks every kind of pool. A check that cannot be made
 * does not pass.
 *
 * SPDX-License-Identifier: ISC
 */
#include "verify_pools.h"

#include <pthread.h>
#include <sys/resource.h>
#include <time.h>

static bool joined_pools_pass(void)
{
	struct secmalloc_config config = {.initial_pools = 4};
	char *at;

	if (secmalloc_init(&config) != 0)
		case_skip_init();
	at = pool_of(secmalloc(60000)) + page;
	return passes(LOCKED | ADVICE) && munlock(at, page) == 0
	       && finds(LOCKED, "pool 0 (4096 of its 262144 bytes");
}

/* Guarded chunks are checked whatever their access, and are named by their
 * cell. */
static bool guarded_chunks_are_seen(void)
{
	struct secmalloc_config config = {
		.initial_pools = 1,
		.guarded_chunks = 3,
	};
	char *first, *second;

	if (secmalloc_init(&config) != 0)
		case_skip_init();
	first = secmalloc_guarded(16) - (page - 16);
	second = secmalloc_guarded(16) - (page - 16);
	if (secmalloc_protect(first + page - 16, SECMALLOC_NOACCESS) != 0
	    || secmalloc_protect(second + page - 16, SECMALLOC_READONLY) != 0)
		return false;
	return passes(LOCKED | ADVICE) && munlock(second, page) == 0
	       && finds(LOCKED, ": guarded cell 1 is not locked")
	       && !says("pool") && !says("cell 0")
	       && madvise(first, page, MADV_DODUMP) == 0
	       && finds(ADVICE, ": guarded cell 0 goes into core dumps")
	       && munmap(second + 4 * page, page) == 0
	       && finds(LOCKED, "; guarded cell 2 is not mapped");
}

/* Pools that are locked but not secret are reported only if that check is
 * requested. */
static bool locked_is_not_secret(void)
{
	return make_pools()
	       && finds(SECMALLOC_VERIFY_SECRET,
	                "locked memory, which root can read: choose "
	                "SECMALLOC_BACKING_SECRET")
	       && (secmalloc_fini(),
	           fails(SECMALLOC_VERIFY_SECRET, ENXIO, "no arena"));
}

/* With KEEP, pools that go to children are not reported, but unlocked ones
 * are. */
static bool kept_ones_pass(void)
{
	struct secmalloc_config config = {
		.initial_pools = 1,
		.guarded_chunks = 1,
		.fork = SECMALLOC_FORK_KEEP,
	};
	char *at;

	if (secmalloc_init(&config) != 0)
		case_skip_init();
	at = pool_of(secmalloc(60000));
	return passes(LOCKED | ADVICE) && munlock(at, page) == 0
	       && finds(LOCKED | ADVICE, ": pool 0 (4096 of its");
}

/* munlock() has no effect on secret memory, but it can be unmapped or
 * shared. */
static bool secret_memory_passes(void)
{
	struct secmalloc_config config = {
		.initial_pools = 2,
		.pool_size = POOL_BYTES,
		.guarded_chunks = 1,
		.backing = SECMALLOC_BACKING_SECRET,
	};
	char *at;

	if (secmalloc_init(&config) != 0)
		case_skip_init();
	at = pool_of(secmalloc(60000));
	return passes(LOCKED | ADVICE | SECMALLOC_VERIFY_SECRET)
	       && madvise(at, POOL_BYTES, MADV_DOFORK) == 0
	       && finds(ADVICE, ": pool 0 is passed to children")
	       && munmap(at + page, page) == 0
	       && finds(LOCKED, ": pool 0 (4096 of its 65536 bytes");
}

static bool later_pool_is_seen(void)
{
	char *later;

	if (!make_pools())
		return false;
	later = pool_of(secmalloc(POOL_BYTES - 1000));
	return passes(LOCKED | ADVICE) && munlock(later, page) == 0
	       && finds(LOCKED, ": pool 3 (");
}

static bool without_arena(void)
{
	const char *none = "there is no arena: call secmalloc_init()";

	return fails(LOCKED, ENXIO, none) && fails(ADVICE, ENXIO, none)
	       && fails(0, ENXIO, none) && make_pools()
	       && (secmalloc_fini(), fails(LOCKED, ENXIO, none));
}

static bool child_has_none(void)
{
	return fails(LOCKED, ENXIO, "the arena belongs to the parent")
	       && (secmalloc_verify(SECMALLOC_VERIFY_DUMPABLE), errno != ENXIO)
	       && (secmalloc_fini(), true) && make_pools();
}

static bool in_child(void)
{
	pid_t child;
	int status = -1;

	if (!make_pools())
		return false;
	child = fork();
	if (child == 0)
		_exit(child_has_none() ? 0 : 1);
	waitpid(child, &status, 0);
	return status == 0 && passes(LOCKED | ADVICE);
}

/* ---- A first thread that has ended -------------------------------------- */

static void *verify_alone(void *unused)
{
	const struct timespec moment = {.tv_nsec = 1000000};

	for (int i = 0; i < 10000 && proc_first_state() != 'Z'; i++)
		nanosleep(&moment, NULL);
	_exit(proc_first_state() == 'Z' && passes(LOCKED | ADVICE)
	                      && munlock(pools[1], POOL_BYTES) == 0
	                      && finds(LOCKED, ": pool 1 is not locked")
	                      && !says("pool 0") && !says("not mapped")
	              ? 0
	              : 1);
	return unused;
}

/* The kernel then shows no mappings in the files of the process. */
static bool first_thread_ended(void)
{
	pthread_t thread;

	if (!make_pools()
	    || pthread_create(&thread, NULL, verify_alone, NULL) != 0)
		return false;
	pthread_exit(NULL);
}

/* No check can be made, and none passes. */
static bool without_descriptors(void)
{
	struct rlimit none = {0, 0};

	return make_pools() && setrlimit(RLIMIT_NOFILE, &none) == 0
	       && fails(LOCKED, ENOTSUP,
	                "smaps, which shows what memory is locked, could not "
	                "be read (errno 24): close a file descriptor, or raise "
	                "RLIMIT_NOFILE")
	       && fails(ADVICE, ENOTSUP, "smaps");
}

static bool words_of_before_stay(void)
{
	return make_pools() && secmalloc_init(NULL) == -1
	       && says("an arena already exists") && passes(LOCKED)
	       && says("an arena already exists");
}

int main(void)
{
	verify_pools_start();
	try_case("adjacent pools are checked", joined_pools_pass);
	try_case("a pool that was added later is checked", later_pool_is_seen);
	try_case("guarded chunks are checked and named by their cell",
	         guarded_chunks_are_seen);
	try_case("pools that children keep are checked", kept_ones_pass);
	try_case("secret memory is checked", secret_memory_passes);
	try_case("locked memory is reported if secret memory is requested",
	         locked_is_not_secret);
	try_case("verify fails before init and after fini", without_arena);
	try_case("verify fails in a child without an arena", in_child);
	try_case("pools are checked when the first thread has ended",
	         first_thread_ended);
	try_case("no check passes if no descriptor is left",
	         without_descriptors);
	try_case("success keeps the message of the last failure",
	         words_of_before_stay);
	tap_done();
}
