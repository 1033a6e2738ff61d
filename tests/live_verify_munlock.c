/*
 * secmalloc_verify() detects and names memory of the pools that a program
 * unlocks, discards or unmaps by mistake. Other locks and mappings of the
 * process do not matter.
 *
 * SPDX-License-Identifier: ISC
 */
#include "verify_pools.h"

/* The headers may be older than the kernel. */
#ifndef MADV_DONTNEED_LOCKED
#define MADV_DONTNEED_LOCKED 24
#endif

static bool one_is_unlocked(void)
{
	return make_pools() && munlock(pools[1], POOL_BYTES) == 0
	       && finds(LOCKED, ": pool 1 is not locked, probably after "
	                        "munlock or munlockall: remove")
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

/* The page of the canary key is the only locked page in the stride before the
 * first pool. */
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

/* Findings that do not fit into the message are counted. */
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
	return finds(LOCKED, ": pool 1 is locked, but its mapping of "
	                     "65536 bytes has only 61440 in memory, "
	                     "probably after MADV_DONTNEED_LOCKED: ");
}

static bool is_unmapped(void)
{
	return make_pools() && munmap(pools[1], POOL_BYTES) == 0
	       && finds(LOCKED, ": pool 1 is not mapped, probably after "
	                        "munmap or mremap: remove")
	       && finds(ADVICE, ": pool 1 is not mapped, probably")
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
	/* An ordinary user cannot lock everything that is mapped from then
	 * on. */
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

/* The kernel merges a pool with a neighbouring mapping that has the same
 * properties. */
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

/* The process may lock and unlock its other memory as it likes. */
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
	try_case("an unlocked pool is detected and named", one_is_unlocked);
	try_case("an unlocked page in a pool is detected and named",
	         one_page_is_unlocked);
	try_case("unlocked pages at both ends of the pools are detected",
	         ends_are_unlocked);
	try_case("an unlocked key page is detected and named",
	         key_page_is_unlocked);
	try_case("after munlockall() all pools are named", all_are_unlocked);
	try_case("pools that do not fit into the message are counted",
	         many_are_unlocked);
	try_case("a discarded page is detected", is_discarded);
	try_case("an unmapped pool and an unmapped page are detected",
	         is_unmapped);
	try_case("unmapped pools are detected even if all are",
	         all_is_unmapped);
	try_case("pools pass after mlockall()", is_locked_twice);
	try_case("a pool passes when it is merged with a neighbouring mapping",
	         is_merged_with_neighbour);
	try_case("pools pass whatever other memory the process unlocks",
	         others_do_not_matter);
	tap_done();
}
