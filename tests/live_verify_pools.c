/*
 * secmalloc_verify() of the pools: what a program undoes by mistake is found,
 * named, and where it is; and nothing else is.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "hide.h"
#include "proc.h"
#include "verify.h"

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>

/* Of newer kernels than some headers are for. */
#ifndef MADV_DONTNEED_LOCKED
#define MADV_DONTNEED_LOCKED 24
#endif
#ifndef PR_SET_MEMORY_MERGE
#define PR_SET_MEMORY_MERGE 67
#endif

#define LOCKED     SECMALLOC_VERIFY_LOCKED
#define ADVICE     SECMALLOC_VERIFY_ADVICE
#define POOLS      3
#define POOL_BYTES ((size_t)65536)

/* Where the pools of make_pools() start. */
static char *pools[POOLS];
static size_t page;

static char *pool_of(void *chunk)
{
	return (char *)((uintptr_t)chunk & ~(uintptr_t)(POOL_BYTES - 1));
}

/* Three pools, each between guards: the fourth, a child's, is not there yet. */
static bool make_pools(void)
{
	struct secmalloc_config config = {
		.initial_pools = POOLS,
		.pool_size = POOL_BYTES,
	};

	if (secmalloc_init(&config) != 0)
		case_skip();
	for (int i = 0; i < POOLS; i++)
		pools[i] = pool_of(secmalloc(POOL_BYTES - 1000));
	return passes(LOCKED | ADVICE);
}

static bool one_is_unlocked(void)
{
	return make_pools() && munlock(pools[1], POOL_BYTES) == 0
	       && finds(LOCKED, ": pool 1 is not locked: munlock")
	       && !says("pool 0") && !says("pool 2") && !says("key page")
	       && passes(ADVICE) && finds(LOCKED | ADVICE, "pool 1 ");
}

static bool one_page_is_unlocked(void)
{
	char words[128];

	snprintf(words, sizeof(words),
	         "pool 2 (%zu of its 65536 bytes, from "
	         "offset %zu) is not locked",
	         page, 3 * page);
	return make_pools() && munlock(pools[2] + 3 * page, page) == 0
	       && finds(LOCKED, words) && mlock(pools[2] + 3 * page, page) == 0
	       && passes(LOCKED);
}

static bool ends_are_unlocked(void)
{
	return make_pools() && munlock(pools[0], page) == 0
	       && munlock(pools[2] + POOL_BYTES - page, page) == 0
	       && finds(LOCKED, "pool 0 (") && says("from offset 0)")
	       && says("; pool 2 (") && !says("pool 1");
}

/* The page lies alone in the stride before the first pool. */
static bool key_page_is_unlocked(void)
{
	struct proc_mapping mapping;
	char *at;

	if (!make_pools())
		return false;
	for (at = pools[0] - page; !proc_has_flag(at, "lo");
	     at = (char *)mapping.start - page)
		if (!proc_mapping_of(at, &mapping))
			return false;
	return munlock(at, page) == 0
	       && finds(LOCKED, ": the key page is not locked")
	       && !says("pool");
}

static bool all_are_unlocked(void)
{
	return make_pools() && munlockall() == 0
	       && finds(LOCKED, "the key page is not locked")
	       && says("pool 0 is not") && says("pool 1 is not")
	       && says("pool 2 is not") && !says("more");
}

/* What does not fit is counted. */
static bool many_are_unlocked(void)
{
	struct secmalloc_config config = {
		.initial_pools = 40,
		.pool_size = page,
	};

	if (secmalloc_init(&config) != 0)
		case_skip();
	return passes(LOCKED) && munlockall() == 0
	       && finds(LOCKED, "pool 4 is not") && says("; and ")
	       && strcmp(strrchr(secmalloc_error(), 'm'), "more") == 0
	       && 1 + 5 + atoi(strstr(secmalloc_error(), "; and ") + 6) >= 38;
}

static bool is_discarded(void)
{
	if (!make_pools())
		return false;
	if (madvise(pools[1] + page, page, MADV_DONTNEED_LOCKED) != 0)
		case_skip();
	return finds(LOCKED, ": pool 1 is locked but not all in memory");
}

static bool is_unmapped(void)
{
	return make_pools() && munmap(pools[1], POOL_BYTES) == 0
	       && finds(LOCKED, ": pool 1 is not mapped: munmap")
	       && finds(ADVICE, ": pool 1 is not mapped: munmap")
	       && munmap(pools[2] + page, page) == 0
	       && finds(LOCKED, "; pool 2 (") && !says("pool 0");
}

static bool all_is_unmapped(void)
{
	return make_pools() && munmap(pools[0], POOL_BYTES) == 0
	       && munmap(pools[1], POOL_BYTES) == 0
	       && munmap(pools[2] - page, POOL_BYTES + page) == 0
	       && finds(LOCKED, "pool 0 is not mapped")
	       && says("pool 1 is not mapped") && says("pool 2 is not mapped");
}

static bool is_dumped(void)
{
	return make_pools() && madvise(pools[1], POOL_BYTES, MADV_DODUMP) == 0
	       && finds(ADVICE, ": pool 1 goes into core dumps: MADV_DODUMP")
	       && passes(LOCKED)
	       && madvise(pools[1], POOL_BYTES, MADV_DONTDUMP) == 0
	       && passes(ADVICE);
}

static bool is_forked(void)
{
	return make_pools() && madvise(pools[2], POOL_BYTES, MADV_DOFORK) == 0
	       && finds(ADVICE, ": pool 2 goes to children of fork: MADV_");
}

static bool is_mergeable(void)
{
	if (!make_pools())
		return false;
	if (madvise(pools[0], page, MADV_MERGEABLE) != 0)
		case_skip();
	return finds(ADVICE, "may be merged with equal pages")
	       && says("pool 0 (") && passes(LOCKED);
}

static bool process_is_mergeable(void)
{
	if (!make_pools())
		return false;
	if (prctl(PR_SET_MEMORY_MERGE, 1, 0, 0, 0) != 0)
		case_skip();
	return finds(ADVICE, "pool 1 may be merged");
}

/* ---- What is not to be found -------------------------------------------- */

static bool is_locked_twice(void)
{
	/* Others have not the room to lock all that they map from then on. */
	if (geteuid() != 0 || mlockall(MCL_CURRENT | MCL_FUTURE) != 0)
		case_skip();
	if (!make_pools() || mlockall(MCL_CURRENT) != 0)
		return false;
	return passes(LOCKED | ADVICE) && munlockall() == 0
	       && finds(LOCKED, "pool 0 is not locked");
}

/* A mapping that is like the pool, and beside it, is one with it. */
static bool is_merged_with_neighbour(void)
{
	struct proc_mapping mapping;

	if (!make_pools()
	    || mprotect(pools[1] - page, page, PROT_READ | PROT_WRITE) != 0
	    || mlock(pools[1] - page, page) != 0)
		return false;
	memset(hide(pools[1] - page), 1, page);
	return proc_mapping_of(pools[1], &mapping)
	       && mapping.start < (uintptr_t)pools[1] && passes(LOCKED | ADVICE)
	       && munlock(pools[1] - page, page) == 0 && passes(LOCKED);
}

static bool joined_pools_pass(void)
{
	struct secmalloc_config config = {.initial_pools = 4};
	char *at;

	if (secmalloc_init(&config) != 0)
		case_skip();
	at = pool_of(secmalloc(60000)) + page;
	return passes(LOCKED | ADVICE) && munlock(at, page) == 0
	       && finds(LOCKED, "pool 0 (4096 of its 262144 bytes");
}

/* Guarded chunks are seen, whatever their access, and named by their cell. */
static bool guarded_chunks_are_seen(void)
{
	struct secmalloc_config config = {
		.initial_pools = 1,
		.guarded_chunks = 3,
	};
	char *first, *second;

	if (secmalloc_init(&config) != 0)
		case_skip();
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

/* That pools are only locked is no finding, unless it is asked for. */
static bool locked_is_not_secret(void)
{
	return make_pools()
	       && finds(SECMALLOC_VERIFY_SECRET,
	                "locked memory, which root "
	                "can read: with SECMALLOC_BACKING_SECRET")
	       && (secmalloc_fini(),
	           fails(SECMALLOC_VERIFY_SECRET, ENXIO, "no arena"));
}

/* Children that are to have the pools are no finding; unlocked ones are. */
static bool kept_ones_pass(void)
{
	struct secmalloc_config config = {
		.initial_pools = 1,
		.guarded_chunks = 1,
		.fork = SECMALLOC_FORK_KEEP,
	};
	char *at;

	if (secmalloc_init(&config) != 0)
		case_skip();
	at = pool_of(secmalloc(60000));
	return passes(LOCKED | ADVICE) && munlock(at, page) == 0
	       && finds(LOCKED | ADVICE, ": pool 0 (4096 of its");
}

/* munlock() does nothing to it, but it can be unmapped, and shared. */
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
		case_skip();
	at = pool_of(secmalloc(60000));
	return passes(LOCKED | ADVICE | SECMALLOC_VERIFY_SECRET)
	       && madvise(at, POOL_BYTES, MADV_DOFORK) == 0
	       && finds(ADVICE, ": pool 0 goes to children")
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

/* The process's other memory is its own affair. */
static bool others_do_not_matter(void)
{
	char *other = mmap(NULL, 4 * page, PROT_READ | PROT_WRITE,
	                   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (!make_pools() || mlock(other, page) != 0)
		return false;
	memset(hide(other), 1, page);
	return munlock(other, page) == 0 && passes(LOCKED | ADVICE);
}

/* ---- Where there is no arena, or no way to tell ------------------------- */

static bool without_arena(void)
{
	const char *none = "there is no arena: call secmalloc_init()";

	return fails(LOCKED, ENXIO, none) && fails(ADVICE, ENXIO, none)
	       && fails(0, ENXIO, none) && make_pools()
	       && (secmalloc_fini(), fails(LOCKED, ENXIO, none));
}

static bool child_has_none(void)
{
	return fails(LOCKED, ENXIO, "the arena is the parent's")
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

/* No check has been made, and none says so. */
static bool without_descriptors(void)
{
	struct rlimit none = {0, 0};

	return make_pools() && setrlimit(RLIMIT_NOFILE, &none) == 0
	       && fails(LOCKED, ENOTSUP,
	                "smaps, which tells what of the pools "
	                "is locked, cannot be read (errno 24)")
	       && fails(ADVICE, ENOTSUP, "smaps");
}

static bool words_of_before_stay(void)
{
	return make_pools() && secmalloc_init(NULL) == -1
	       && says("there is an arena already") && passes(LOCKED)
	       && says("there is an arena already");
}

int main(void)
{
	tap_needs_plain_build();
	page = (size_t)sysconf(_SC_PAGESIZE);
	if (page != 4096)
		tap_skip_all("the offsets are those of pages of 4 KiB");
	tap_needs_lock(1024);

	try_case("a pool is unlocked", one_is_unlocked);
	try_case("a page of a pool is", one_page_is_unlocked);
	try_case("the first and the last page of all are", ends_are_unlocked);
	try_case("the key page is", key_page_is_unlocked);
	try_case("munlockall: all are named", all_are_unlocked);
	try_case("... or named and counted", many_are_unlocked);
	try_case("a locked page is discarded", is_discarded);
	try_case("a pool, and a page, are unmapped", is_unmapped);
	try_case("all pools are unmapped", all_is_unmapped);
	try_case("a pool is dumped", is_dumped);
	try_case("a pool is forked", is_forked);
	try_case("a page is mergeable", is_mergeable);
	try_case("all of the process is", process_is_mergeable);

	try_case("mlockall does no harm", is_locked_twice);
	try_case("what is mapped beside a pool does none",
	         is_merged_with_neighbour);
	try_case("nor do other locks of the process", others_do_not_matter);
	try_case("pools that are joined", joined_pools_pass);
	try_case("a pool that was added later", later_pool_is_seen);
	try_case("guarded chunks", guarded_chunks_are_seen);
	try_case("pools that children keep", kept_ones_pass);
	try_case("secret memory", secret_memory_passes);
	try_case("locked memory is not secret", locked_is_not_secret);

	try_case("no arena: before init, after fini", without_arena);
	try_case("no arena: in a child", in_child);
	try_case("no descriptor is left: no check passes", without_descriptors);
	try_case("success leaves the words of the last failure",
	         words_of_before_stay);
	tap_done();
}
