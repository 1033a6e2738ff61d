/*
 * tcache.c - a thread's stock of free, wiped slots: filling and emptying it
 *
 * SPDX-License-Identifier: ISC
 */
#include "cache/tcache.h"

#include "chunk/slab_find.h"

#include <string.h>

/* The slots that a bin is granted first; each later grant doubles it. */
#define FIRST_GRANT 4u

static uint32_t most_ever(unsigned class)
{
	return class < SMI_CLASS_FINE ? SMI_BIN_SMALL : SMI_BIN_LARGE;
}

void smi_tcache_start(struct smi_tcache *cache, const struct smi_slabs *slabs,
                      uint16_t number, bool fenced)
{
	struct smi_lent *slots = cache->slots;

	atomic_init(&cache->stop,
	            (fenced ? SMI_TCACHE_FENCED : 0)
	                    | (slabs->check_whole ? SMI_TCACHE_WHOLE : 0));
	cache->slabs = slabs;
	cache->runs = slabs->runs;
	cache->key = &slabs->secrets->canary;
	cache->number = number;
	for (unsigned class = 0; class < SMI_CLASSES; ++class) {
		cache->bins[class].slot_bytes = smi_sizeclass_bytes(class);
		cache->bins[class].slots = slots;
		slots += most_ever(class);
	}
}

size_t smi_tcache_held(const struct smi_tcache *cache)
{
	size_t held = 0;

	for (unsigned class = 0; class < SMI_CLASSES; ++class)
		held += smi_tcache_bin_count(&cache->bins[class])
		        * cache->bins[class].slot_bytes;
	return held;
}

bool smi_tcache_grant(struct smi_tcache *cache, unsigned class, size_t room)
{
	struct smi_bin *bin = &cache->bins[class];
	size_t left = cache->granted < cache->share
	                      ? cache->share - cache->granted
	                      : 0;
	size_t fits = (left < room ? left : room) / bin->slot_bytes;
	uint32_t more = bin->most > 0 ? bin->most : FIRST_GRANT;

	if (more > most_ever(class) - bin->most)
		more = most_ever(class) - bin->most;
	if (more > fits)
		more = (uint32_t)fits;
	bin->most += more;
	cache->granted += more * bin->slot_bytes;
	return more > 0;
}

bool smi_tcache_could_grant(const struct smi_tcache *cache, unsigned class)
{
	return cache->bins[class].slot_bytes <= cache->share / FIRST_GRANT;
}

void smi_tcache_ungrant(struct smi_tcache *cache)
{
	for (unsigned class = 0; class < SMI_CLASSES; ++class)
		cache->bins[class].most = 0;
	cache->granted = 0;
}

bool smi_tcache_enter_slowly(struct smi_tcache *cache)
{
	unsigned stop;

	if (smi_tcache_busy(cache) != 0)
		return false;
	if ((atomic_load_explicit(&cache->stop, memory_order_relaxed)
	     & SMI_TCACHE_FENCED)
	    != 0) {
		atomic_exchange(&cache->busy, 1);
		stop = atomic_load(&cache->stop);
	} else {
		stop = smi_tcache_begin(cache);
	}
	if ((stop & SMI_TCACHE_STOPPED) == 0)
		return true;
	smi_tcache_leave(cache);
	return false;
}

void *smi_tcache_use(struct smi_tcache *cache, struct smi_bin *bin, size_t size)
{
	uint32_t count = smi_tcache_bin_count(bin);
	const struct smi_lent *last = &bin->slots[count - 1];
	unsigned char *start = last->start;

	if (atomic_load_explicit(last->entry, memory_order_relaxed)
	            != SMI_ENTRY_CACHED
	    || !smi_slab_reads_zero(cache->slabs, start, bin->slot_bytes))
		return NULL;
	smi_tcache_bin_set_count(bin, count - 1);
	smi_canary_write(cache->key, start, size, bin->slot_bytes);
	atomic_store_explicit(last->entry,
	                      smi_slab_chunk_entry(bin->slot_bytes, size),
	                      memory_order_release);
	smi_tcache_count_taken(cache, size);
	return start;
}

void smi_tcache_wipe_and_leave(struct smi_tcache *cache, void *slot,
                               size_t bytes)
{
	smi_wipe_bytes(slot, bytes);
	smi_tcache_leave(cache);
}

void smi_tcache_fill(struct smi_tcache *cache, struct smi_slabs *slabs,
                     unsigned class, uint32_t run)
{
	struct smi_bin *bin = &cache->bins[class];

	smi_tcache_bin_set_count(bin,
	                         smi_slab_lend(slabs, run, (bin->most + 1) / 2,
	                                       bin->slots));
}

/* Find the place of a slot that was lent. False with *misuse if it is not lent
 * any more. */
static bool find_lent(const struct smi_slabs *slabs,
                      const struct smi_lent *lent, struct smi_place *place,
                      struct smi_misuse *misuse)
{
	if (smi_slab_locate_slot(slabs->runs, lent->start, place)
	    && lent->entry == &smi_slab_entries(place->slab)[place->slot]
	    && smi_slab_entry(place->slab, place->slot) == SMI_ENTRY_CACHED)
		return true;
	/* The chunk was freed twice at the same moment, so its slot got into
	 * two bins, and by now it is a chunk or free again. */
	if (smi_slab_find_chunk(slabs, (uintptr_t)lent->start, place, misuse))
		smi_slab_found(slabs, smi_run_pool(slabs->runs, place->run),
		               misuse, SMI_DOUBLE_FREE, lent->start,
		               place->size, 0);
	return false;
}

bool smi_tcache_flush_bin(struct smi_tcache *cache, struct smi_slabs *slabs,
                          unsigned class, uint32_t keep,
                          struct smi_misuse *misuse)
{
	struct smi_bin *bin = &cache->bins[class];
	uint32_t count = smi_tcache_bin_count(bin);
	uint32_t gone = count > keep ? count - keep : 0;
	struct smi_place place;

	for (uint32_t i = 0; i < gone; i++) {
		if (!find_lent(slabs, &bin->slots[i], &place, misuse))
			return false;
		smi_slab_return(slabs, &place);
	}
	memmove(bin->slots, bin->slots + gone,
	        (count - gone) * sizeof(*bin->slots));
	smi_tcache_bin_set_count(bin, count - gone);
	return true;
}

bool smi_tcache_flush(struct smi_tcache *cache, struct smi_slabs *slabs,
                      struct smi_misuse *misuse)
{
	for (unsigned class = 0; class < SMI_CLASSES; ++class)
		if (!smi_tcache_flush_bin(cache, slabs, class, 0, misuse))
			return false;
	return true;
}

void smi_tcache_find_damage(const struct smi_tcache *cache, unsigned class,
                            struct smi_misuse *misuse)
{
	const struct smi_bin *bin = &cache->bins[class];
	const struct smi_lent *last =
		&bin->slots[smi_tcache_bin_count(bin) - 1];
	struct smi_place place;

	if (find_lent(cache->slabs, last, &place, misuse))
		smi_slab_found(cache->slabs,
		               smi_run_pool(cache->slabs->runs, place.run),
		               misuse, SMI_FREE_WRITTEN, last->start,
		               bin->slot_bytes,
		               smi_wipe_first_nonzero(last->start,
		                                      bin->slot_bytes));
}

/* K3 */
static bool is_unused(const struct smi_tcache *cache)
{
	return smi_tcache_held(cache) == 0 && cache->granted == 0
	       && atomic_load(&cache->counts.allocations) == 0
	       && atomic_load(&cache->counts.allocated_bytes) == 0
	       && atomic_load(&cache->counts.frees) == 0
	       && atomic_load(&cache->counts.freed_bytes) == 0;
}

bool smi_tcache_audit(const struct smi_tcache *cache, size_t *lent,
                      struct smi_misuse *misuse)
{
	size_t granted = 0;

	for (unsigned class = 0; class < SMI_CLASSES; ++class) {
		const struct smi_bin *bin = &cache->bins[class];
		uint32_t count = smi_tcache_bin_count(bin);
		struct smi_place place;

		granted += bin->most * bin->slot_bytes;
		if (count > bin->most || bin->most > most_ever(class))
			return smi_misuse_broken(
				misuse, SMI_NONE,
				"K2: a bin holds too many slots");
		for (uint32_t i = 0; i < count; i++)
			if (!find_lent(cache->slabs, &bin->slots[i], &place,
			               misuse)
			    || place.slab->class != class)
				return smi_misuse_broken(
					misuse, SMI_NONE,
					"K1: a bin holds a slot that is not "
					"lent");
		*lent += count;
	}
	if (granted != cache->granted)
		return smi_misuse_broken(misuse, SMI_NONE,
		                         "K2: the number of granted bytes is "
		                         "wrong");
	if (!cache->attached && !is_unused(cache))
		return smi_misuse_broken(misuse, SMI_NONE,
		                         "K3: a cache without a thread is "
		                         "not empty");
	return true;
}
