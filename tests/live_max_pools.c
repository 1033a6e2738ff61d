/*
 * The arena grows up to max_pools. It adds pools of the usual size, and larger
 * ones for larger chunks.
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
	       && says("max_pools (3) does not allow 12288 bytes more");
}

/* A chunk larger than a pool gets a pool of its own, which serves other chunks
 * afterwards. */
static bool larger_than_a_pool(void)
{
	struct secmalloc_config config = {.initial_pools = 1, .max_pools = 7};
	struct secmalloc_stats stats;
	char *chunk;

	if (secmalloc_init(&config) != 0)
		return false;
	chunk = secmalloc(300 * KIB);
	if (chunk == NULL || !proc_has_flag(chunk, "lo")
	    || !proc_has_flag(chunk + 300 * KIB - 1, "lo"))
		return false;
	/* 300 KiB and a canary take 76 pages, which count as five pools of
	 * 16. */
	secmalloc_stats(&stats);
	if (stats.pools != 6 || stats.pool_bytes != 64 * KIB + 76 * 4 * KIB)
		return false;
	/* One more pool may be added, but not one of that size. */
	if (secmalloc(300 * KIB) != NULL || errno != ENOMEM)
		return false;
	secfree(chunk);
	secmalloc_stats(&stats);
	if (stats.pools != 6)
		return false;
	for (int i = 0; i < 5; i++)
		if (secmalloc(60000) == NULL)
			return false;
	secmalloc_stats(&stats);
	return stats.pools == 6 && secmalloc_audit() == 0;
}

int main(void)
{
	tap_needs_plain_build();
	if (sysconf(_SC_PAGESIZE) != 4096)
		tap_skip_all("the figures are for pages of 4 KiB");
	tap_needs_lock(1024);

	try_case("the arena never has more pools than max_pools",
	         max_pools_holds);
	try_case("a chunk larger than a pool gets a pool of its own",
	         larger_than_a_pool);
	tap_done();
}
