/*
 * arena.c - all that one init makes; routes a size to a place
 *
 * SPDX-License-Identifier: ISC
 */
#include "arena.h"

#include "error.h"
#include "fault.h"
#include "finding.h"
#include "limits.h"

#include <errno.h>
#include <string.h>

/* ---- Misuse ------------------------------------------------------------- */

/* Die of misuse by a call about a pointer, or about a size if ptr is NULL. */
static _Noreturn void die(const struct smi_arena *arena, const char *call,
                          const void *ptr, size_t size,
                          const struct smi_finding *finding)
{
	char words[SMI_FAULT_BYTES];
	struct smi_text text;

	smi_text_start(&text, words, sizeof(words));
	smi_finding_words(finding, &text);
	if (ptr != NULL)
		smi_fault(arena->on_fault, "%s(%p): %s", call, ptr, words);
	smi_fault(arena->on_fault, "%s of %zu bytes: %s", call, size, words);
}

/* The chunk at ptr, checked. */
static struct smi_place checked(const struct smi_arena *arena,
                                const char *call, const void *ptr)
{
	struct smi_finding finding;
	struct smi_place place;

	if (!smi_slab_find(&arena->slabs, (uintptr_t)ptr, &place, &finding)
	    || !smi_slab_check(&arena->slabs, &place, &finding))
		die(arena, call, ptr, 0, &finding);
	return place;
}

/* ---- Taking ------------------------------------------------------------- */

uint32_t smi_arena_add_pool(struct smi_arena *arena, size_t least)
{
	const struct smi_geometry *g = &arena->pools.geometry;
	size_t bytes = g->pool_bytes;
	uint32_t pool;

	least = smi_round_up(least, g->page_bytes);
	if (least > bytes)
		bytes = least;
	else if (!arena->pool_is_default)
		least = bytes;
	pool = smi_pools_lock(&arena->pools, bytes, least);
	if (pool != SMI_NONE)
		smi_runs_add_pool(&arena->runs, pool);
	return pool;
}

/*
 * Lock one more pool, in which `bytes` fit. False with errno ENOMEM and words;
 * whether it was a right or room that was missing, the words say.
 */
static bool grow(struct smi_arena *arena, const char *call, size_t size,
                 size_t bytes)
{
	const struct smi_geometry *g = &arena->pools.geometry;
	struct smi_lock_shortage shortage = {
		.call = call,
		.size = size,
		.pools_locked = arena->pools.count,
		.pool_bytes = g->pool_bytes,
		.growth = true,
	};
	int code = errno;

	if (bytes > g->reserve_bytes) {
		smi_error_set(ENOMEM, "%s: %zu bytes are more than the %zu "
		              "pools of %zu bytes that there may be can hold",
		              call, size, (size_t)g->max_pools, g->pool_bytes);
		return false;
	}
	if (bytes > g->pool_bytes)
		shortage.pool_bytes = smi_round_up(bytes, g->page_bytes);
	if (!smi_pools_have_strides(&arena->pools, shortage.pool_bytes)) {
		smi_error_set(ENOMEM, "%s: no room for %zu bytes in %zu pools "
		              "(%zu bytes), and max_pools (%zu) leaves none "
		              "for one more of %zu bytes: raise max_pools, or "
		              "free chunks", call, size,
		              (size_t)arena->pools.count, arena->pools.bytes,
		              (size_t)g->max_pools, shortage.pool_bytes);
		return false;
	}
	if (smi_arena_add_pool(arena, bytes) != SMI_NONE) {
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

/* A new slab of a class from the pools that there are, or SMI_NONE. */
static uint32_t open_slab(struct smi_arena *arena, unsigned class)
{
	struct smi_slabs *slabs = &arena->slabs;
	const uint8_t *units_of = slabs->extents[class];
	unsigned extent = slabs->units[class] < units_of[SMI_SLAB_FULL]
	                          ? SMI_SLAB_SMALL
	                          : SMI_SLAB_FULL;
	uint32_t run;

	for (;; extent--) {
		run = smi_runs_take(&arena->runs, units_of[extent], 0);
		if (run != SMI_NONE)
			break;
		if (extent == SMI_SLAB_LEAST)
			return SMI_NONE;
	}
	smi_slab_open(slabs, run, units_of[extent], class);
	return run;
}

/*
 * A run with a free slot for a class: of that class, in a new slab, or of a
 * larger class. Without the last, a chunk would be refused for which there is
 * a place.
 */
static uint32_t run_with_slot(struct smi_arena *arena, unsigned class,
                              size_t align)
{
	uint32_t run = smi_slab_partial(&arena->slabs, class);

	if (run == SMI_NONE)
		run = open_slab(arena, class);
	while (run == SMI_NONE && ++class < SMI_CLASSES)
		if (smi_sizeclass_bytes(class) % align == 0)
			run = smi_slab_partial(&arena->slabs, class);
	return run;
}

/* A run of its own for `bytes`, or SMI_NONE. */
static uint32_t run_alone(struct smi_arena *arena, size_t align, size_t bytes)
{
	unsigned align_order = align <= SMI_UNIT_BYTES
	                               ? 0
	                               : smi_log2_ceil(align >> SMI_UNIT_SHIFT);
	uint32_t units, run;

	/* Also sees to it that the units fit 32 bits. */
	if (bytes > arena->pools.geometry.reserve_bytes)
		return SMI_NONE;
	units = (uint32_t)smi_units_for(bytes);
	run = smi_runs_take(&arena->runs, units, align_order);
	if (run != SMI_NONE)
		smi_slab_open(&arena->slabs, run, units, SMI_ALONE);
	return run;
}

/*
 * Where a chunk and its canary can go, in the pools that there are. When all
 * else is taken, also the slots are looked at whose class promises no such
 * alignment.
 */
static bool find_spot(struct smi_arena *arena, size_t align, size_t bytes,
                      struct smi_spot *spot)
{
	unsigned class = smi_sizeclass_aligned(bytes, align);

	spot->slot = SMI_NONE;
	spot->run = class < SMI_CLASSES ? run_with_slot(arena, class, align)
	                                : run_alone(arena, align, bytes);
	return spot->run != SMI_NONE
	       || (align > SMI_ALIGN_BYTES && bytes <= SMI_SLOT_MOST_BYTES
	           && smi_slab_find_aligned(&arena->slabs,
	                                    smi_sizeclass_of(bytes), align,
	                                    spot));
}

/*
 * Take a place from the pools that there are, or with may_grow from one more;
 * the counts are the caller's, but for the failures. False: there is none, with
 * errno and words if it might have grown.
 */
static bool take_place(struct smi_arena *arena, const char *call, size_t align,
                       size_t size, bool may_grow, struct smi_place *place)
{
	struct smi_finding finding;
	size_t bytes = size + SMI_CANARY_LEAST_BYTES;
	struct smi_spot spot;

	if (size > PTRDIFF_MAX) {
		smi_error_set(ENOMEM, "%s: %zu bytes are more than any object "
		              "may have", call, size);
		return false;
	}
	if (!find_spot(arena, align, bytes, &spot)) {
		if (!may_grow)
			return false;
		if (!grow(arena, call, size,
		          smi_round_up(bytes, SMI_UNIT_BYTES))) {
			arena->counts.failures++;
			return false;
		}
		/* The new pool is large enough and aligned to its stride. */
		find_spot(arena, align, bytes, &spot);
	}
	if (!smi_slab_take(&arena->slabs, spot, size, place, &finding))
		die(arena, call, NULL, size, &finding);
	return true;
}

static void count_bytes(struct smi_arena_counts *counts, size_t more,
                        size_t less)
{
	counts->chunk_bytes = counts->chunk_bytes + more - less;
	if (counts->chunk_bytes > counts->chunk_bytes_peak)
		counts->chunk_bytes_peak = counts->chunk_bytes;
}

void *smi_arena_take(struct smi_arena *arena, const char *call, size_t align,
                     size_t size)
{
	struct smi_arena_counts *counts = &arena->counts;
	struct smi_place place;

	if (!take_place(arena, call, align, size, true, &place))
		return NULL;
	counts->allocations++;
	if (++counts->chunks > counts->chunks_peak)
		counts->chunks_peak = counts->chunks;
	counts->place_bytes += place.slab->slot_bytes;
	count_bytes(counts, size, 0);
	return place.start;
}

void smi_arena_give(struct smi_arena *arena, const char *call, void *ptr)
{
	struct smi_place place = checked(arena, call, ptr);
	struct smi_arena_counts *counts = &arena->counts;

	counts->frees++;
	counts->chunks--;
	counts->place_bytes -= place.slab->slot_bytes;
	count_bytes(counts, 0, place.size);
	smi_slab_give(&arena->slabs, &place);
}

/* ---- Resizing ----------------------------------------------------------- */

/* Whether a slot is the right place still: large enough, not half empty. */
static bool suits(const struct smi_slab *slab, size_t bytes)
{
	return bytes <= slab->slot_bytes && bytes >= slab->slot_bytes / 2;
}

/* Make the place of a chunk suit `bytes` where it is. */
static bool adapt(struct smi_arena *arena, const char *call,
                  struct smi_place *place, size_t bytes)
{
	struct smi_finding finding;
	size_t had = place->slab->slot_bytes;
	bool adapted;

	if (place->slab->class != SMI_ALONE)
		return suits(place->slab, bytes);
	if (bytes > arena->pools.geometry.reserve_bytes)
		return false;
	adapted = smi_slab_reunit(&arena->slabs, place,
	                          (uint32_t)smi_units_for(bytes), &finding);
	if (!adapted && finding.kind != SMI_SOUND)
		die(arena, call, place->start, 0, &finding);
	arena->counts.place_bytes += place->slab->slot_bytes - had;
	return adapted;
}

/*
 * Move a chunk to a place that suits its new size; one that must not may stay,
 * and does unless there is a smaller place. NULL: it has not moved.
 */
static void *move(struct smi_arena *arena, const char *call,
                  const struct smi_place *from, size_t size, bool must)
{
	size_t kept = size < from->size ? size : from->size;
	struct smi_place to;

	if (!take_place(arena, call, SMI_ALIGN_BYTES, size, must, &to))
		return NULL;
	if (!must && to.slab->slot_bytes >= from->slab->slot_bytes) {
		smi_slab_give(&arena->slabs, &to);
		return NULL;
	}
	memcpy(to.start, from->start, kept);
	arena->counts.place_bytes += to.slab->slot_bytes
	                             - from->slab->slot_bytes;
	smi_slab_give(&arena->slabs, from);
	return to.start;
}

void *smi_arena_resize(struct smi_arena *arena, const char *call, void *ptr,
                       size_t size)
{
	struct smi_place place = checked(arena, call, ptr);
	size_t bytes = size + SMI_CANARY_LEAST_BYTES, had = place.size;

	if (size <= PTRDIFF_MAX && adapt(arena, call, &place, bytes)) {
		smi_slab_resize(&arena->slabs, &place, size);
	} else {
		bool fits = size <= PTRDIFF_MAX
		            && bytes <= place.slab->slot_bytes;
		void *moved = move(arena, call, &place, size, !fits);

		if (moved == NULL && !fits)
			return NULL;
		if (moved == NULL)
			smi_slab_resize(&arena->slabs, &place, size);
		else
			ptr = moved;
	}
	count_bytes(&arena->counts, size, had);
	return ptr;
}

/* ---- Looking ------------------------------------------------------------ */

size_t smi_arena_max_align(const struct smi_arena *arena)
{
	return arena->pools.geometry.pool_bytes / 2;
}

bool smi_arena_size(const struct smi_arena *arena, const void *ptr,
                    size_t *size)
{
	struct smi_finding finding;
	struct smi_place place;

	if (!smi_slab_find(&arena->slabs, (uintptr_t)ptr, &place, &finding))
		return false;
	*size = place.size;
	return true;
}

bool smi_arena_owns(const struct smi_arena *arena, const void *ptr)
{
	struct smi_finding finding;
	struct smi_place place;

	return smi_slab_find(&arena->slabs, (uintptr_t)ptr, &place, &finding)
	       || finding.kind == SMI_INNER;
}

size_t smi_arena_locked_bytes(const struct smi_arena *arena)
{
	return arena->pools.bytes + arena->pools.geometry.page_bytes;
}
