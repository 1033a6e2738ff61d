/*
 * cache.h - a thread's stock of free, wiped slots
 *
 * The common allocation and the common free need nothing but the cache of the
 * thread that asks: no lock, and no atomic read-modify-write. Whatever is not
 * common (an empty or a full bin, a pointer or a canary that is not as it should
 * be) they leave as it is and answer that they could not; the caller then takes
 * the arena's lock and does it again there, with all that it takes to be
 * certain. So nothing is judged here, and nobody dies here.
 *
 * The owner and the arena's lock
 *
 * A cache is its owner's while it is busy, and the lock's holder's while it is
 * stopped. The owner says that it is busy and then looks whether it is stopped;
 * who stops says so and then looks whether it is busy. For one of them to see
 * the other, each needs a full barrier in between. The owner's is paid by the
 * one who stops, with membarrier(2) (see caches.h), as in the asymmetric locks
 * of JVMs and of RCU in user space. Where there is no membarrier the bit
 * SMI_CACHE_FENCED makes the owner pay for its own, an atomic exchange. The
 * owner itself may also use its cache under the arena's lock, not busy.
 *
 * Invariants:
 *   K1  A bin holds distinct slots of its class whose entry is
 *       SMI_ENTRY_CACHED, and each such slot is in one bin of one cache.
 *   K2  count <= most, and `granted` is the sum of most * slot_bytes.
 *   K3  The cache of no thread is empty, and so are its counts.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SMI_CACHE_H
#define SMI_CACHE_H

#include "base.h"
#include "slab.h"
#include "slab_find.h"

#include <stdatomic.h>

/* The most slots of a bin: small classes are what there is much of. */
#define SMI_BIN_SMALL 32u /* classes up to SMI_CLASS_FINE_BYTES */
#define SMI_BIN_LARGE 8u

/* Only the owner writes what is atomic here, and anyone may read it. */
struct smi_bin {
	_Atomic uint32_t count;
	uint32_t most; /* it may hold now: see smi_cache_grant() */
	size_t slot_bytes;
	struct smi_lent *slots;
};

/* Bits of smi_cache.stop. */
#define SMI_CACHE_STOPPED 0x1u
#define SMI_CACHE_FENCED 0x2u

/* What a cache's chunks add to the arena's counts. chunk_bytes wraps round below
 * zero where a thread frees what others have allocated. */
struct smi_cache_counts {
	_Atomic size_t allocations, frees, chunk_bytes;
};

struct smi_cache {
	_Alignas(128) _Atomic unsigned stop; /* see arena_make.c */
	_Atomic unsigned busy;
	const struct smi_slabs *slabs;
	const struct smi_pools *pools;
	const struct smi_canary_key *key;
	struct smi_cache_counts counts;
	size_t granted, share; /* bytes it may hold now, and at most */
	bool attached;         /* it has an owner */
	uint16_t number;       /* the home of its slabs */
	struct smi_bin bins[SMI_CLASSES];
	struct smi_lent slots[SMI_CLASS_FINE * SMI_BIN_SMALL
	                      + (SMI_CLASSES - SMI_CLASS_FINE) * SMI_BIN_LARGE];
};

/* The largest chunk that a slot, and so a cache, can hold. */
#define SMI_CACHED_MOST_BYTES (SMI_SLOT_MOST_BYTES - SMI_CANARY_LEAST_BYTES)

/* ---- Under the arena's lock --------------------------------------------- */

/* Make a cache in zeroed memory, empty and without owner. */
void smi_cache_start(struct smi_cache *cache, const struct smi_slabs *slabs,
                     uint16_t number, bool fenced);

/* The bytes of the slots that it holds. */
size_t smi_cache_held(const struct smi_cache *cache);

/*
 * Let a bin hold more from now on, as far as the share allows: what is used much
 * gets much. False: the bin stays as it is. For the owner.
 */
bool smi_cache_grant(struct smi_cache *cache, unsigned class);

/* Whether the share would allow it if nothing were granted yet. */
bool smi_cache_could_grant(const struct smi_cache *cache, unsigned class);

/* Take back all that was granted to bins, of an empty cache. */
void smi_cache_ungrant(struct smi_cache *cache);

/* Lend it slots of a class from a run that has some, for an empty bin that may
 * hold some. */
void smi_cache_fill(struct smi_cache *cache, struct smi_slabs *slabs,
                    unsigned class, uint32_t run);

/*
 * Give the slots of a bin back until `keep` are left, those that came first
 * first; or those of all bins. For the owner, or on a stopped cache. False with
 * *finding: a slot was not as it was left.
 */
bool smi_cache_flush_bin(struct smi_cache *cache, struct smi_slabs *slabs,
                         unsigned class, uint32_t keep,
                         struct smi_finding *finding);
bool smi_cache_flush(struct smi_cache *cache, struct smi_slabs *slabs,
                     struct smi_finding *finding);

/* What is wrong with the last slot of a bin, that smi_cache_use() refused. */
void smi_cache_find_damage(const struct smi_cache *cache, unsigned class,
                           struct smi_finding *finding);

/* K1 and K2 of a stopped cache, adding its slots to *lent. False with
 * *finding. */
bool smi_cache_audit(const struct smi_cache *cache, size_t *lent,
                     struct smi_finding *finding);

/* ---- The owner ---------------------------------------------------------- */

/* What comes when `stop` is not 0. */
bool smi_cache_enter_slowly(struct smi_cache *cache);

/* Become busy. False: it is stopped. */
static inline bool smi_cache_enter(struct smi_cache *cache)
{
	atomic_store_explicit(&cache->busy, 1, memory_order_relaxed);
	/* For the compiler; for the processor it is the stopper's part. */
	atomic_signal_fence(memory_order_seq_cst);
	return atomic_load_explicit(&cache->stop, memory_order_acquire) == 0
	       || smi_cache_enter_slowly(cache);
}

static inline void smi_cache_leave(struct smi_cache *cache)
{
	atomic_store_explicit(&cache->busy, 0, memory_order_release);
}

/* Add to a counter that only this thread writes. */
static inline void smi_cache_count(_Atomic size_t *counter, size_t more)
{
	atomic_store_explicit(counter,
	                      atomic_load_explicit(counter,
	                                           memory_order_relaxed) + more,
	                      memory_order_relaxed);
}

static inline uint32_t smi_bin_count(const struct smi_bin *bin)
{
	return atomic_load_explicit(&bin->count, memory_order_relaxed);
}

static inline void smi_bin_set_count(struct smi_bin *bin, uint32_t count)
{
	atomic_store_explicit(&bin->count, count, memory_order_relaxed);
}

/*
 * A chunk in the last slot of a bin, which has `count` > 0. NULL: that slot is
 * not as it was left, and stays where it is. Busy, or under the arena's lock.
 */
static SMI_INLINE void *smi_cache_use(struct smi_cache *cache,
                                      struct smi_bin *bin, uint32_t count,
                                      size_t size)
{
	const struct smi_lent *last = &bin->slots[count - 1];
	unsigned char *start = last->start;
	size_t slot_bytes = bin->slot_bytes;

	if (SMI_UNLIKELY(atomic_load_explicit(last->entry,
	                                      memory_order_relaxed)
	                         != SMI_ENTRY_CACHED
	                 || !smi_slab_reads_zero(cache->slabs, start,
	                                         slot_bytes)))
		return NULL;
	smi_bin_set_count(bin, count - 1);
	smi_canary_write(cache->key, start, size, slot_bytes);
	atomic_store_explicit(last->entry,
	                      smi_slab_chunk_entry(slot_bytes, size),
	                      memory_order_release);
	smi_cache_count(&cache->counts.allocations, 1);
	smi_cache_count(&cache->counts.chunk_bytes, size);
	return start;
}

/* Wipe a chunk that was found and checked, and keep its slot in a bin that has
 * room, with `count` before. Busy, or under the arena's lock. */
static SMI_INLINE void smi_cache_keep(struct smi_cache *cache,
                                      struct smi_bin *bin, uint32_t count,
                                      const struct smi_place *place)
{
	struct smi_lent *last = &bin->slots[count];

	last->start = place->start;
	last->entry = &smi_slab_entries(place->slab)[place->slot];
	smi_bin_set_count(bin, count + 1);
	atomic_store_explicit(last->entry, SMI_ENTRY_CACHED,
	                      memory_order_release);
	smi_cache_count(&cache->counts.frees, 1);
	smi_cache_count(&cache->counts.chunk_bytes, -place->size);
	smi_wipe_granules(place->start, bin->slot_bytes);
}

/* A chunk of `size` bytes, or NULL: ask the arena. */
static SMI_INLINE void *smi_cache_take(struct smi_cache *cache, size_t size)
{
	struct smi_bin *bin;
	void *chunk = NULL;
	uint32_t count;

	if (size > SMI_CACHED_MOST_BYTES || !smi_cache_enter(cache))
		return NULL;
	bin = &cache->bins[smi_slab_class_of(cache->slabs,
	                                     size + SMI_CANARY_LEAST_BYTES)];
	count = smi_bin_count(bin);
	/* On 32 bits the arena takes over a count before it wraps round. */
	if (count > 0
	    && (sizeof(size_t) > 4
	        || atomic_load_explicit(&cache->counts.allocations,
	                                memory_order_relaxed) < SIZE_MAX / 2))
		chunk = smi_cache_use(cache, bin, count, size);
	smi_cache_leave(cache);
	return chunk;
}

/* Wipe and free a chunk. False: ask the arena. */
static SMI_INLINE bool smi_cache_give(struct smi_cache *cache, void *ptr)
{
	const struct smi_pool *pool;
	struct smi_place place;
	struct smi_bin *bin;
	uint32_t count;
	uint16_t entry;

	if (!smi_cache_enter(cache))
		return false;
	pool = smi_pools_locate(cache->pools, (uintptr_t)ptr);
	if (pool == NULL || !smi_slab_locate_slot(pool, ptr, &place))
		goto no;
	bin = &cache->bins[place.slab->class];
	count = smi_bin_count(bin);
	entry = smi_slab_entry(place.slab, place.slot);
	if (entry <= SMI_ENTRY_CACHED || count >= bin->most)
		goto no;
	place.size = bin->slot_bytes - (size_t)(entry - 1);
	if (!smi_slab_is_sound(cache->key, &place, bin->slot_bytes))
		goto no;
	smi_cache_keep(cache, bin, count, &place);
	smi_cache_leave(cache);
	return true;
no:
	smi_cache_leave(cache);
	return false;
}

#endif /* SMI_CACHE_H */
