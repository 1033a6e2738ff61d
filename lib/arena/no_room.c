/*
 * no_room.c - why an arena could not grow, in words
 *
 * SPDX-License-Identifier: ISC
 */
#include "arena/no_room.h"

#include "report/last_error.h"
#include "report/shortage.h"

#include <errno.h>

void smi_no_room_refuse(const struct smi_arena *arena, size_t size,
                        size_t bytes)
{
	const struct smi_pools *pools = &arena->pools;
	const struct smi_geometry *g = &pools->geometry;
	size_t all, enough = pools->count + smi_geometry_pools_for(g, bytes);
	struct smi_geometry larger;

	/* There may be as many pools, but no addresses side by side. */
	if (enough <= g->max_pools)
		enough = g->joined
		                 ? smi_geometry_pools_for(g, smi_pool_end(pools)
		                                                     + bytes)
		                 : pools->used
		                           + smi_geometry_pools_for(g, bytes);

	if (smi_add_overflows(pools->bytes, bytes, &all)
	    || smi_geometry_plan(&larger, g->page_bytes, g->pool_bytes,
	                         g->joined, enough)
	               != SMI_GEOMETRY_FITS) {
		smi_last_error_set(
			ENOMEM,
			"%s: %zu bytes do not fit in as many pools of "
			"%zu bytes as this library supports: divide the data, "
			"or free chunks",
			arena->call, size, g->pool_bytes);
		return;
	}
	smi_last_error_set(ENOMEM, "%s: no room for %zu bytes in %zu pools",
	                   arena->call, size, pools->count);
	smi_shortage_say_use(smi_last_error_more(), pools->bytes,
	                     arena->slabs.taken_bytes,
	                     smi_arena_largest_free(arena));
	if (all > pools->max_bytes)
		smi_text_add(
			smi_last_error_more(),
			", and max_bytes (%zu) does not allow %zu bytes more: "
			"raise max_bytes to %zu, or free chunks",
			pools->max_bytes, bytes, all);
	else
		smi_text_add(
			smi_last_error_more(),
			", and max_pools (%zu) does not allow %zu bytes more: "
			"raise max_pools to %zu, or free chunks",
			(size_t)g->max_pools, bytes, enough);
}

void smi_no_room_explain(const struct smi_arena *arena, size_t size,
                         size_t bytes)
{
	const struct smi_pools *pools = &arena->pools;
	const struct smi_geometry *g = &pools->geometry;
	size_t locked = smi_arena_locked_bytes(arena);
	struct smi_lock_shortage shortage = {
		.call = arena->call,
		.what = "pools",
		.moment = SMI_AT_GROWTH,
		.refused = pools->refused,
		.secret = pools->secret,
		.size = size,
		.pools_locked = pools->count,
		.pool_bytes = pools->bytes,
		.taken_bytes = arena->slabs.taken_bytes,
		.largest_free = smi_arena_largest_free(arena),
		.bytes_locked = locked,
		.bytes_wanted = locked + bytes,
		.largest_bytes = bytes,
	};

	/* Initial pools of a given size do not lie side by side. */
	if (g->joined || bytes <= g->pool_bytes) {
		shortage.field = "initial_pools";
		shortage.field_value =
			g->joined ? smi_geometry_pools_for(g,
		                                           pools->bytes + bytes)
				  : pools->count + 1;
	}
	smi_shortage_explain(&shortage);
}
