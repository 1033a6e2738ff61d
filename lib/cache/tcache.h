/*
 * tcache.h - a thread's stock of free, wiped slots
 *
 * The common allocation and the common free need nothing but the calling
 * thread's cache: no lock, and no atomic read-modify-write. In every other case
 * (an empty or a full bin, an odd pointer, a changed canary) they change
 * nothing and report that they could not proceed. The caller then takes the
 * arena's lock and repeats the call there, where it can be certain. So this
 * module never judges misuse and never aborts.
 *
 * The owner and the arena's lock
 *
 * A cache belongs to its owner while it is busy, and to the holder of the
 * arena's lock while it is stopped. The owner sets `busy` and then reads
 * `stop`; the stopper sets `stop` and then reads `busy`. Each needs a full
 * barrier between its two steps, or both could miss the other. The stopper pays
 * for the owner's barrier with membarrier(2) (see tcaches.h), as the asymmetric
 * locks of JVMs and user-space RCU do. Where membarrier is missing, the bit
 * SMI_TCACHE_FENCED makes each owner run a barrier of its own, an atomic
 * exchange.
 *
 * The owner may also use its cache under the arena's lock, when nobody else can
 * stop it. `busy` is then set for another reason: a signal handler that
 * interrupts the owner and calls the library runs in the same thread, so that
 * no lock keeps it out. An owner that finds its own cache busy is such a
 * handler, and must not touch the cache.
 *
 * Invariants:
 *   K1  A bin holds distinct slots of its class whose entry is
 *       SMI_ENTRY_CACHED, and each such slot is in one bin of one cache.
 *   K2  count <= most, and `granted` is the sum of most * slot_bytes.
 *   K3  A cache without an owner is empty, and its counts are zero.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SMI_TCACHE_H
#define SMI_TCACHE_H

#include "base/base.h"
#include "chunk/slab.h"
#include "chunk/slab_check.h"

#include <stdatomic.h>

/* The most slots of a bin. Small chunks are the most frequent ones. */
#define SMI_BIN_SMALL 32u /* classes up to SMI_CLASS_FINE_BYTES */
#define SMI_BIN_LARGE 8u

/* Only the owner writes `count`; any thread may read it. */
struct smi_bin {
	_Atomic uint32_t count;
	uint32_t most; /* slots that it may hold now: smi_tcache_grant() */
	size_t slot_bytes;
	struct smi_lent *slots;
};

/*
 * Bits of smi_tcache.stop. STOPPED closes the cache to its owner. The other two
 * send each call down the slow path: FENCED because it needs a barrier, WHOLE
 * because it checks whole slots for zero.
 */
#define SMI_TCACHE_STOPPED 0x1u
#define SMI_TCACHE_FENCED  0x2u
#define SMI_TCACHE_WHOLE   0x4u

/*
 * What a cache adds to the arena's counts. Freed bytes are counted apart from
 * allocated ones, so that a reader who cannot stop the caches may read what was
 * freed in all of them first, and never finds that more was freed than
 * allocated. A chunk that is resized in place counts as allocated in its last
 * size.
 */
struct smi_tcache_counts {
	_Atomic size_t allocations, frees;
	_Atomic size_t allocated_bytes, freed_bytes;
};

struct smi_tcache {
	_Alignas(128) _Atomic unsigned stop; /* LINE in lifecycle.c */
	_Atomic unsigned busy;
	const struct smi_slabs *slabs;
	const struct smi_runs *runs;
	const struct smi_canary_key *key;
	struct smi_tcache_counts counts;
	size_t granted, share; /* bytes that it may hold now, and at most */
	bool attached;         /* a thread owns it */
	uint16_t number;       /* its slabs name it as their home */
	struct smi_bin bins[SMI_CLASSES];
	struct smi_lent slots[SMI_CLASS_FINE * SMI_BIN_SMALL
	                      + (SMI_CLASSES - SMI_CLASS_FINE) * SMI_BIN_LARGE];
};

/* The largest chunk that a slot, and so a cache, can hold. */
#define SMI_CACHED_MOST_BYTES (SMI_SLOT_MOST_BYTES - SMI_CANARY_LEAST_BYTES)

/* ---- Under the arena's lock --------------------------------------------- */

/* Set up an empty cache without an owner in zeroed memory. */
void smi_tcache_start(struct smi_tcache *cache, const struct smi_slabs *slabs,
                      uint16_t number, bool fenced);

/* The bytes of all slots in a cache. */
size_t smi_tcache_held(const struct smi_tcache *cache);

/*
 * Let a bin hold more slots, as far as the cache's share and `room` allow,
 * both in bytes, so that bins in heavy use grow. False if the bin stays as it
 * is. For the owner.
 */
bool smi_tcache_grant(struct smi_tcache *cache, unsigned class, size_t room);

/* Whether smi_tcache_grant() would succeed in a cache with empty bins. */
bool smi_tcache_could_grant(const struct smi_tcache *cache, unsigned class);

/* Revoke what was granted to the bins of an empty cache. */
void smi_tcache_ungrant(struct smi_tcache *cache);

/* Fill an empty bin that may hold slots from a run that has free ones of that
 * class. */
void smi_tcache_fill(struct smi_tcache *cache, struct smi_slabs *slabs,
                     unsigned class, uint32_t run);

/*
 * Return slots of one bin to their slabs, oldest first, until `keep` are left;
 * or all slots of all bins. For the owner, or on a stopped cache. False with
 * *misuse if a slot was changed while it was in the cache.
 */
bool smi_tcache_flush_bin(struct smi_tcache *cache, struct smi_slabs *slabs,
                          unsigned class, uint32_t keep,
                          struct smi_misuse *misuse);
bool smi_tcache_flush(struct smi_tcache *cache, struct smi_slabs *slabs,
                      struct smi_misuse *misuse);

/* Describe what is wrong with the last slot of a bin, which smi_tcache_use()
 * refused. */
void smi_tcache_find_damage(const struct smi_tcache *cache, unsigned class,
                            struct smi_misuse *misuse);

/* Check K1 to K3 of a stopped cache, and add its number of slots to *lent.
 * False with *misuse. */
bool smi_tcache_audit(const struct smi_tcache *cache, size_t *lent,
                      struct smi_misuse *misuse);

/* ---- The owner ---------------------------------------------------------- */

static inline void smi_tcache_leave(struct smi_tcache *cache)
{
	atomic_store_explicit(&cache->busy, 0, memory_order_release);
}

/* Not 0 while a call of the owner is using the cache. */
static inline unsigned smi_tcache_busy(const struct smi_tcache *cache)
{
	return atomic_load_explicit(&cache->busy, memory_order_relaxed);
}

/* Set `busy` and return `stop`. Not for a fenced cache, whose owner needs a
 * barrier in between. */
static inline unsigned smi_tcache_begin(struct smi_tcache *cache)
{
	atomic_store_explicit(&cache->busy, 1, memory_order_relaxed);
	/* This orders the compiler; the stopper orders the processor. */
	atomic_signal_fence(memory_order_seq_cst);
	return atomic_load_explicit(&cache->stop, memory_order_acquire);
}

/* Set `busy` under the arena's lock, when the cache cannot be stopped. */
static inline void smi_tcache_hold(struct smi_tcache *cache)
{
	atomic_store_explicit(&cache->busy, 1, memory_order_relaxed);
}

/*
 * Become busy. False if the cache is stopped, and then it is not busy; or if it
 * is busy already, and then it stays so. smi_tcache_enter() also returns false
 * if any bit of `stop` sends calls down the slow path;
 * smi_tcache_enter_slowly() deals with those.
 */
bool smi_tcache_enter_slowly(struct smi_tcache *cache);

static inline bool smi_tcache_enter(struct smi_tcache *cache)
{
	unsigned busy = smi_tcache_busy(cache);
	unsigned stop = smi_tcache_begin(cache);

	/* One branch for both. */
	if (SMI_UNLIKELY((busy | stop) != 0)) {
		if (busy == 0)
			smi_tcache_leave(cache);
		return false;
	}
	return true;
}

/* Add to a counter that only the calling thread writes. Whoever reads that a
 * chunk was freed can also read that it was allocated, in another thread. */
static inline void smi_tcache_count(_Atomic size_t *counter, size_t more)
{
	atomic_store_explicit(counter,
	                      atomic_load_explicit(counter,
	                                           memory_order_relaxed)
	                              + more,
	                      memory_order_release);
}

static inline struct smi_bin *smi_tcache_bin(struct smi_tcache *cache,
                                             unsigned class)
{
	struct smi_bin *bin = &cache->bins[class];

	/* Keeps the compiler from computing the address again per field. */
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
 * The inline functions below call nothing, so that the compiler has few
 * registers to save. They leave every uncommon case to the other functions:
 * long canaries, large slots, the first slot of a slab. All of them are for an
 * owner that is busy; those that are not inline may also be called under the
 * arena's lock.
 */

/* Count a new chunk of `size` bytes. */
static inline void smi_tcache_count_taken(struct smi_tcache *cache, size_t size)
{
	smi_tcache_count(&cache->counts.allocations, 1);
	smi_tcache_count(&cache->counts.allocated_bytes, size);
}

/*
 * Make a chunk in the last slot of a bin that is not empty. NULL if that slot
 * was changed while it was in the cache; it stays in the bin.
 */
void *smi_tcache_use(struct smi_tcache *cache, struct smi_bin *bin,
                     size_t size);

/* As smi_tcache_use(), for a short canary only: NULL also means that the canary
 * would be longer. */
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

/* Find the bin for chunks of a size. False if the call has to take the arena's
 * lock, because the bin is empty or a counter is full. */
static SMI_INLINE bool smi_tcache_find_bin(struct smi_tcache *cache,
                                           size_t size, struct smi_bin **bin)
{
	*bin = smi_tcache_bin(cache,
	                      smi_slab_class_of(cache->slabs,
	                                        size + SMI_CANARY_LEAST_BYTES));
	/* On 32 bits the arena takes a count over before it wraps around. */
	return smi_tcache_bin_count(*bin) != 0
	       && (sizeof(size_t) > 4
	           || atomic_load_explicit(&cache->counts.allocations,
	                                   memory_order_relaxed)
	                      < SIZE_MAX / 2);
}

/*
 * Find the chunk that starts at ptr, and the bin for its slot. False if there
 * is no such chunk in a slab, or no room in the bin.
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

/* The end of smi_tcache_give() for a large slot. It is a function of its own so
 * that the common case has fewer registers to save. */
void smi_tcache_wipe_and_leave(struct smi_tcache *cache, void *slot,
                               size_t bytes);

/*
 * Free a sound chunk: keep its slot in a bin that has room, wipe the slot, and
 * leave the cache. A caller that has the arena's lock is done with the cache,
 * too.
 */
static SMI_INLINE void smi_tcache_give(struct smi_tcache *cache,
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
	smi_tcache_count(&cache->counts.freed_bytes, place->size);
	if (bin->slot_bytes > SMI_UNROLLED_BYTES) {
		smi_tcache_wipe_and_leave(cache, place->start, bin->slot_bytes);
		return;
	}
	smi_wipe_few_granules(place->start, bin->slot_bytes);
	smi_tcache_leave(cache);
}

#endif /* SMI_TCACHE_H */
