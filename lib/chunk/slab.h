/*
 * slab.h - slots in a run of units, and the chunks in them
 *
 * A slab is a run cut into equal slots, each of which is free, holds one chunk,
 * or is lent to a thread's cache. A chunk that is larger than any slot is the
 * only slot of a run of its own (SMI_ALONE), so that there is one kind of thing
 * to find, check and free. What this module finds wrong it reports; it changes
 * nothing then.
 *
 * The caller holds the arena's lock. What lies where in a slab's metadata is in
 * slab_meta.h; slab_find.h finds a chunk, and slab_check.h checks it.
 *
 * Invariants:
 *   S1  A slot is free iff its bit is set, and iff its entry is
 *       SMI_ENTRY_FREE. It is lent iff its entry is SMI_ENTRY_CACHED.
 *   S2  `free` is the number of bits set.
 *   S3  A slab with a free slot is in the list of its class, once; no other is.
 *   S4  No slab is all free: its run is given back.
 *   S5  All bytes of a free or lent slot are zero, and so is the tail of a
 *       slab.
 *   S6  The slack of a live chunk is filled with its canary.
 *   S7  A slab's units are those of its run, and its slots what fits in them.
 *   S8  units[class] is the sum of the units of the slabs of the class.
 *   S9  taken_bytes is the sum of the slots that are not free.
 *
 * A slab has a home: the number of the cache that began it, or of the one that
 * first filled from it (SMI_NO_HOME: none yet). Caches prefer slabs of their
 * own, so that threads do not write to the same cache lines; it is no more than
 * a preference.
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

/* A place that is handed out again must read as zero up to here. */
#define SMI_ZERO_CHECK_BYTES SMI_GRANULES_WRITTEN_OUT

/* What the library keeps in the locked key page. */
struct smi_secrets {
	struct smi_canary_key canary;
	struct smi_random random;
};

#define SMI_NO_HOME UINT16_MAX

struct smi_slabs {
	struct smi_runs *runs;
	struct smi_secrets *secrets;
	bool check_whole; /* the zero check has no bound */
	/* smi_sizeclass_of(), which branches, by granules. */
	uint8_t class_of[SMI_SLOT_MOST_BYTES / SMI_ALIGN_BYTES + 1];
	/* smi_sizeclass_units(), which searches, of each class and extent. */
	uint8_t extents[SMI_CLASSES][SMI_SLAB_EXTENTS];
	uint32_t partial[SMI_CLASSES]; /* S3: the heads of the lists */
	uint32_t units[SMI_CLASSES];   /* in slabs of the class */
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

/* S5 for a place that is about to be used: the first bytes, or all. */
static inline bool smi_slab_reads_zero(const struct smi_slabs *slabs,
                                       const unsigned char *start, size_t bytes)
{
	if (SMI_UNLIKELY(slabs->check_whole))
		return smi_wipe_first_nonzero(start, bytes) == bytes;
	return smi_granules_are_zero(start, bytes);
}

/*
 * Make a slab of a run of `units` that was just taken, and put it in the list;
 * or with SMI_ALONE a run with one slot, in no list. A slot must be taken next.
 */
void smi_slab_open(struct smi_slabs *slabs, uint32_t run, uint32_t units,
                   unsigned class);

/* A run whose slab has a free slot of the class, or SMI_NONE. */
static inline uint32_t smi_slab_partial(const struct smi_slabs *slabs,
                                        unsigned class)
{
	return slabs->partial[class];
}

/* A free slot: which one of a run, or any one at random if it is SMI_NONE. */
struct smi_vacancy {
	uint32_t run, slot;
};

/*
 * A free slot of this or a larger class that happens to lie at a multiple of
 * `align`. It looks at every free slot. False: there is none.
 */
bool smi_slab_find_aligned(const struct smi_slabs *slabs, unsigned class,
                           size_t align, struct smi_vacancy *vacancy);

/*
 * Take a free slot for a chunk of `size`, which fits with its canary. False
 * with *misuse: the slot was written to while it was free.
 */
bool smi_slab_take(struct smi_slabs *slabs, struct smi_vacancy vacancy,
                   size_t size, struct smi_place *place,
                   struct smi_misuse *misuse);

/* Wipe a chunk that was found and checked, and free its slot. */
void smi_slab_give(struct smi_slabs *slabs, const struct smi_place *place);

/* A slot that a cache has. */
struct smi_lent {
	unsigned char *start;
	_Atomic uint16_t *entry;
};

/* Lend up to `most` free slots of a run, at random; returns how many. */
uint32_t smi_slab_lend(struct smi_slabs *slabs, uint32_t run, uint32_t most,
                       struct smi_lent *to);

/* Free a slot that was lent. */
void smi_slab_return(struct smi_slabs *slabs, const struct smi_place *place);

/* Whether a slot is the right place for a chunk of `size`: large enough, not
 * half empty. */
static inline bool smi_slab_suits(const struct smi_slab *slab, size_t size)
{
	size_t bytes = size + SMI_CANARY_LEAST_BYTES;

	return bytes <= slab->slot_bytes && bytes >= slab->slot_bytes / 2;
}

/*
 * Change the size of a chunk that was found and checked, in its place, which
 * is large enough. Bytes that go are wiped, and bytes that come are zero. It
 * needs no lock: the chunk is the caller's.
 */
void smi_slab_resize(const struct smi_slabs *slabs, struct smi_place *place,
                     size_t size);

/*
 * Give the run of a chunk that is alone other units: fewer, and what is cut off
 * has been wiped and is given back; or more, taken from behind it. False: those
 * are not free (or, with *misuse set to other than SMI_SOUND, were written to
 * while they were free).
 */
bool smi_slab_reunit(struct smi_slabs *slabs, struct smi_place *place,
                     uint32_t units, struct smi_misuse *misuse);

/* Fill in a finding about an address in a pool. Returns false. */
bool smi_slab_found(const struct smi_slabs *slabs, uint32_t pool,
                    struct smi_misuse *misuse, enum smi_misuse_kind kind,
                    const void *place, size_t size, size_t at);

#endif /* SMI_SLAB_H */
