/*
 * cached.c - an arena and its threads' caches
 *
 * SPDX-License-Identifier: ISC
 */
#include "arena/cached.h"

#include "chunk/placement.h"

/* The most that a cache is granted. */
#define CACHE_MOST_BYTES ((size_t)256 * 1024)

/* The least that one cache is granted, and the least for all caches together if
 * they are few. These limits apply even if little of the pools was ever used.
 */
#define EACH_FIRST_BYTES ((size_t)32 * 1024)
#define ALL_FIRST_BYTES  ((size_t)128 * 1024)

static size_t least_of(size_t a, size_t b)
{
	return a < b ? a : b;
}

static size_t most_of(size_t a, size_t b)
{
	return a > b ? a : b;
}

/*
 * The bytes that each cache may be granted: an equal part of the pools and of
 * what was in use at the peak. In an arena that is far larger than it has to
 * be, caches hold no more than they would hold in one that is just large
 * enough.
 */
static size_t share_of_each(const struct smi_arena *arena)
{
	size_t caches = arena->caches.attached;
	size_t used = most_of(arena->slabs.taken_peak / SMI_TCACHES_PART,
	                      ALL_FIRST_BYTES);

	return least_of(least_of(arena->pools.bytes / SMI_TCACHES_PART / caches,
	                         CACHE_MOST_BYTES),
	                most_of(used / caches, EACH_FIRST_BYTES));
}

/* Read and clear a counter of a cache that is the calling thread's own, or is
 * stopped. */
static size_t take_count(_Atomic size_t *counter)
{
	size_t count = atomic_load_explicit(counter, memory_order_relaxed);

	atomic_store_explicit(counter, 0, memory_order_relaxed);
	return count;
}

/* Move what a cache has counted to the arena's counts. */
static void settle(struct smi_arena_counts *counts, struct smi_tcache *cache)
{
	counts->allocations += take_count(&cache->counts.allocations);
	counts->frees += take_count(&cache->counts.frees);
	counts->chunk_bytes += take_count(&cache->counts.allocated_bytes)
	                       - take_count(&cache->counts.freed_bytes);
}

static void flush(struct smi_arena *arena, struct smi_tcache *cache,
                  size_t size)
{
	struct smi_misuse misuse;

	if (!smi_tcache_flush(cache, &arena->slabs, &misuse))
		smi_arena_die(arena, NULL, size, &misuse);
}

/* Empty a cache and revoke its grants, so that bins grow by use again. */
static void restart(struct smi_arena *arena, struct smi_tcache *cache,
                    size_t size)
{
	flush(arena, cache, size);
	arena->caches.granted -= cache->granted;
	smi_tcache_ungrant(cache);
}

void smi_cached_restart_all(struct smi_arena *arena)
{
	for (uint32_t i = 0; i < arena->caches.ever; i++)
		restart(arena, &arena->caches.all[i], SMI_NO_SIZE);
}

/* The bytes that may still be granted to caches (A2). */
static size_t room(const struct smi_arena *arena)
{
	return arena->pools.bytes / SMI_TCACHES_PART - arena->caches.granted;
}

/* Whether another thread has a cache that was granted more than `share`. */
static bool any_above(const struct smi_tcaches *caches,
                      const struct smi_tcache *own, size_t share)
{
	for (uint32_t i = 0; i < caches->ever; i++)
		if (&caches->all[i] != own && caches->all[i].granted > share)
			return true;
	return false;
}

/*
 * Empty the caches of other threads that were granted more than `share`, when
 * there were fewer threads. False if there are none, or if they cannot be
 * stopped.
 */
static bool restart_above(struct smi_arena *arena, const struct smi_tcache *own,
                          size_t share)
{
	struct smi_tcaches *caches = &arena->caches;
	bool stopped;

	if (!any_above(caches, own, share))
		return false;
	stopped = smi_tcaches_stop(caches, own);
	for (uint32_t i = 0; stopped && i < caches->ever; i++)
		if (&caches->all[i] != own && caches->all[i].granted > share)
			restart(arena, &caches->all[i], SMI_NO_SIZE);
	smi_tcaches_resume(caches);
	return stopped;
}

void smi_cached_tend(struct smi_arena *arena, struct smi_tcache *cache)
{
	cache->share = share_of_each(arena);
	if (cache->granted > cache->share)
		restart(arena, cache, SMI_NO_SIZE);
	settle(&arena->counts, cache);
}

bool smi_cached_flush_own(struct smi_arena *arena, struct smi_tcache *cache,
                          size_t size)
{
	if (cache == NULL || smi_tcache_held(cache) == 0)
		return false;
	flush(arena, cache, size);
	return true;
}

bool smi_cached_flush_others(struct smi_arena *arena,
                             const struct smi_tcache *own, size_t size)
{
	struct smi_tcaches *caches = &arena->caches;
	bool any = false;

	if (smi_tcaches_stop(caches, own))
		for (uint32_t i = 0; i < caches->ever; i++)
			if (smi_cached_flush_own(arena, &caches->all[i], size))
				any = true;
	smi_tcaches_resume(caches);
	return any;
}

struct smi_tcache *smi_cached_attach(struct smi_arena *arena)
{
	return smi_tcaches_attach(&arena->caches);
}

void smi_cached_detach(struct smi_arena *arena, struct smi_tcache *cache)
{
	restart(arena, cache, SMI_NO_SIZE);
	settle(&arena->counts, cache);
	smi_tcaches_detach(&arena->caches, cache);
}

struct smi_arena_counts smi_cached_counts(const struct smi_arena *arena,
                                          size_t *held)
{
	const struct smi_tcaches *caches = &arena->caches;
	struct smi_arena_counts sum = arena->counts;

	*held = 0;
	for (uint32_t i = 0; i < caches->ever; i++) {
		const struct smi_tcache *cache = &caches->all[i];

		sum.frees += atomic_load(&cache->counts.frees);
		sum.chunk_bytes -= atomic_load(&cache->counts.freed_bytes);
		*held += smi_tcache_held(cache);
	}
	for (uint32_t i = 0; i < caches->ever; i++) {
		const struct smi_tcache *cache = &caches->all[i];

		sum.allocations += atomic_load(&cache->counts.allocations);
		sum.chunk_bytes += atomic_load(&cache->counts.allocated_bytes);
	}
	if (*held > arena->slabs.taken_bytes)
		*held = arena->slabs.taken_bytes;
	return sum;
}

struct smi_arena_counts smi_cached_snapshot(struct smi_arena *arena,
                                            const struct smi_tcache *own,
                                            size_t *held)
{
	struct smi_arena_counts counts;

	smi_tcaches_stop(&arena->caches, own);
	counts = smi_cached_counts(arena, held);
	smi_tcaches_resume(&arena->caches);
	return counts;
}

/* Let a bin hold more slots, if there is room for that. */
static bool grant_within(struct smi_arena *arena, struct smi_tcache *cache,
                         unsigned class)
{
	size_t had = cache->granted;
	bool more = smi_tcache_grant(cache, class, room(arena));

	arena->caches.granted += cache->granted - had;
	return more;
}

/* Let a bin hold more slots, if need be by emptying the caches of others that
 * have more than their share, or else all other bins. */
static bool grant(struct smi_arena *arena, struct smi_tcache *cache,
                  unsigned class)
{
	size_t slot_bytes = cache->bins[class].slot_bytes;

	if (room(arena) < slot_bytes
	    && cache->granted + slot_bytes <= cache->share)
		restart_above(arena, cache, cache->share);
	if (grant_within(arena, cache, class))
		return true;
	if (cache->bins[class].most > 0
	    || !smi_tcache_could_grant(cache, class))
		return false;
	restart(arena, cache, SMI_NO_SIZE);
	return grant_within(arena, cache, class);
}

void *smi_cached_take(struct smi_arena *arena, struct smi_tcache *cache,
                      size_t size)
{
	struct smi_misuse misuse;
	struct smi_bin *bin;
	unsigned class;
	void *chunk;

	if (cache == NULL || size > SMI_CACHED_MOST_BYTES)
		return NULL;
	class = smi_slab_class_of(&arena->slabs, size + SMI_CANARY_LEAST_BYTES);
	bin = &cache->bins[class];
	if (smi_tcache_bin_count(bin) == 0) {
		uint32_t run;

		grant(arena, cache, class);
		if (bin->most == 0)
			return NULL;
		run = smi_placement_find_slab(&arena->slabs, class,
		                              cache->number);
		if (run == SMI_NONE)
			return NULL;
		smi_tcache_fill(cache, &arena->slabs, class, run);
	}
	chunk = smi_tcache_use(cache, bin, size);
	if (chunk != NULL)
		return chunk;
	smi_tcache_find_damage(cache, class, &misuse);
	smi_arena_die(arena, NULL, size, &misuse);
}

bool smi_cached_give(struct smi_arena *arena, struct smi_tcache *cache,
                     const struct smi_place *place)
{
	struct smi_misuse misuse;
	struct smi_bin *bin;
	unsigned class = place->slab->class;

	if (cache == NULL || class >= SMI_CLASSES)
		return false;
	bin = &cache->bins[class];
	if (smi_tcache_bin_count(bin) >= bin->most
	    && !grant(arena, cache, class)
	    && !smi_tcache_flush_bin(cache, &arena->slabs, class, bin->most / 2,
	                             &misuse))
		smi_arena_die(arena, place->start, 0, &misuse);
	if (bin->most == 0)
		return false;
	smi_tcache_give(cache, bin, place);
	return true;
}
