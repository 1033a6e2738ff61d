/*
 * tcache.h - a thread's stock of free, wiped slots
 *
 * The common allocation and the common free need nothing but the cache of the
 * thread that asks: no lock, and no atomic read-modify-write. Whatever is not
 * common (an empty or a full bin, a pointer or a canary that is not as it
 * should be) they leave as it is and answer that they could not; the caller
 * then takes the arena's lock and does it again there, with all that it takes
 * to be certain. So nothing is judged here, and nobody dies here.
 *
 * The owner and the arena's lock
 *
 * A cache is its owner's while it is busy, and the lock's holder's while it is
 * stopped. The owner says that it is busy and then looks whether it is stopped;
 * who stops says so and then looks whether it is busy. For one of them to see
 * the other, each needs a full barrier in between. The owner's is paid by the
 * one who stops, with membarrier(2) (see tcaches.h), as in the asymmetric locks
 * of JVMs and of RCU in user space. Where there is no membarrier the bit
 * SMI_TCACHE_FENCED makes the owner pay for its own, an atomic exchange. The
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
#ifndef SMI_TCACHE_H
#define SMI_TCACHE_H

#include "base/base.h"
#include "chunk/slab.h"
#include "chunk/slab_check.h"

#include <stdatomic.h>

/* The most slots of a bin: small classes are what there is much of. */
#define SMI_BIN_SMALL 32u /* classes up to SMI_CLASS_FINE_BYTES */
#define SMI_BIN_LARGE 8u

/* Only the owner writes what is atomic here, and anyone may read it. */
struct smi_bin {
	_Atomic uint32_t count;
	uint32_t most; /* it may hold now: see smi_tcache_grant() */
	size_t slot_bytes;
	struct smi_lent *slots;
};

/* Bits of smi_tcache.stop: the cache is stopped; or each call has more to do,
 * so that nothing is plain: a barrier, or the zero check of whole slots. */
#define SMI_TCACHE_STOPPED 0x1u
#define SMI_TCACHE_FENCED  0x2u
#define SMI_TCACHE_WHOLE   0x4u

/* What a cache's chunks add to the arena's counts. chunk_bytes wraps round
 * below zero where a thread frees what others have allocated. */
struct smi_tcache_counts {
	_Atomic size_t allocations, frees, chunk_bytes;
};

struct smi_tcache {
	_Alignas(128) _Atomic unsigned stop; /* see lifecycle.c */
	_Atomic unsigned busy;
	const struct smi_slabs *slabs;
	const struct smi_runs *runs;
	const struct smi_canary_key *key;
	struct smi_tcache_counts counts;
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
void smi_tcache_start(struct smi_tcache *cache, const struct smi_slabs *slabs,
                      uint16_t number, bool fenced);

/* The bytes of the slots that it holds. */
size_t smi_tcache_held(const struct smi_tcache *cache);

/*
 * Let a bin hold more from now on, as far as the share allows: what is used
 * much gets much. False: the bin stays as it is. For the owner.
 */
bool smi_tcache_grant(struct smi_tcache *cache, unsigned class);

/* Whether the share would allow it if nothing were granted yet. */
bool smi_tcache_could_grant(const struct smi_tcache *cache, unsigned class);

/* Take back all that was granted to bins, of an empty cache. */
void smi_tcache_ungrant(struct smi_tcache *cache);

/* Lend it slots of a class from a run that has some, for an empty bin that may
 * hold some. */
void smi_tcache_fill(struct smi_tcache *cache, struct smi_slabs *slabs,
                     unsigned class, uint32_t run);

/*
 * Give the slots of a bin back until `keep` are left, those that came first
 * first; or those of all bins. For the owner, or on a stopped cache. False with
 * *misuse: a slot was not as it was left.
 */
bool smi_tcache_flush_bin(struct smi_tcache *cache, struct smi_slabs *slabs,
                          unsigned class, uint32_t keep,
                          struct smi_misuse *misuse);
bool smi_tcache_flush(struct smi_tcache *cache, struct smi_slabs *slabs,
                      struct smi_misuse *misuse);

/* What is wrong with the last slot of a bin, that smi_tcache_use() refused. */
void smi_tcache_find_damage(const struct smi_tcache *cache, unsigned class,
                            struct smi_misuse *misuse);

/* K1 and K2 of a stopped cache, adding its slots to *lent. False with
 * *misuse. */
bool smi_tcache_audit(const struct smi_tcache *cache, size_t *lent,
                      struct smi_misuse *misuse);

/* ---- The owner ---------------------------------------------------------- */

static inline void smi_tcache_leave(struct smi_tcache *cache)
{
	atomic_store_explicit(&cache->busy, 0, memory_order_release);
}

/* Say that it is busy, and see whether it was stopped; not if it is fenced. */
static inline unsigned smi_tcache_begin(struct smi_tcache *cache)
{
	atomic_store_explicit(&cache->busy, 1, memory_order_relaxed);
	/* For the compiler; for the processor it is the stopper's part. */
	atomic_signal_fence(memory_order_seq_cst);
	return atomic_load_explicit(&cache->stop, memory_order_acquire);
}

/* Become busy. False: it is not, since it is stopped; the second also where
 * there is more to do at each call, which the first leaves to it. */
bool smi_tcache_enter_slowly(struct smi_tcache *cache);

static inline bool smi_tcache_enter(struct smi_tcache *cache)
{
	if (SMI_UNLIKELY(smi_tcache_begin(cache) != 0)) {
		smi_tcache_leave(cache);
		return false;
	}
	return true;
}

/* Add to a counter that only this thread writes. */
static inline void smi_tcache_count(_Atomic size_t *counter, size_t more)
{
	atomic_store_explicit(counter,
	                      atomic_load_explicit(counter,
	                                           memory_order_relaxed)
	                              + more,
	                      memory_order_relaxed);
}

/* The bin of a class. */
static inline struct smi_bin *smi_tcache_bin(struct smi_tcache *cache,
                                             unsigned class)
{
	struct smi_bin *bin = &cache->bins[class];

	/* Else the compiler works it out again for each field. */
	__asm__("" : "+r"(bin));
	return bin;
}

static inline uint32_t smi_tcache_bin_count(const struct smi_bin *bin)
{
	return atomic_load_explicit(&bin->count, memory_order_relaxed);
}

static inline void smi_tcache_bin_set_count(struct smi_bin *bin, uint32_t count)
{
	atomic_store_explicit(&bin->count, count, memory_order_relaxed);
}

/* ---- The common path ---------------------------------------------------- */

/*
 * The functions here that are inline are written so that they call nothing: so
 * the compiler has few registers to save. They hand over to the others what is
 * not plain: long canaries, large slots, the first slot of a slab. All are for
 * an owner that is busy; the others are also called under the arena's lock.
 */

/* What a chunk of `size` bytes that was made adds to the counts. */
static inline void smi_tcache_count_taken(struct smi_tcache *cache, size_t size)
{
	smi_tcache_count(&cache->counts.allocations, 1);
	smi_tcache_count(&cache->counts.chunk_bytes, size);
}

/*
 * A chunk in the last slot of a bin, which is not empty. NULL: that slot is not
 * as it was left, and stays where it is.
 */
void *smi_tcache_use(struct smi_tcache *cache, struct smi_bin *bin,
                     size_t size);

/* The same if the place is plain; NULL may also be that it is not. */
static SMI_INLINE void *smi_tcache_use_plain(struct smi_tcache *cache,
                                             struct smi_bin *bin, size_t size)
{
	uint32_t count = smi_tcache_bin_count(bin);
	const struct smi_lent *last = &bin->slots[count - 1];
	unsigned char *start = last->start;
	size_t slot_bytes = bin->slot_bytes;

	if (slot_bytes - size > SMI_CANARY_SHORT_BYTES
	    || atomic_load_explicit(last->entry, memory_order_relaxed)
	               != SMI_ENTRY_CACHED
	    || !smi_granules_are_zero(start, slot_bytes))
		return NULL;
	smi_tcache_bin_set_count(bin, count - 1);
	smi_canary_write_short(cache->key, start, size, slot_bytes);
	atomic_store_explicit(last->entry,
	                      smi_slab_chunk_entry(slot_bytes, size),
	                      memory_order_release);
	smi_tcache_count_taken(cache, size);
	return start;
}

/* The bin for chunks of a size. False: it has nothing for it. */
static SMI_INLINE bool smi_tcache_find_bin(struct smi_tcache *cache,
                                           size_t size, struct smi_bin **bin)
{
	*bin = smi_tcache_bin(cache,
	                      smi_slab_class_of(cache->slabs,
	                                        size + SMI_CANARY_LEAST_BYTES));
	/* On 32 bits the arena takes over a count before it wraps round. */
	return smi_tcache_bin_count(*bin) != 0
	       && (sizeof(size_t) > 4
	           || atomic_load_explicit(&cache->counts.allocations,
	                                   memory_order_relaxed)
	                      < SIZE_MAX / 2);
}

/*
 * Find the chunk at ptr, and the bin for its slot. False: there is no such
 * chunk, or no room in the bin.
 */
static SMI_INLINE bool smi_tcache_find(struct smi_tcache *cache, void *ptr,
                                       struct smi_place *place,
                                       struct smi_bin **bin)
{
	uint16_t entry;

	if (!smi_slab_locate_slot(cache->runs, ptr, place))
		return false;
	*bin = smi_tcache_bin(cache, place->slab->class);
	entry = smi_slab_entry(place->slab, place->slot);
	place->size = (*bin)->slot_bytes - entry;
	return entry > SMI_ENTRY_CACHED
	       && smi_tcache_bin_count(*bin) < (*bin)->most;
}

/* Keep the slot of a chunk that is sound in a bin that has room; the wipe is to
 * follow. */
static inline void smi_tcache_push(struct smi_tcache *cache,
                                   struct smi_bin *bin,
                                   const struct smi_place *place)
{
	uint32_t count = smi_tcache_bin_count(bin);
	struct smi_lent *last = &bin->slots[count];
	_Atomic uint16_t *entry = &smi_slab_entries(place->slab)[place->slot];

	last->start = place->start;
	last->entry = entry;
	smi_tcache_bin_set_count(bin, count + 1);
	atomic_store_explicit(entry, SMI_ENTRY_CACHED, memory_order_release);
	smi_tcache_count(&cache->counts.frees, 1);
	smi_tcache_count(&cache->counts.chunk_bytes, -place->size);
}

#endif /* SMI_TCACHE_H */
