/*
 * The arena grows up to max_pools, by pools of the usual size, or by what a
 * larger chunk lacks.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "backing.h"
#include "case.h"
#include "proc.h"

#include <errno.h>

#define KIB ((size_t)1024)

static bool max_pools_holds(void)
{
	struct secmalloc_config config = {.initial_pools = 1, .max_pools = 3};
	struct secmalloc_stats stats;

	if (secmalloc_init(&config) != 0)
		return false;
	while (secmalloc(10000) != NULL)
		;
	return errno == ENOMEM && secmalloc_stats(&stats) == 0
	       && stats.pools == 3 && stats.pool_bytes == 192 * KIB
	       && says("max_pools (3) does not allow 8192 bytes more");
}

/*
 * A chunk of 300 KiB and its canary take 76 pages. Pools of the default size
 * are joined, so 60 pages are missing beside the first pool. Otherwise the
 * chunk gets a pool of its own. Both serve other chunks afterwards. max_pools
 * allows one more pool, but no second chunk of that size.
 */
static bool larger_than_a_pool(size_t pool_size, size_t pools, size_t bytes)
{
	struct secmalloc_config config = {
		.initial_pools = 1,
		.max_pools = pools + 1,
		.pool_size = pool_size,
	};
	struct secmalloc_stats stats;
	char *chunk;

	if (secmalloc_init(&config) != 0)
		return false;
	chunk = secmalloc(300 * KIB);
	if (chunk == NULL || !proc_has_flag(chunk, "lo")
	    || !proc_has_flag(chunk + 300 * KIB - 1, "lo"))
		return false;
	secmalloc_stats(&stats);
	if (stats.pools != pools || stats.pool_bytes != bytes)
		return false;
	if (secmalloc(300 * KIB) != NULL || errno != ENOMEM)
		return false;
	secfree(chunk);
	secmalloc_stats(&stats);
	if (stats.pools != pools)
		return false;
	for (int i = 0; i < 5; i++)
		if (secmalloc(60000) == NULL)
			return false;
	secmalloc_stats(&stats);
	return stats.pools == pools && secmalloc_audit() == 0;
}

static bool joined(void)
{
	return larger_than_a_pool(0, 5, 76 * 4 * KIB);
}

static bool apart(void)
{
	return larger_than_a_pool(64 * KIB, 6, 64 * KIB + 76 * 4 * KIB);
}

int main(void)
{
	tap_needs_plain_build();
	if (sysconf(_SC_PAGESIZE) != 4096)
		tap_skip_all("the figures are for pages of 4 KiB");
	tap_needs_lock(1024);

	try_case("the arena never has more pools than max_pools",
	         max_pools_holds);
	try_case("joined pools grow by what a larger chunk lacks", joined);
	try_case("with a pool_size, a larger chunk gets a pool of its own",
	         apart);
	tap_done();
}
