/*
 * arena_state.c - all that one init makes: looking at it, and its end by misuse
 *
 * SPDX-License-Identifier: ISC
 */
#include "arena_state.h"

#include "fault.h"
#include "slab_find.h"

void smi_arena_die(struct smi_arena *arena, const char *call, const void *ptr,
                   size_t size, const struct smi_finding *finding)
{
	char words[SMI_FAULT_BYTES];
	struct smi_text text;

	smi_caches_close(&arena->caches);
	smi_text_start(&text, words, sizeof(words));
	smi_finding_words(finding, &text);
	if (ptr != NULL)
		smi_fault(arena->on_fault, "%s(%p): %s", call, ptr, words);
	smi_fault(arena->on_fault, "%s of %zu bytes: %s", call, size, words);
}

size_t smi_arena_max_align(const struct smi_arena *arena)
{
	return arena->pools.geometry.pool_bytes / 2;
}

bool smi_arena_size(const struct smi_arena *arena, const void *ptr,
                    size_t *size)
{
	struct smi_finding finding;
	struct smi_place place;
	uint32_t cell;

	if (smi_guarded_holds(&arena->guarded, ptr)) {
		if (!smi_guarded_find(&arena->guarded, (uintptr_t)ptr, &cell,
		                      &finding))
			return false;
		*size = arena->guarded.cells[cell].size;
		return true;
	}
	if (!smi_slab_find(&arena->slabs, (uintptr_t)ptr, &place, &finding))
		return false;
	*size = place.size;
	return true;
}

bool smi_arena_owns(const struct smi_arena *arena, const void *ptr)
{
	struct smi_finding finding;
	struct smi_place place;
	uint32_t cell;

	return (smi_guarded_holds(&arena->guarded, ptr)
	                ? smi_guarded_find(&arena->guarded, (uintptr_t)ptr,
	                                   &cell, &finding)
	                : smi_slab_find(&arena->slabs, (uintptr_t)ptr, &place,
	                                &finding))
	       || finding.kind == SMI_INNER;
}

size_t smi_arena_spare_bytes(const struct smi_arena *arena)
{
	return arena->pools.bytes - arena->slabs.taken_bytes;
}

/* From so many spare bytes on a fall below low_bytes is a new one. */
static size_t high_bytes(const struct smi_arena *arena)
{
	size_t all = arena->pools.bytes, low = arena->low_bytes;

	if (low >= all)
		return low;
	return all - low < all / SMI_CACHES_PART ? all
	                                         : low + all / SMI_CACHES_PART;
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
