/*
 * arena_cache.c - an arena and its threads' caches
 *
 * SPDX-License-Identifier: ISC
 */
#include "arena_cache.h"

#include "spot.h"

#define CACHE_MOST_BYTES ((size_t)256 * 1024)

/* Take a counter of a cache that is the calling thread's, or stopped. */
static size_t take_count(_Atomic size_t *counter)
{
	size_t count = atomic_load_explicit(counter, memory_order_relaxed);

	atomic_store_explicit(counter, 0, memory_order_relaxed);
	return count;
}

/* Move what a cache has counted to the arena's counts. */
static void settle(struct smi_arena_counts *counts, struct smi_cache *cache)
{
	counts->allocations += take_count(&cache->counts.allocations);
	counts->frees += take_count(&cache->counts.frees);
	counts->chunk_bytes += take_count(&cache->counts.chunk_bytes);
}

static void flush(struct smi_arena *arena, struct smi_cache *cache,
                  const char *call, size_t size)
{
	struct smi_finding finding;

	if (!smi_cache_flush(cache, &arena->slabs, &finding))
		smi_arena_die(arena, call, NULL, size, &finding);
}

/* Empty a cache, and begin anew to see which bins are used. */
static void restart(struct smi_arena *arena, struct smi_cache *cache,
                    const char *call, size_t size)
{
	flush(arena, cache, call, size);
	smi_cache_ungrant(cache);
}

void smi_arena_tend(struct smi_arena *arena, struct smi_cache *cache,
                    const char *call)
{
	size_t share = arena->pools.bytes / SMI_CACHES_PART
	               / arena->caches.attached;

	cache->share = share < CACHE_MOST_BYTES ? share : CACHE_MOST_BYTES;
	if (cache->granted > cache->share)
		restart(arena, cache, call, 0);
	settle(&arena->counts, cache);
}

bool smi_arena_flush_own(struct smi_arena *arena, struct smi_cache *cache,
                         const char *call, size_t size)
{
	if (cache == NULL || smi_cache_held(cache) == 0)
		return false;
	flush(arena, cache, call, size);
	return true;
}

bool smi_arena_flush_others(struct smi_arena *arena,
                            const struct smi_cache *own, const char *call,
                            size_t size)
{
	struct smi_caches *caches = &arena->caches;
	bool any = false;

	if (smi_caches_stop(caches, own))
		for (uint32_t i = 0; i < caches->ever; i++)
			if (smi_arena_flush_own(arena, &caches->all[i], call,
			                        size))
				any = true;
	smi_caches_resume(caches);
	return any;
}

struct smi_cache *smi_arena_attach(struct smi_arena *arena)
{
	return smi_caches_attach(&arena->caches);
}

void smi_arena_detach(struct smi_arena *arena, struct smi_cache *cache)
{
	restart(arena, cache, "thread exit", 0);
	settle(&arena->counts, cache);
	smi_caches_detach(&arena->caches, cache);
}

struct smi_arena_counts smi_arena_counts(const struct smi_arena *arena,
                                         size_t *held)
{
	const struct smi_caches *caches = &arena->caches;
	struct smi_arena_counts sum = arena->counts;

	*held = 0;
	for (uint32_t i = 0; i < caches->ever; i++) {
		const struct smi_cache *cache = &caches->all[i];

		sum.allocations += atomic_load(&cache->counts.allocations);
		sum.frees += atomic_load(&cache->counts.frees);
		sum.chunk_bytes += atomic_load(&cache->counts.chunk_bytes);
		*held += smi_cache_held(cache);
	}
	return sum;
}

/* Let a bin hold more, if need be at the cost of all others. */
static bool grant(struct smi_arena *arena, struct smi_cache *cache,
                  const char *call, unsigned class)
{
	if (smi_cache_grant(cache, class))
		return true;
	if (cache->bins[class].most > 0 || !smi_cache_could_grant(cache, class))
		return false;
	restart(arena, cache, call, 0);
	return smi_cache_grant(cache, class);
}

void *smi_arena_take_cached(struct smi_arena *arena, struct smi_cache *cache,
                            const char *call, size_t size)
{
	struct smi_finding finding;
	struct smi_bin *bin;
	unsigned class;
	void *chunk;

	if (cache == NULL || size > SMI_CACHED_MOST_BYTES)
		return NULL;
	class = smi_slab_class_of(&arena->slabs, size + SMI_CANARY_LEAST_BYTES);
	bin = &cache->bins[class];
	if (smi_bin_count(bin) == 0) {
		uint32_t run;

		grant(arena, cache, call, class);
		if (bin->most == 0)
			return NULL;
		run = smi_spot_slab(&arena->slabs, class, cache->number);
		if (run == SMI_NONE)
			return NULL;
		smi_cache_fill(cache, &arena->slabs, class, run);
	}
	chunk = smi_cache_use(cache, bin, size);
	if (chunk != NULL)
		return chunk;
	smi_cache_find_damage(cache, class, &finding);
	smi_arena_die(arena, call, NULL, size, &finding);
}

bool smi_arena_give_cached(struct smi_arena *arena, struct smi_cache *cache,
                           const char *call, const struct smi_place *place)
{
	struct smi_finding finding;
	struct smi_bin *bin;
	unsigned class = place->slab->class;

	if (cache == NULL || class >= SMI_CLASSES)
		return false;
	bin = &cache->bins[class];
	if (smi_bin_count(bin) >= bin->most && !grant(arena, cache, call, class)
	    && !smi_cache_flush_bin(cache, &arena->slabs, class, bin->most / 2,
	                            &finding))
		smi_arena_die(arena, call, place->start, 0, &finding);
	if (bin->most == 0)
		return false;
	smi_cache_push(cache, bin, place);
	smi_wipe_granules(place->start, bin->slot_bytes);
	return true;
}
