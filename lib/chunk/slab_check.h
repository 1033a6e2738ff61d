/*
 * slab_check.h - whether a chunk, and what lies just before it, is sound
 *
 * A chunk is checked together with its neighbour, what lies just before it,
 * which is another thread's to change at any time. So there are two kinds of
 * check. Those that answer with a plain bool need no lock: true is certain,
 * false may be a moment that was caught. Those that report misuse are
 * exclusive: the caller holds the arena's lock and all caches are stopped.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SMI_SLAB_CHECK_H
#define SMI_SLAB_CHECK_H

#include "base/base.h"
#include "chunk/slab.h"

/*
 * Memory that ends where a chunk starts. If nobody has it (its entry is
 * SMI_ENTRY_FREE or SMI_ENTRY_CACHED) its end reads as zero; otherwise it is
 * the slot of another chunk, and its canary is sound. Nothing lies before the
 * first unit of a pool but a guard: then `bytes` is 0. An entry that is larger
 * than `bytes` contradicts itself: the metadata are just being changed, or they
 * are damaged.
 */
struct smi_neighbour {
	const unsigned char *start;
	size_t bytes;
	uint16_t entry;
};

/* How much is checked of a neighbour that nobody has: what an underflow by a
 * few bytes reaches. */
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

/* Whether the end of a neighbour that nobody has is zero. */
SMI_RACY static SMI_INLINE bool smi_slab_check_end_is_zero(
	const struct smi_neighbour *neighbour)
{
	const smi_word *end = (const void *)(neighbour->start
	                                     + neighbour->bytes);

	return (end[-1] | end[-2]) == 0;
}

/*
 * Whether the canary of a live chunk and its neighbour are as they were left.
 * False with *misuse.
 */
bool smi_slab_check_chunk(const struct smi_slabs *slabs,
                          const struct smi_place *place,
                          struct smi_misuse *misuse);

/* smi_slab_check_chunk() without lock or finding. */
bool smi_slab_check_is_sound(const struct smi_runs *runs,
                             const struct smi_canary_key *key,
                             const struct smi_place *place);

/*
 * smi_slab_check_is_sound() for the common case only, written out: both
 * canaries are at most short, and the slot is not the first of its slab. False
 * also where this is not the common case.
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
	/* That not too much is held in registers at a time. */
	__asm__ volatile("" : : : "memory");
	before = smi_slab_check_slot_before(place, slot_bytes);
	if (before.entry <= SMI_ENTRY_CACHED)
		return smi_slab_check_end_is_zero(&before);
	return before.entry <= SMI_CANARY_SHORT_BYTES
	       && smi_canary_short_is_sound(key, before.start,
	                                    slot_bytes - before.entry,
	                                    slot_bytes);
}

/*
 * S6 for the chunk in a slot. False with *misuse, whose kind is what a changed
 * canary means to the caller.
 */
bool smi_slab_check_canary(const struct smi_slabs *slabs, uint32_t run,
                           uint32_t slot, enum smi_misuse_kind kind,
                           struct smi_misuse *misuse);

#endif /* SMI_SLAB_CHECK_H */
