/*
 * arena.c - routes a size to a place, and judges misuse
 *
 * SPDX-License-Identifier: ISC
 */
#include "arena.h"

#include "arena_cache.h"
#include "arena_grow.h"
#include "arena_guarded.h"
#include "error.h"
#include "os.h"
#include "slab_find.h"
#include "spot.h"

#include <errno.h>
#include <string.h>

/* How often damage is looked at again where the look is not exclusive. */
#define UNCERTAIN_TRIES 100u

/* ---- Misuse ------------------------------------------------------------- */

/*
 * Whether a chunk is sound, for certain: nobody else changes what lies beside
 * it while all caches are stopped.
 */
static bool is_sound(struct smi_arena *arena, const struct smi_cache *cache,
                     const struct smi_place *place, struct smi_finding *finding)
{
	bool sound, certain;
	unsigned times = 0;

	do {
		certain = smi_caches_stop(&arena->caches, cache);
		sound = smi_slab_check(&arena->slabs, place, finding);
		smi_caches_resume(&arena->caches);
		/* A moment that was caught passes; damage stays. */
		if (!sound && !certain)
			smi_os_pause(times);
	} while (!sound && !certain && ++times < UNCERTAIN_TRIES);
	return sound;
}

/* The chunk at ptr, checked. */
static struct smi_place checked(struct smi_arena *arena,
                                const struct smi_cache *cache, const char *call,
                                const void *ptr)
{
	struct smi_finding finding;
	struct smi_place place;

	if (!smi_slab_find(&arena->slabs, (uintptr_t)ptr, &place, &finding)
	    || (!smi_slab_is_sound(&arena->runs, &arena->slabs.secrets->canary,
	                           &place)
	        && !is_sound(arena, cache, &place, &finding)))
		smi_arena_die(arena, call, ptr, 0, &finding);
	return place;
}

/* ---- Taking and giving -------------------------------------------------- */

/*
 * Find room for a chunk: where it belongs, also after what caches hold has been
 * given back, or in a larger slot.
 */
static bool find_spot(struct smi_arena *arena, struct smi_cache *cache,
                      const char *call, size_t align, size_t size,
                      struct smi_spot *spot)
{
	struct smi_slabs *slabs = &arena->slabs;
	size_t bytes = size + SMI_CANARY_LEAST_BYTES;

	return smi_spot_find(slabs, align, bytes, spot)
	       || (smi_arena_flush_own(arena, cache, call, size)
	           && smi_spot_find(slabs, align, bytes, spot))
	       || (smi_arena_flush_others(arena, cache, call, size)
	           && smi_spot_find(slabs, align, bytes, spot))
	       || smi_spot_find_other(slabs, align, bytes, spot);
}

/*
 * Take a place, from one more pool if there is none. False, with errno and
 * words. The counts are the caller's, but for the failures.
 */
static bool take_place(struct smi_arena *arena, struct smi_cache *cache,
                       const char *call, size_t align, size_t size,
                       struct smi_place *place)
{
	struct smi_finding finding;
	struct smi_spot spot;

	if (size > PTRDIFF_MAX) {
		smi_error_set(ENOMEM,
		              "%s: %zu bytes are more than any object may have",
		              call, size);
		return false;
	}
	if (!find_spot(arena, cache, call, align, size, &spot)) {
		size_t bytes = size + SMI_CANARY_LEAST_BYTES;

		if (!smi_arena_grow(arena, call, size,
		                    smi_round_up(bytes, SMI_UNIT_BYTES))) {
			arena->counts.failures++;
			return false;
		}
		/* The new pool is large enough and aligned to its stride. */
		smi_spot_find(&arena->slabs, align, bytes, &spot);
	}
	if (!smi_slab_take(&arena->slabs, spot, size, place, &finding))
		smi_arena_die(arena, call, NULL, size, &finding);
	return true;
}

void *smi_arena_take(struct smi_arena *arena, struct smi_cache *cache,
                     const char *call, size_t align, size_t size)
{
	struct smi_place place;

	if (cache != NULL)
		smi_arena_tend(arena, cache, call);
	if (align <= SMI_ALIGN_BYTES) {
		void *chunk = smi_arena_take_cached(arena, cache, call, size);

		if (chunk != NULL)
			return chunk;
	}
	if (!take_place(arena, cache, call, align, size, &place))
		return NULL;
	arena->counts.allocations++;
	arena->counts.chunk_bytes += size;
	return place.start;
}

void smi_arena_give(struct smi_arena *arena, struct smi_cache *cache,
                    const char *call, void *ptr)
{
	struct smi_place place;

	if (smi_guarded_holds(&arena->guarded, ptr)) {
		smi_arena_give_guarded(arena, call, ptr);
		return;
	}
	place = checked(arena, cache, call, ptr);
	if (cache != NULL)
		smi_arena_tend(arena, cache, call);
	if (smi_arena_give_cached(arena, cache, call, &place))
		return;
	arena->counts.frees++;
	arena->counts.chunk_bytes -= place.size;
	smi_slab_give(&arena->slabs, &place);
}

/* ---- Resizing ----------------------------------------------------------- */

/* Make the place of a chunk suit `size` where it is. */
static bool adapt(struct smi_arena *arena, const char *call,
                  struct smi_place *place, size_t size)
{
	struct smi_finding finding;
	size_t bytes = size + SMI_CANARY_LEAST_BYTES;

	if (place->slab->class != SMI_ALONE)
		return smi_slab_suits(place->slab, size);
	if (bytes > arena->pools.geometry.reserve_bytes)
		return false;
	if (smi_slab_reunit(&arena->slabs, place,
	                    (uint32_t)smi_units_for(bytes), &finding))
		return true;
	if (finding.kind != SMI_SOUND)
		smi_arena_die(arena, call, place->start, 0, &finding);
	return false;
}

/* A smaller place for a chunk that is to shrink. False: there is none. */
static bool take_smaller(struct smi_arena *arena, const char *call, size_t size,
                         struct smi_place *place)
{
	struct smi_finding finding;
	struct smi_spot spot;

	if (!smi_spot_find(&arena->slabs, SMI_ALIGN_BYTES,
	                   size + SMI_CANARY_LEAST_BYTES, &spot))
		return false;
	if (!smi_slab_take(&arena->slabs, spot, size, place, &finding))
		smi_arena_die(arena, call, NULL, size, &finding);
	return true;
}

/* Move a chunk to a place that is large enough. */
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

void *smi_arena_resize(struct smi_arena *arena, struct smi_cache *cache,
                       const char *call, void *ptr, size_t size)
{
	struct smi_place place, to;
	size_t had;

	if (smi_guarded_holds(&arena->guarded, ptr))
		return smi_arena_resize_guarded(arena, call, ptr, size);
	place = checked(arena, cache, call, ptr);
	had = place.size;
	if (cache != NULL)
		smi_arena_tend(arena, cache, call);
	if (size > PTRDIFF_MAX
	    || size > place.slab->slot_bytes - SMI_CANARY_LEAST_BYTES) {
		if (size <= PTRDIFF_MAX && adapt(arena, call, &place, size))
			smi_slab_resize(&arena->slabs, &place, size);
		else if (take_place(arena, cache, call, SMI_ALIGN_BYTES, size,
		                    &to))
			ptr = move(arena, &place, &to);
		else
			return NULL;
	} else if (!adapt(arena, call, &place, size)
	           && take_smaller(arena, call, size, &to)) {
		ptr = move(arena, &place, &to);
	} else {
		smi_slab_resize(&arena->slabs, &place, size);
	}
	arena->counts.chunk_bytes += size - had;
	return ptr;
}
