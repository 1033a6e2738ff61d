/*
 * slab_notes.h - the metadata of a slab
 *
 * The metadata of a slab lie in the notes of its run:
 *
 *     | struct smi_slab | free slots, a bit each | slack + 1 of each slot |
 *
 * The slack of a chunk is its place less its size, that is its canary. It is at
 * least SMI_CANARY_LEAST_BYTES and fits 16 bits, since a place is chosen for
 * its size; 0 means that the slot is free.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SMI_SLAB_NOTES_H
#define SMI_SLAB_NOTES_H

#include "base.h"
#include "bitmap.h"
#include "canary.h"
#include "run.h"
#include "sizeclass.h"

/* The class of a chunk that is alone in its run. */
#define SMI_ALONE SMI_CLASSES

struct smi_slab {
	size_t slot_bytes;
	uint32_t units;
	uint32_t slots, free;
	uint32_t next, prev; /* slabs of the class with a free slot (S3) */
	unsigned class;      /* or SMI_ALONE */
};

/* The most slots that a unit can have decides how large its notes must be. */
_Static_assert(SMI_UNIT_BYTES / SMI_ALIGN_BYTES == SMI_WORD_BITS,
               "a unit's slots fill one word of the bitmap");
_Static_assert(sizeof(struct smi_slab) + SMI_WORD_BITS / 8
               + SMI_WORD_BITS * sizeof(uint16_t) <= SMI_UNIT_NOTES_BYTES,
               "the notes of a unit hold the metadata of its slots");
_Static_assert(SMI_SLOT_MOST_BYTES + SMI_UNIT_BYTES < UINT16_MAX,
               "the slack of a chunk fits 16 bits");

static inline struct smi_slab *smi_slab_of(const struct smi_runs *runs,
                                           uint32_t run)
{
	return smi_runs_notes(runs, run);
}

static inline uint32_t *smi_slab_free_bits(struct smi_slab *slab)
{
	return (uint32_t *)(void *)(slab + 1);
}

static inline uint16_t *smi_slab_slacks(struct smi_slab *slab)
{
	return (uint16_t *)(void *)(smi_slab_free_bits(slab)
	                            + smi_bitmap_words(slab->slots));
}

static inline unsigned char *smi_slab_slot(const struct smi_runs *runs,
                                           uint32_t run,
                                           const struct smi_slab *slab,
                                           uint32_t slot)
{
	return (unsigned char *)smi_runs_address(runs, run)
	       + slot * slab->slot_bytes;
}

/* The size of the chunk in a slot whose entry is not 0. */
static inline size_t smi_slab_chunk_size(const struct smi_slab *slab,
                                         uint16_t entry)
{
	return slab->slot_bytes - (size_t)(entry - 1);
}

#endif /* SMI_SLAB_NOTES_H */
