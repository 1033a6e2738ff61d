/*
 * arena.c - everything that one init makes: questions about it, and its end by
 *           misuse
 *
 * SPDX-License-Identifier: ISC
 */
#include "arena/arena.h"

#include "chunk/slab_find.h"
#include "report/fatal.h"

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

size_t smi_arena_largest_free(const struct smi_arena *arena)
{
	size_t bytes = smi_extents_largest(&arena->runs.extents)
	               * SMI_UNIT_BYTES;

	for (unsigned class = SMI_CLASSES; class -- > 0;) {
		if (smi_sizeclass_bytes(class) <= bytes)
			break;
		if (smi_slab_partial(&arena->slabs, class) != SMI_NONE) {
			bytes = smi_sizeclass_bytes(class);
			break;
		}
	}
	return bytes > 0 ? bytes - SMI_CANARY_LEAST_BYTES : 0;
}

size_t smi_arena_grown_bytes(const struct smi_arena *arena)
{
	return arena->pools.bytes - arena->initial_bytes
	       - arena->reserved_bytes;
}

void smi_arena_add(struct smi_arena *arena, const struct smi_piece *piece)
{
	smi_run_add(&arena->runs, piece);
	smi_pool_publish(&arena->pools);
}
