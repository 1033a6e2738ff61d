/*
 * slab.h - slots in a run of units, and the chunks in them
 *
 * A slab is a run that is cut into equal slots. Each slot is free, holds one
 * chunk, or is lent to a thread's cache. A chunk that is larger than any slot
 * is the only slot of a run of its own (SMI_ALONE), so that finding, checking
 * and freeing work alike for all chunks. A function that finds damage reports
 * it and changes nothing, except for smi_slab_reunit() and smi_slab_slide().
 *
 * The caller holds the arena's lock. slab_meta.h lays out the metadata of a
 * slab, slab_find.h finds a chunk, and slab_check.h checks it.
 *
 * Invariants:
 *   S1  A slot is free iff its bit is set, and iff its entry is SMI_ENTRY_FREE.
 *       It is lent iff its entry is SMI_ENTRY_CACHED.
 *   S2  `free` is the number of bits set.
 *   S3  A slab with a free slot is in the list of its class, once. No other
 *       slab is in a list.
 *   S4  No slab has only free slots: its run would have been given back.
 *   S5  All bytes of a free or lent slot are zero, and so is the tail of a
 *       slab.
 *   S6  The slack of a live chunk is filled with its canary.
 *   S7  The units of a slab are those of its run, and it has as many slots as
 *       fit.
 *   S8  units[class] is the number of units in all slabs of the class.
 *   S9  taken_bytes is the number of bytes in all slots that are not free.
 *
 * A slab has a home: the number of the cache that opened it or first filled
 * from it, or SMI_NO_HOME if there is none yet. Caches prefer slabs of their
 * own, so that threads do not write to the same cache lines. This is only a
 * preference.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SMI_SLAB_H
#define SMI_SLAB_H

#include "base/base.h"
#include "base/random.h"
#include "base/wipe.h"
#include "chunk/canary.h"
#include "chunk/sizeclass.h"
#include "chunk/slab_meta.h"
#include "report/misuse.h"
#include "space/run.h"

/* The content of the locked key page. */
struct smi_secrets {
	struct smi_canary_key canary;
	struct smi_random random;
};

#define SMI_NO_HOME UINT16_MAX

struct smi_slabs {
	struct smi_runs *runs;
	struct smi_secrets *secrets;
	bool check_whole; /* check all bytes of a slot for zero, not only the
	                     first SMI_CHECKED_BYTES */
	/* A table of smi_sizeclass_of(), indexed by granules: the function
	 * itself branches. */
	uint8_t class_of[SMI_SLOT_MOST_BYTES / SMI_ALIGN_BYTES + 1];
	/* A table of smi_sizeclass_units(): the function itself searches. */
	uint8_t extents[SMI_CLASSES][SMI_SLAB_EXTENTS];
	uint32_t partial[SMI_CLASSES]; /* the heads of the lists (S3) */
	uint32_t units[SMI_CLASSES];   /* in the slabs of each class (S8) */
	size_t taken_bytes, taken_peak;
};

void smi_slab_start(struct smi_slabs *slabs, struct smi_runs *runs,
                    struct smi_secrets *secrets, bool check_whole);

/* The class of the smallest slot of at least `bytes`, 0 < bytes <= 4096. */
static inline unsigned smi_slab_class_of(const struct smi_slabs *slabs,
                                         size_t bytes)
{
	return slabs->class_of[(bytes + SMI_ALIGN_BYTES - 1) / SMI_ALIGN_BYTES];
}

/* Check S5 for a slot that is about to be used: its first SMI_CHECKED_BYTES
 * bytes or, with check_whole, all of it. */
static inline bool smi_slab_reads_zero(const struct smi_slabs *slabs,
                                       const unsigned char *start, size_t bytes)
{
	if (SMI_UNLIKELY(slabs->check_whole))
		return smi_wipe_first_nonzero(start, bytes) == bytes;
	return smi_granules_are_zero(start, bytes);
}

/*
 * Turn a run of `units` that was just taken into a slab, and add it to the list
 * of its class. With SMI_ALONE the run becomes one slot, in no list. The caller
 * must take a slot next (S4).
 */
void smi_slab_open(struct smi_slabs *slabs, uint32_t run, uint32_t units,
                   unsigned class);

/* A run whose slab has a free slot of the class, or SMI_NONE. */
static inline uint32_t smi_slab_partial(const struct smi_slabs *slabs,
                                        unsigned class)
{
	return slabs->partial[class];
}

/* A free slot: slot number `slot` of a run, or any slot of it, chosen at
 * random, if that is SMI_NONE. */
struct smi_vacancy {
	uint32_t run, slot;
};

/* Find a free slot of this or a larger class that happens to be aligned to
 * `align`. Every free slot is examined. False: there is none. */
bool smi_slab_find_aligned(const struct smi_slabs *slabs, unsigned class,
                           size_t align, struct smi_vacancy *vacancy);

/* Take a free slot for a chunk of `size`. The chunk and its canary fit in the
 * slot. False with *misuse: the slot was written to while it was free. */
bool smi_slab_take(struct smi_slabs *slabs, struct smi_vacancy vacancy,
                   size_t size, struct smi_place *place,
                   struct smi_misuse *misuse);

/* Wipe a chunk that has been found and checked, and free its slot. */
void smi_slab_give(struct smi_slabs *slabs, const struct smi_place *place);

/* A slot that is lent to a cache. */
struct smi_lent {
	unsigned char *start;
	_Atomic uint16_t *entry;
};

/* Lend up to `most` free slots of a run, chosen at random. Returns how many. */
uint32_t smi_slab_lend(struct smi_slabs *slabs, uint32_t run, uint32_t most,
                       struct smi_lent *to);

/* Free a slot that was lent, or one that smi_slab_give() has wiped. */
void smi_slab_return(struct smi_slabs *slabs, const struct smi_place *place);

/* Whether a slot suits a chunk of `size`: it is large enough, and the chunk and
 * its canary fill at least half of it. */
static inline bool smi_slab_suits(const struct smi_slab *slab, size_t size)
{
	size_t bytes = size + SMI_CANARY_LEAST_BYTES;

	return bytes <= slab->slot_bytes && bytes >= slab->slot_bytes / 2;
}

/*
 * Resize a chunk that has been found and checked in its slot, which is large
 * enough. Bytes that are cut off are wiped, and bytes that are added are zero.
 * No lock is needed: the caller owns the chunk.
 */
void smi_slab_resize(const struct smi_slabs *slabs, struct smi_place *place,
                     size_t size);

/*
 * Change the number of units of a chunk that is alone in its run. Units that
 * are cut off are wiped and given back. Units that are added are taken from
 * behind the run. False if those are not free. False with misuse->kind other
 * than SMI_SOUND if they were written to while they were free: the run then has
 * the units, but the slab does not count them.
 */
bool smi_slab_reunit(struct smi_slabs *slabs, struct smi_place *place,
                     uint32_t units, struct smi_misuse *misuse);

/*
 * As smi_slab_reunit(), for more units, of which some are taken from before the
 * run: the chunk is then moved to the start of the longer run, and *place
 * describes it there. The caller must resize the chunk next, which wipes the
 * rest and writes the canary and the entry.
 */
bool smi_slab_slide(struct smi_slabs *slabs, struct smi_place *place,
                    uint32_t units, struct smi_misuse *misuse);

/* Describe in *misuse what was found at an address in a pool. Returns false. */
bool smi_slab_found(const struct smi_slabs *slabs, uint32_t pool,
                    struct smi_misuse *misuse, enum smi_misuse_kind kind,
                    const void *place, size_t size, size_t at);

#endif /* SMI_SLAB_H */
