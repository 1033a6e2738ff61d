/*
 * allocate.c - routes a size to a place, and judges misuse
 *
 * SPDX-License-Identifier: ISC
 */
#include "arena/allocate.h"

#include "arena/cached.h"
#include "arena/growth.h"
#include "arena/guarded_chunks.h"
#include "chunk/placement.h"
#include "chunk/slab_check.h"
#include "chunk/slab_find.h"
#include "report/last_error.h"

#include <errno.h>
#include <string.h>

/* ---- Misuse ------------------------------------------------------------- */

/*
 * Whether a chunk is sound, for certain: no other thread changes its neighbour
 * while all caches are stopped.
 */
static bool is_sound(struct smi_arena *arena, const struct smi_tcache *cache,
                     const struct smi_place *place, struct smi_misuse *misuse)
{
	bool sound, certain;
	unsigned times = 0;

	do {
		certain = smi_tcaches_stop(&arena->caches, cache);
		sound = smi_slab_check_chunk(&arena->slabs, place, misuse);
		smi_tcaches_resume(&arena->caches);
	} while (!smi_tcaches_is_final(sound, certain, &times));
	return sound;
}

/* Find and check the chunk at ptr. Aborts if it is not sound. */
static struct smi_place checked(struct smi_arena *arena,
                                const struct smi_tcache *cache, const void *ptr)
{
	struct smi_misuse misuse;
	struct smi_place place;

	if (!smi_slab_find_chunk(&arena->slabs, (uintptr_t)ptr, &place, &misuse)
	    || (!smi_slab_check_is_sound(&arena->runs,
	                                 &arena->slabs.secrets->canary, &place)
	        && !is_sound(arena, cache, &place, &misuse)))
		smi_arena_die(arena, ptr, 0, &misuse);
	return place;
}

/* ---- Taking and giving -------------------------------------------------- */

/* Which caches were emptied to make room. */
enum emptied { NONE, OWN, ALL };

/* Empty this thread's cache or, after that, all others. False if nothing was in
 * those that were left. */
static bool empty_more(struct smi_arena *arena, struct smi_tcache *cache,
                       size_t size, enum emptied *emptied)
{
	if (*emptied == NONE) {
		*emptied = OWN;
		if (smi_cached_flush_own(arena, cache, size))
			return true;
	}
	if (*emptied == ALL)
		return false;
	*emptied = ALL;
	return smi_cached_flush_others(arena, cache, size);
}

/* smi_slab_reunit() or smi_slab_slide(). */
typedef bool extension(struct smi_slabs *slabs, struct smi_place *place,
                       uint32_t units, struct smi_misuse *misuse);

/* Extend the run of a chunk that is alone in it, so that it holds a chunk of
 * `size`. False if the run cannot be extended, or the chunk is in a slab. */
static bool extend(struct smi_arena *arena, extension *take_units,
                   struct smi_place *place, size_t size)
{
	struct smi_misuse misuse;
	size_t bytes = size + SMI_CANARY_LEAST_BYTES;

	if (place->slab->class != SMI_ALONE
	    || bytes > arena->pools.geometry.reserve_bytes)
		return false;
	if (take_units(&arena->slabs, place, (uint32_t)smi_units_for(bytes),
	               &misuse))
		return true;
	if (misuse.kind != SMI_SOUND)
		smi_arena_die(arena, place->start, 0, &misuse);
	return false;
}

/*
 * Find room for a chunk in a slab or run of the right size, if need be after
 * emptying this thread's cache, then all others. The last resort is a slot that
 * is larger than needed or, for a large chunk, memory that overlaps its own.
 * `from` is the place of the chunk if it has one, which is too small, or NULL.
 * If that place could be extended, the vacancy has its run.
 */
static bool find_vacancy(struct smi_arena *arena, struct smi_tcache *cache,
                         struct smi_place *from, size_t align, size_t size,
                         struct smi_vacancy *vacancy)
{
	struct smi_slabs *slabs = &arena->slabs;
	size_t bytes = size + SMI_CANARY_LEAST_BYTES;
	enum emptied emptied = NONE;

	do {
		if (from != NULL
		    && extend(arena, smi_slab_reunit, from, size)) {
			vacancy->run = from->run;
			return true;
		}
		if (smi_placement_find(slabs, align, bytes, vacancy))
			return true;
	} while (empty_more(arena, cache, size, &emptied));
	if (smi_placement_find_larger(slabs, align, bytes, vacancy))
		return true;
	if (from == NULL || !extend(arena, smi_slab_slide, from, size))
		return false;
	vacancy->run = from->run;
	return true;
}

/*
 * Take a place, if need be from a new pool. `from` is as for find_vacancy(); if
 * that place was extended, it is the result. False with errno and words. The
 * failure is counted here; the caller counts a success.
 */
static bool take_place(struct smi_arena *arena, struct smi_tcache *cache,
                       struct smi_place *from, size_t align, size_t size,
                       struct smi_place *place)
{
	struct smi_misuse misuse;
	struct smi_vacancy vacancy;

	if (size > PTRDIFF_MAX) {
		smi_last_error_set(
			ENOMEM,
			"%s: %zu bytes is larger than any object can be",
			arena->call, size);
		return false;
	}
	if (!find_vacancy(arena, cache, from, align, size, &vacancy)) {
		if (!smi_growth_make_room(arena, cache,
		                          &(struct smi_wanted){size, align,
		                                               from})) {
			arena->counts.failures++;
			return false;
		}
		/* This succeeds. */
		find_vacancy(arena, cache, from, align, size, &vacancy);
	}
	if (from != NULL && vacancy.run == from->run) {
		*place = *from;
		return true;
	}
	if (!smi_slab_take(&arena->slabs, vacancy, size, place, &misuse))
		smi_arena_die(arena, NULL, size, &misuse);
	return true;
}

void *smi_allocate_take(struct smi_arena *arena, struct smi_tcache *cache,
                        size_t align, size_t size)
{
	struct smi_place place;

	if (cache != NULL)
		smi_cached_tend(arena, cache);
	if (align <= SMI_ALIGN_BYTES) {
		void *chunk = smi_cached_take(arena, cache, size);

		if (chunk != NULL)
			return chunk;
	}
	if (!take_place(arena, cache, NULL, align, size, &place))
		return NULL;
	arena->counts.allocations++;
	arena->counts.chunk_bytes += size;
	return place.start;
}

void smi_allocate_give(struct smi_arena *arena, struct smi_tcache *cache,
                       void *ptr)
{
	struct smi_place place;

	place = checked(arena, cache, ptr);
	if (cache != NULL)
		smi_cached_tend(arena, cache);
	if (smi_cached_give(arena, cache, &place))
		return;
	arena->counts.frees++;
	arena->counts.chunk_bytes -= place.size;
	smi_slab_give(&arena->slabs, &place);
}

/* ---- Resizing ----------------------------------------------------------- */

/* Make the place of a chunk, which has room for `size`, suit that size. False
 * if a smaller place would be better. */
static bool fit(struct smi_arena *arena, struct smi_place *place, size_t size)
{
	struct smi_misuse misuse;
	size_t bytes = size + SMI_CANARY_LEAST_BYTES;

	if (place->slab->class != SMI_ALONE)
		return smi_slab_suits(place->slab, size);
	return smi_slab_reunit(&arena->slabs, place,
	                       (uint32_t)smi_units_for(bytes), &misuse);
}

/* Take a place that suits `size`, for a chunk whose place is larger than
 * that. False if there is none. */
static bool take_smaller(struct smi_arena *arena, size_t size,
                         struct smi_place *place)
{
	struct smi_misuse misuse;
	struct smi_vacancy vacancy;

	if (!smi_placement_find(&arena->slabs, SMI_ALIGN_BYTES,
	                        size + SMI_CANARY_LEAST_BYTES, &vacancy))
		return false;
	if (!smi_slab_take(&arena->slabs, vacancy, size, place, &misuse))
		smi_arena_die(arena, NULL, size, &misuse);
	return true;
}

/* Move a chunk to another place, which holds at least the smaller of the two
 * sizes. Returns its new start. */
static void *move(struct smi_arena *arena, const struct smi_place *from,
                  const struct smi_place *to)
{
	arena->counts.allocations++;
	arena->counts.frees++;
	memcpy(to->start, from->start,
	       to->size < from->size ? to->size : from->size);
	smi_slab_give(&arena->slabs, from);
	return to->start;
}

void *smi_allocate_resize(struct smi_arena *arena, struct smi_tcache *cache,
                          void *ptr, size_t size)
{
	struct smi_place place, to;
	size_t had;

	if (smi_guarded_holds(&arena->guarded, ptr))
		return smi_guarded_chunks_resize(arena, ptr, size);
	place = checked(arena, cache, ptr);
	had = place.size;
	if (cache != NULL)
		smi_cached_tend(arena, cache);
	to = place;
	if (size > place.slab->slot_bytes - SMI_CANARY_LEAST_BYTES) {
		if (!take_place(arena, cache, &place, SMI_ALIGN_BYTES, size,
		                &to))
			return NULL;
	} else if (!fit(arena, &place, size)) {
		take_smaller(arena, size, &to);
	}
	arena->counts.chunk_bytes += size - had;
	if (to.start != place.start)
		return move(arena, &place, &to);
	smi_slab_resize(&arena->slabs, &place, size);
	return place.start;
}
