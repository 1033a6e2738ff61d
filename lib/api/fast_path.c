/*
 * fast_path.c - taking, giving, resizing: the thread's cache first, then the
 * arena
 *
 * Each step calls the next one as its last action. So the first step, which is
 * usually the only one, has no registers to save.
 *
 * SPDX-License-Identifier: ISC
 */
#include "api/fast_path.h"

#include "api/guarded_path.h"
#include "arena/allocate.h"
#include "process/current.h"
#include "report/fatal.h"
#include "report/last_error.h"

#include <errno.h>
#include <string.h>

/* ---- Taking ------------------------------------------------------------- */

void *smi_fast_path_take_aligned(const char *call, size_t align, size_t size)
{
	struct smi_arena *arena = smi_current_enter(call);
	void *chunk = NULL;

	if (arena == NULL)
		return NULL;
	if (align > smi_arena_max_align(arena))
		smi_last_error_set(EINVAL,
		                   "%s: alignment %zu is more than %zu, half "
		                   "of pool_size",
		                   call, align, smi_arena_max_align(arena));
	else
		chunk = smi_allocate_take(arena, smi_current_cache(), align,
		                          size);
	smi_current_leave(arena);
	return chunk;
}

/* Take from a bin that is not empty, with a canary of any length. The cache is
 * busy. */
static SMI_APART void *take_from_cache(const char *call,
                                       struct smi_tcache *cache,
                                       struct smi_bin *bin, size_t size)
{
	void *chunk = smi_tcache_use(cache, bin, size);

	smi_tcache_leave(cache);
	if (chunk != NULL)
		return chunk;
	return smi_fast_path_take_aligned(call, SMI_ALIGN_BYTES, size);
}

/* Take if the cache could not be entered on the fast path, if at all. */
static SMI_APART void *take_after_slow_entry(const char *call, size_t size)
{
	struct smi_tcache *cache = smi_current_cache();
	struct smi_bin *bin;

	if (cache != NULL && size <= SMI_CACHED_MOST_BYTES
	    && smi_tcache_enter_slowly(cache)) {
		if (smi_tcache_find_bin(cache, size, &bin))
			return take_from_cache(call, cache, bin, size);
		smi_tcache_leave(cache);
	}
	return smi_fast_path_take_aligned(call, SMI_ALIGN_BYTES, size);
}

void *smi_fast_path_take(const char *call, size_t size)
{
	struct smi_tcache *cache = smi_current_thread.cache;
	struct smi_bin *bin;
	void *chunk;

	if (SMI_UNLIKELY(!smi_current_has_cache()
	                 || size > SMI_CACHED_MOST_BYTES
	                 || !smi_tcache_enter(cache)))
		return take_after_slow_entry(call, size);
	if (SMI_UNLIKELY(!smi_tcache_find_bin(cache, size, &bin))) {
		smi_tcache_leave(cache);
		return smi_fast_path_take_aligned(call, SMI_ALIGN_BYTES, size);
	}
	chunk = smi_tcache_use_plain(cache, bin, size);
	if (chunk == NULL)
		return take_from_cache(call, cache, bin, size);
	smi_tcache_leave(cache);
	return chunk;
}

/* ---- Giving back -------------------------------------------------------- */

/* Abort if ptr is freed without an arena, unless it is a pointer into an arena
 * that was left behind in a parent. */
static void check_closed(const char *call, const void *ptr)
{
	if (!smi_fatal_is_dying() && !smi_current_was_left_behind(ptr))
		smi_fatal_die(NULL,
		              "%s(%p): foreign pointer: there is no arena",
		              call, ptr);
}

static SMI_APART void give_to_arena(const char *call, void *ptr)
{
	struct smi_arena *arena;

	if (ptr == NULL)
		return;
	arena = smi_current_enter_quietly(call);
	if (arena == NULL) {
		check_closed(call, ptr);
		return;
	}
	if (smi_guarded_holds(&arena->guarded, ptr)) {
		smi_guarded_path_give(call, arena, ptr);
		return;
	}
	if (!smi_current_was_left_behind(ptr))
		smi_allocate_give(arena, smi_current_cache(), ptr);
	smi_current_leave(arena);
}

/* Free a chunk in any slot that was found, if it is sound. The cache is busy,
 * and the bin has room. */
static SMI_APART void give_to_cache(const char *call, struct smi_tcache *cache,
                                    struct smi_bin *bin, struct smi_slab *slab,
                                    uint32_t slot, void *ptr)
{
	struct smi_place place = {
		.run = smi_run_find(cache->runs, (uintptr_t)ptr),
		.slot = slot,
		.slab = slab,
		.start = ptr,
		.size = bin->slot_bytes - smi_slab_entry(slab, slot),
	};

	if (smi_slab_check_is_sound(cache->runs, cache->key, &place)) {
		smi_tcache_give(cache, bin, &place);
		return;
	}
	smi_tcache_leave(cache);
	give_to_arena(call, ptr);
}

/* Free if the cache could not be entered on the fast path, if at all. */
static SMI_APART void give_after_slow_entry(const char *call, void *ptr)
{
	struct smi_tcache *cache = smi_current_cache();
	struct smi_place place;
	struct smi_bin *bin;

	if (cache != NULL && smi_tcache_enter_slowly(cache)) {
		if (smi_tcache_find(cache, ptr, &place, &bin)) {
			give_to_cache(call, cache, bin, place.slab, place.slot,
			              ptr);
			return;
		}
		smi_tcache_leave(cache);
	}
	give_to_arena(call, ptr);
}

void smi_fast_path_give(const char *call, void *ptr)
{
	struct smi_tcache *cache = smi_current_thread.cache;
	struct smi_place place;
	struct smi_bin *bin;

	/* Fetch the chunk and its neighbour's end during the metadata look-up.
	 */
	__builtin_prefetch(ptr, 1);
	__builtin_prefetch((void *)((uintptr_t)ptr - 1));
	if (SMI_UNLIKELY(!smi_current_has_cache()
	                 || !smi_tcache_enter(cache))) {
		give_after_slow_entry(call, ptr);
		return;
	}
	if (SMI_UNLIKELY(!smi_tcache_find(cache, ptr, &place, &bin))) {
		smi_tcache_leave(cache);
		give_to_arena(call, ptr);
		return;
	}
	if (!smi_slab_check_is_plainly_sound(cache->key, &place,
	                                     bin->slot_bytes)) {
		give_to_cache(call, cache, bin, place.slab, place.slot, ptr);
		return;
	}
	smi_tcache_give(cache, bin, &place);
}

/* ---- Resizing ----------------------------------------------------------- */

/* The result of an attempt to resize without the arena's lock. */
enum resized {
	IN_PLACE,
	TO_MOVE, /* the chunk is sound, but larger than its slot */
	UNKNOWN
};

/* Resize a chunk in its slot, if the slot suits it. */
static enum resized resize_slot(struct smi_tcache *cache, void *ptr,
                                size_t *had, size_t size)
{
	struct smi_place place;
	struct smi_bin *bin;

	/* This fails without need if the bin is full, which is rare. */
	if (!smi_tcache_find(cache, ptr, &place, &bin)
	    || !smi_slab_check_is_sound(cache->runs, cache->key, &place))
		return UNKNOWN;
	*had = place.size;
	if (size > place.slab->slot_bytes - SMI_CANARY_LEAST_BYTES)
		return TO_MOVE;
	if (!smi_slab_suits(place.slab, size))
		return UNKNOWN;
	smi_slab_resize(cache->slabs, &place, size);
	smi_tcache_count(&cache->counts.allocated_bytes, size - *had);
	return IN_PLACE;
}

static void *resize_in_arena(const char *call, void *ptr, size_t size)
{
	struct smi_arena *arena = smi_current_enter(call);
	void *chunk = NULL;

	if (arena == NULL) {
		check_closed(call, ptr);
		return NULL;
	}
	if (smi_current_was_left_behind(ptr))
		smi_last_error_set(ENXIO, "%s: the chunk belongs to the parent",
		                   call);
	else
		chunk = smi_allocate_resize(arena, smi_current_cache(), ptr,
		                            size);
	smi_current_leave(arena);
	return chunk;
}

void *smi_fast_path_resize(const char *call, void *ptr, size_t size)
{
	struct smi_tcache *cache = smi_current_cache();
	enum resized resized = UNKNOWN;
	size_t had = 0;
	void *moved;

	if (cache != NULL && size <= SMI_CACHED_MOST_BYTES
	    && smi_tcache_enter_slowly(cache)) {
		resized = resize_slot(cache, ptr, &had, size);
		smi_tcache_leave(cache);
	}
	if (resized == IN_PLACE)
		return ptr;
	/* A chunk that is smaller than its slot stays there if there is no
	 * other place. */
	if (resized == UNKNOWN)
		return resize_in_arena(call, ptr, size);
	moved = smi_fast_path_take(call, size);
	if (moved != NULL) {
		memcpy(moved, ptr, had);
		smi_fast_path_give(call, ptr);
	}
	return moved;
}
