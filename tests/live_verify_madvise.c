/*
 * secmalloc_verify() detects advice that was undone: pools that would go into
 * core dumps or to children of fork(), or that may be merged with equal pages.
 *
 * SPDX-License-Identifier: ISC
 */
#include "verify_pools.h"

#include <sys/prctl.h>

/* The headers may be older than the kernel. */
#ifndef PR_SET_MEMORY_MERGE
#define PR_SET_MEMORY_MERGE 67
#endif

static bool is_dumped(void)
{
	return make_pools() && madvise(pools[1], POOL_BYTES, MADV_DODUMP) == 0
	       && finds(ADVICE, ": pool 1 goes into core dumps, probably "
	                        "after MADV_DODUMP: remove that call")
	       && passes(LOCKED)
	       && madvise(pools[1], POOL_BYTES, MADV_DONTDUMP) == 0
	       && passes(ADVICE);
}

static bool is_forked(void)
{
	return make_pools() && madvise(pools[2], POOL_BYTES, MADV_DOFORK) == 0
	       && finds(ADVICE, ": pool 2 is passed to children of fork, "
	                        "probably after MADV_DOFORK: ");
}

static bool is_mergeable(void)
{
	if (!make_pools())
		return false;
	if (madvise(pools[0], page, MADV_MERGEABLE) != 0)
		case_skip("MADV_MERGEABLE: %s", strerror(errno));
	return finds(ADVICE, "may be merged with identical pages")
	       && says("pool 0 (") && passes(LOCKED);
}

static bool process_is_mergeable(void)
{
	if (!make_pools())
		return false;
	if (prctl(PR_SET_MEMORY_MERGE, 1, 0, 0, 0) != 0)
		case_skip("PR_SET_MEMORY_MERGE: %s", strerror(errno));
	return finds(ADVICE, "pool 1 may be merged");
}

int main(void)
{
	verify_pools_start();
	try_case("a pool that goes into core dumps is detected", is_dumped);
	try_case("a pool that goes to children is detected", is_forked);
	try_case("a page that may be merged is detected", is_mergeable);
	try_case("a process whose pages may all be merged is detected",
	         process_is_mergeable);
	tap_done();
}
