/*
 * arena.c - everything that one init makes: questions about it, its growth, and
 *           its end by misuse
 *
 * SPDX-License-Identifier: ISC
 */
#include "arena/arena.h"

#include "chunk/slab_find.h"
#include "report/fatal.h"
#include "report/last_error.h"
#include "report/shortage.h"

#include <errno.h>

#define SIZING_PARTS      ((size_t)8)
#define SIZING_MOST_BYTES ((size_t)64 * 1024)

void smi_arena_die(struct smi_arena *arena, const void *ptr, size_t size,
                   const struct smi_misuse *misuse)
{
	char words[SMI_FATAL_BYTES];
	struct smi_text text;

	smi_tcaches_close(&arena->caches);
	smi_text_start(&text, words, sizeof(words));
	smi_misuse_words(misuse, &text);
	if (ptr != NULL)
		smi_fatal_die(arena->on_fault, "%s(%p): %s", arena->call, ptr,
		              words);
	if (size == SMI_NO_SIZE)
		smi_fatal_die(arena->on_fault, "%s: %s", arena->call, words);
	smi_fatal_die(arena->on_fault, "%s of %zu bytes: %s", arena->call, size,
	              words);
}

size_t smi_arena_max_align(const struct smi_arena *arena)
{
	return arena->pools.geometry.pool_bytes / 2;
}

bool smi_arena_size(const struct smi_arena *arena, const void *ptr,
                    size_t *size)
{
	struct smi_misuse misuse;
	struct smi_place place;
	uint32_t cell;

	if (smi_guarded_holds(&arena->guarded, ptr)) {
		if (!smi_guarded_find(&arena->guarded, (uintptr_t)ptr, &cell,
		                      &misuse))
			return false;
		*size = arena->guarded.cells[cell].size;
		return true;
	}
	if (!smi_slab_find_chunk(&arena->slabs, (uintptr_t)ptr, &place,
	                         &misuse))
		return false;
	*size = place.size;
	return true;
}

bool smi_arena_owns(const struct smi_arena *arena, const void *ptr)
{
	struct smi_misuse misuse;
	struct smi_place place;
	uint32_t cell;

	return (smi_guarded_holds(&arena->guarded, ptr)
	                ? smi_guarded_find(&arena->guarded, (uintptr_t)ptr,
	                                   &cell, &misuse)
	                : smi_slab_find_chunk(&arena->slabs, (uintptr_t)ptr,
	                                      &place, &misuse))
	       || misuse.kind == SMI_INNER;
}

size_t smi_arena_spare_bytes(const struct smi_arena *arena)
{
	return arena->pools.bytes - arena->slabs.taken_bytes;
}

/* The spare bytes from which on a later fall below low_bytes counts as a new
 * crossing. */
static size_t high_bytes(const struct smi_arena *arena)
{
	size_t all = arena->pools.bytes, low = arena->low_bytes;

	if (low >= all)
		return low;
	return all - low < all / SMI_TCACHES_PART
	               ? all
	               : low + all / SMI_TCACHES_PART;
}

bool smi_arena_runs_low(struct smi_arena *arena, bool may_call)
{
	size_t spare = smi_arena_spare_bytes(arena);

	if (arena->is_low && spare >= high_bytes(arena))
		arena->is_low = false;
	if (arena->is_low || !may_call || spare >= arena->low_bytes
	    || arena->pools.bytes == 0)
		return false;
	arena->is_low = true;
	arena->low_crossings++;
	return true;
}

/*
 * The margin allows for a course of things that is never quite the same: slots
 * are chosen at random, and threads take turns. An eighth covers that in a
 * large arena. In a small one single slabs count, so there it is twice as much.
 */
size_t smi_arena_sizing_bytes(const struct smi_arena *arena)
{
	size_t bytes = smi_run_needed_peak(&arena->runs) * SMI_UNIT_BYTES;
	size_t part = bytes / SIZING_PARTS;

	return bytes + part
	       + (part < SIZING_MOST_BYTES ? part : SIZING_MOST_BYTES);
}

size_t smi_arena_locked_bytes(const struct smi_arena *arena)
{
	return arena->pools.bytes + arena->guarded.pools.bytes
	       + arena->pools.geometry.page_bytes;
}

bool smi_arena_touches(const struct smi_arena *arena, const void *at,
                       size_t bytes)
{
	return smi_range_touches((uintptr_t)arena->pools.reservation,
	                         arena->pools.mapped_bytes, (uintptr_t)at,
	                         bytes);
}

/* ---- Growth ------------------------------------------------------------- */

uint32_t smi_arena_add_pool(struct smi_arena *arena, size_t bytes, size_t least)
{
	uint32_t pool = smi_pool_lock(&arena->pools, bytes,
	                              arena->pool_is_default ? least : bytes);

	if (pool != SMI_NONE) {
		smi_run_add_pool(&arena->runs, pool);
		smi_pool_publish(&arena->pools);
	}
	return pool;
}

/* max_pools does not allow a pool of `bytes`. False, with words. */
static bool refuse_pool(const struct smi_arena *arena, size_t size,
                        size_t bytes)
{
	const struct smi_geometry *g = &arena->pools.geometry;
	size_t count = arena->pools.count;
	size_t enough = count + smi_geometry_pools_for(g, bytes);
	struct smi_geometry larger;

	if (smi_geometry_plan(&larger, g->page_bytes, g->pool_bytes, enough)
	    == SMI_GEOMETRY_FITS)
		smi_last_error_set(
			ENOMEM,
			"%s: no room for %zu bytes in %zu pools (%zu bytes), "
			"and max_pools (%zu) does not allow another of "
			"%zu bytes: raise max_pools to %zu, or free chunks",
			arena->call, size, count, arena->pools.bytes,
			(size_t)g->max_pools, bytes, enough);
	else
		smi_last_error_set(
			ENOMEM,
			"%s: %zu bytes do not fit in as many pools of "
			"%zu bytes as this library supports: divide the data, "
			"or free chunks",
			arena->call, size, g->pool_bytes);
	return false;
}

bool smi_arena_grow(struct smi_arena *arena, size_t size, size_t bytes)
{
	const struct smi_geometry *g = &arena->pools.geometry;
	size_t least = smi_round_up(bytes, g->page_bytes);
	size_t most = least > g->pool_bytes ? least : g->pool_bytes;
	struct smi_lock_shortage shortage = {
		.call = arena->call,
		.what = "pools",
		.moment = SMI_AT_GROWTH,
		.secret = arena->pools.secret,
		.size = size,
		.pools_locked = arena->pools.count,
		.bytes_locked = smi_arena_locked_bytes(arena),
		.bytes_wanted = smi_arena_locked_bytes(arena) + most,
		.largest_bytes = most,
	};
	int code = errno;

	if (!smi_pool_have_room(&arena->pools, most))
		return refuse_pool(arena, size, most);
	if (smi_arena_add_pool(arena, most, least) != SMI_NONE) {
		/* A failed attempt at a larger pool may have set it. */
		errno = code;
		return true;
	}
	shortage.refused = arena->pools.refused;
	/* Initial pools of a given size do not lie side by side. */
	if (most == g->pool_bytes) {
		shortage.field = "initial_pools";
		shortage.field_value = arena->pools.count + 1;
	}
	smi_shortage_explain(&shortage);
	errno = ENOMEM;
	return false;
}
