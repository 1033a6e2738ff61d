/*
 * secmalloc_verify() finds advice that was undone: pools that core dumps,
 * children of fork() or the merging of equal pages would get.
 *
 * SPDX-License-Identifier: ISC
 */
#include "verify_pools.h"

#include <sys/prctl.h>

/* Of newer kernels than some headers are for. */
#ifndef PR_SET_MEMORY_MERGE
#define PR_SET_MEMORY_MERGE 67
#endif

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
	       && finds(ADVICE, ": pool 2 is passed to children of fork: "
	                        "MADV_");
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
	try_case("a pool is dumped", is_dumped);
	try_case("a pool is forked", is_forked);
	try_case("a page is mergeable", is_mergeable);
	try_case("all of the process is", process_is_mergeable);
	tap_done();
}
