/*
 * arena_grow.c - further pools for an arena
 *
 * SPDX-License-Identifier: ISC
 */
#include "arena_grow.h"

#include "error.h"
#include "limits.h"

#include <errno.h>

uint32_t smi_arena_add_pool(struct smi_arena *arena, size_t bytes, size_t least)
{
	uint32_t pool = smi_pools_lock(&arena->pools, bytes,
	                               arena->pool_is_default ? least : bytes);

	if (pool != SMI_NONE) {
		smi_runs_add_pool(&arena->runs, pool);
		smi_pools_publish(&arena->pools);
	}
	return pool;
}

bool smi_arena_grow(struct smi_arena *arena, const char *call, size_t size,
                    size_t bytes)
{
	const struct smi_geometry *g = &arena->pools.geometry;
	struct smi_lock_shortage shortage = {
		.call = call,
		.what = "pools",
		.size = size,
		.pools_locked = arena->pools.count,
		.pool_bytes = g->pool_bytes,
		.growth = true,
	};
	int code = errno;
	size_t least;

	if (bytes > g->reserve_bytes) {
		smi_error_set(ENOMEM,
		              "%s: %zu bytes are more than the %zu "
		              "pools of %zu bytes that there may be can hold",
		              call, size, (size_t)g->max_pools, g->pool_bytes);
		return false;
	}
	least = smi_round_up(bytes, g->page_bytes);
	if (least > g->pool_bytes)
		shortage.pool_bytes = least;
	if (!smi_pools_have_room(&arena->pools, shortage.pool_bytes)) {
		smi_error_set(ENOMEM,
		              "%s: no room for %zu bytes in %zu pools "
		              "(%zu bytes), and max_pools (%zu) leaves none "
		              "for one more of %zu bytes: raise max_pools, or "
		              "free chunks",
		              call, size, arena->pools.count,
		              arena->pools.bytes, (size_t)g->max_pools,
		              shortage.pool_bytes);
		return false;
	}
	if (smi_arena_add_pool(arena, shortage.pool_bytes, least) != SMI_NONE) {
		/* A larger one may have been refused first. */
		errno = code;
		return true;
	}
	shortage.bytes_wanted = smi_arena_locked_bytes(arena)
	                        + shortage.pool_bytes;
	smi_limits_explain(&shortage);
	errno = ENOMEM;
	return false;
}
