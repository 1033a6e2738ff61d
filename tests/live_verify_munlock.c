/*
 * secmalloc_verify() finds what a program by mistake unlocks, discards or
 * unmaps of the pools, and names it; other locks and mappings do not matter.
 *
 * SPDX-License-Identifier: ISC
 */
#include "verify_pools.h"

/* Of newer kernels than some headers are for. */
#ifndef MADV_DONTNEED_LOCKED
#define MADV_DONTNEED_LOCKED 24
#endif

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
		case_skip_init();
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
		case_skip("MADV_DONTNEED_LOCKED: %s", strerror(errno));
	return finds(LOCKED, ": pool 1 is locked but not entirely in memory");
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

static bool is_locked_twice(void)
{
	/* Others have not the room to lock all that they map from then on. */
	if (geteuid() != 0)
		case_skip("needs root");
	if (mlockall(MCL_CURRENT | MCL_FUTURE) != 0)
		case_skip("mlockall: %s", strerror(errno));
	if (!make_pools())
		return false;
	if (mlockall(MCL_CURRENT) != 0)
		case_skip("mlockall: %s", strerror(errno));
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

int main(void)
{
	verify_pools_start();
	try_case("a pool is unlocked", one_is_unlocked);
	try_case("a page of a pool is", one_page_is_unlocked);
	try_case("the first and the last page of all are", ends_are_unlocked);
	try_case("the key page is", key_page_is_unlocked);
	try_case("munlockall: all are named", all_are_unlocked);
	try_case("... or named and counted", many_are_unlocked);
	try_case("a locked page is discarded", is_discarded);
	try_case("a pool, and a page, are unmapped", is_unmapped);
	try_case("all pools are unmapped", all_is_unmapped);
	try_case("mlockall does no harm", is_locked_twice);
	try_case("what is mapped beside a pool does none",
	         is_merged_with_neighbour);
	try_case("nor do other locks of the process", others_do_not_matter);
	tap_done();
}
