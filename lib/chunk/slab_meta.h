/*
 * slab_meta.h - the metadata of a slab, and how to find them from an address
 *
 * The metadata of a slab lie in the notes of its run:
 *
 *     | struct smi_slab | entry of each slot, SMI_ENTRY_FREE | free bits |
 *
 * The entry of a slot that holds a chunk is the chunk's slack, in bytes: the
 * size of the slot minus that of the chunk, which is the length of its canary.
 * It is at least SMI_CANARY_LEAST_BYTES and fits 16 bits, since a slot is
 * chosen to fit its chunk.
 *
 * The entry after that of the last slot stands for the tail, in which no chunk
 * starts.
 *
 * An entry is atomic. The thread that owns the chunk reads and writes the entry
 * without the arena's lock, and a thread that frees the following chunk reads
 * it. Everything else changes only under the lock. The fields that a lookup
 * reads (slot_bytes, inverse, slots, class) do not change while the slab holds
 * a chunk, except slot_bytes when a chunk that is alone in its run is resized.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SMI_SLAB_META_H
#define SMI_SLAB_META_H

#include "base/base.h"
#include "base/bitmap.h"
#include "chunk/canary.h"
#include "chunk/sizeclass.h"
#include "space/run.h"

#include <stdatomic.h>

/* The class of a run that holds a single chunk. */
#define SMI_ALONE SMI_CLASSES

struct smi_slab {
	size_t slot_bytes;
	uint32_t inverse; /* 2^32 / slot_bytes, rounded up; SMI_ALONE: 0 */
	uint32_t slots;
	uint16_t class; /* a size class, or SMI_ALONE */
	uint16_t home;  /* the cache that fills from it; see slab.h */
	uint32_t units;
	uint32_t free;
	uint32_t next, prev; /* in the list of the class (S3) */
};

/* The entries of slots that hold no chunk. */
#define SMI_ENTRY_FREE   ((uint16_t)0)
#define SMI_ENTRY_CACHED ((uint16_t)1)

/* A unit with as many slots as possible determines how large its notes must
 * be. */
_Static_assert(SMI_UNIT_BYTES / SMI_ALIGN_BYTES == SMI_WORD_BITS,
               "a unit's slots fill one word of the bitmap");
_Static_assert(sizeof(struct smi_slab) + SMI_WORD_BITS / 8
                               + (SMI_WORD_BITS + 2) * sizeof(uint16_t)
                       <= SMI_UNIT_NOTES_BYTES,
               "the notes of a unit hold the metadata of its slots");
_Static_assert(SMI_SLOT_MOST_BYTES + SMI_UNIT_BYTES < UINT16_MAX,
               "the slack of a chunk fits 16 bits");
_Static_assert(SMI_CANARY_LEAST_BYTES > SMI_ENTRY_CACHED,
               "the entry of a chunk is none of the others");

/* A slot, and the chunk in it. */
struct smi_place {
	uint32_t run;
	uint32_t slot;
	struct smi_slab *slab;
	unsigned char *start;
	size_t size; /* of the chunk, if there is one */
};

static inline struct smi_slab *smi_slab_of(const struct smi_runs *runs,
                                           uint32_t run)
{
	return smi_run_notes(runs, run);
}

static inline _Atomic uint16_t *smi_slab_entries(struct smi_slab *slab)
{
	return (_Atomic uint16_t *)(void *)(slab + 1);
}

static inline uint16_t smi_slab_entry(struct smi_slab *slab, uint32_t slot)
{
	return atomic_load_explicit(&smi_slab_entries(slab)[slot],
	                            memory_order_acquire);
}

static inline void smi_slab_set_entry(struct smi_slab *slab, uint32_t slot,
                                      uint16_t entry)
{
	atomic_store_explicit(&smi_slab_entries(slab)[slot], entry,
	                      memory_order_release);
}

static inline uint32_t *smi_slab_free_bits(struct smi_slab *slab)
{
	size_t entries = smi_round_up(slab->slots + 1, 2);

	return (uint32_t *)(void *)(smi_slab_entries(slab) + entries);
}

static inline unsigned char *smi_slab_slot(const struct smi_runs *runs,
                                           uint32_t run,
                                           const struct smi_slab *slab,
                                           uint32_t slot)
{
	return (unsigned char *)smi_run_address(runs, run)
	       + slot * slab->slot_bytes;
}

/* The size of the chunk in a slot with this entry. */
static inline size_t smi_slab_chunk_size(const struct smi_slab *slab,
                                         uint16_t entry)
{
	return slab->slot_bytes - entry;
}

/* The entry of a slot that holds a chunk of `size` bytes. */
static inline uint16_t smi_slab_chunk_entry(size_t slot_bytes, size_t size)
{
	return (uint16_t)(slot_bytes - size);
}

/* The `inverse` of a slab whose slots have a class, and so at least 16
 * bytes. */
static inline uint32_t smi_slab_inverse(size_t slot_bytes)
{
	return (uint32_t)((((uint64_t)1 << 32) + slot_bytes - 1) / slot_bytes);
}

/*
 * Divide the offset of a byte in a slab by the size of its slots, with a
 * multiplication by the inverse. The upper half of the product is the quotient:
 * the slot that holds the byte, or one past the last slot for a byte in the
 * tail. The lower half is less than the inverse iff there is no remainder: then
 * the byte is the first of its slot. Both are exact for every offset in a slab
 * (tests/unit_slab.c tries them all). For SMI_ALONE the product is 0: slot 0,
 * and never its first byte.
 */
static inline uint64_t smi_slab_divide(const struct smi_slab *slab,
                                       size_t offset)
{
	return (uint64_t)offset * slab->inverse;
}

/*
 * Find the slot that holds the byte at an address in a pool; the size of its
 * chunk is left unset. For a byte in the tail the slot is one past the last.
 * False: the byte is in no run.
 */
static inline bool smi_slab_locate(const struct smi_runs *runs,
                                   uintptr_t address, struct smi_place *place)
{
	uint32_t run = smi_run_find(runs, address);
	uintptr_t start;

	if (run == SMI_NONE)
		return false;
	start = smi_run_address(runs, run);
	place->run = run;
	place->slab = smi_run_notes(runs, run);
	place->slot = (uint32_t)(smi_slab_divide(place->slab, address - start)
	                         >> 32);
	place->start = (unsigned char *)start
	               + place->slot * place->slab->slot_bytes;
	return true;
}

/*
 * smi_slab_locate() for an address at which a slot of a slab starts. Any
 * address may be passed. False for all other addresses, and for chunks that are
 * alone in their run.
 */
static inline bool smi_slab_locate_slot(const struct smi_runs *runs,
                                        void *start, struct smi_place *place)
{
	size_t offset = (uintptr_t)start - runs->start;
	uint64_t quotient;
	uint32_t run;

	if (offset
	    >= atomic_load_explicit(&runs->pools->span, memory_order_acquire))
		return false;
	run = runs->heads[offset >> SMI_UNIT_SHIFT];
	if (run == SMI_NONE)
		return false;
	place->run = run;
	place->slab = smi_run_notes(runs, run);
	quotient = smi_slab_divide(place->slab, offset - run * SMI_UNIT_BYTES);
	place->slot = (uint32_t)(quotient >> 32);
	place->start = start;
	return (uint32_t)quotient < place->slab->inverse;
}

#endif /* SMI_SLAB_META_H */
