/*
 * slab_check.h - whether a chunk, and its neighbour just before it, are sound
 *
 * The neighbour of a chunk is the memory that ends where the chunk starts.
 * Another thread may change it at any time, so there are two kinds of check.
 * Checks that return only a bool need no lock: true is certain, but false may
 * have caught the neighbour in the middle of a change. Checks that report
 * misuse are exclusive: the caller holds the arena's lock, and all caches are
 * stopped.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SMI_SLAB_CHECK_H
#define SMI_SLAB_CHECK_H

#include "base/base.h"
#include "chunk/slab.h"

/*
 * The neighbour of a chunk: memory that ends where the chunk starts. If its
 * entry is SMI_ENTRY_FREE or SMI_ENTRY_CACHED, nobody owns it, and its end must
 * read as zero. Otherwise it is the slot of another chunk, whose canary must be
 * intact. Before the first unit of a pool there is only a guard: then `bytes`
 * is 0. An entry larger than `bytes` is a contradiction: the metadata are being
 * changed or are damaged.
 */
struct smi_neighbour {
	const unsigned char *start;
	size_t bytes;
	uint16_t entry;
};

/* How many bytes are checked at the end of a neighbour that nobody owns: as far
 * as an underflow by a few bytes reaches. */
#define SMI_NEIGHBOUR_ZERO_BYTES ((size_t)16)

/* The neighbour of a chunk that is not in the first slot of its slab. */
static SMI_INLINE struct smi_neighbour smi_slab_check_slot_before(
	const struct smi_place *place, size_t slot_bytes)
{
	return (struct smi_neighbour){
		.start = place->start - slot_bytes,
		.bytes = slot_bytes,
		.entry = smi_slab_entry(place->slab, place->slot - 1),
	};
}

/* Whether the end of a neighbour that nobody owns is zero. */
SMI_RACY static SMI_INLINE bool smi_slab_check_end_is_zero(
	const struct smi_neighbour *neighbour)
{
	const smi_word *end = (const void *)(neighbour->start
	                                     + neighbour->bytes);

	return (end[-1] | end[-2]) == 0;
}

/* Whether the canary of a live chunk and its neighbour are intact. Exclusive.
 * False with *misuse. */
bool smi_slab_check_chunk(const struct smi_slabs *slabs,
                          const struct smi_place *place,
                          struct smi_misuse *misuse);

/* smi_slab_check_chunk() without a lock and without *misuse. */
bool smi_slab_check_is_sound(const struct smi_runs *runs,
                             const struct smi_canary_key *key,
                             const struct smi_place *place);

/*
 * smi_slab_check_is_sound() unrolled for the common case: the canaries of the
 * chunk and of a chunk before it have at most SMI_CANARY_SHORT_BYTES, and the
 * slot is not the first of its slab. False also if this is not the case.
 */
SMI_RACY static inline bool smi_slab_check_is_plainly_sound(
	const struct smi_canary_key *key, const struct smi_place *place,
	size_t slot_bytes)
{
	const smi_word *start = (const void *)place->start;
	struct smi_neighbour before;

	if (slot_bytes - place->size > SMI_CANARY_SHORT_BYTES
	    || place->slot == 0
	    || !smi_canary_short_is_sound(key, start, place->size, slot_bytes))
		return false;
	/* Keep the compiler from holding too many values in registers at
	 * once. */
	__asm__ volatile("" : : : "memory");
	before = smi_slab_check_slot_before(place, slot_bytes);
	if (before.entry <= SMI_ENTRY_CACHED)
		return smi_slab_check_end_is_zero(&before);
	return before.entry <= SMI_CANARY_SHORT_BYTES
	       && smi_canary_short_is_sound(key, before.start,
	                                    slot_bytes - before.entry,
	                                    slot_bytes);
}

/* Check S6 for the chunk in a slot. Exclusive. False with *misuse, whose kind
 * is the one that the caller passes for a changed canary. */
bool smi_slab_check_canary(const struct smi_slabs *slabs, uint32_t run,
                           uint32_t slot, enum smi_misuse_kind kind,
                           struct smi_misuse *misuse);

#endif /* SMI_SLAB_CHECK_H */
