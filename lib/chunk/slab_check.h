/*
 * slab_check.h - whether a chunk, and what lies just before it, is sound
 *
 * A chunk is checked together with what lies just before it, which is another
 * thread's to change at any time. So there are two kinds of check. Those that
 * answer with a plain bool need no lock: true is certain, false may be a moment
 * that was caught. Those that report a finding are exclusive: the caller holds
 * the arena's lock and all caches are stopped.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SMI_SLAB_CHECK_H
#define SMI_SLAB_CHECK_H

#include "base/base.h"
#include "chunk/slab.h"

/*
 * Whether the canary of a live chunk and the memory before it are as they were
 * left. False with *misuse.
 */
bool smi_slab_check_chunk(const struct smi_slabs *slabs,
                          const struct smi_place *place,
                          struct smi_misuse *misuse);

/* smi_slab_check_chunk() without lock or finding. */
bool smi_slab_check_is_sound(const struct smi_runs *runs,
                             const struct smi_canary_key *key,
                             const struct smi_place *place);

/*
 * The same where both canaries are at most short and the slot is not the first
 * of its slab: what is most common, written out. False may also be that it is
 * not so.
 */
SMI_RACY static inline bool smi_slab_check_is_plainly_sound(
	const struct smi_canary_key *key, const struct smi_place *place,
	size_t slot_bytes)
{
	const smi_word *start = (const void *)place->start;
	uint16_t before;

	if (slot_bytes - place->size > SMI_CANARY_SHORT_BYTES
	    || place->slot == 0
	    || !smi_canary_short_is_sound(key, start, place->size, slot_bytes))
		return false;
	/* That not too much is held in registers at a time. */
	__asm__ volatile("" : : : "memory");
	before = smi_slab_entry(place->slab, place->slot - 1);
	if (before <= SMI_ENTRY_CACHED)
		return (start[-1] | start[-2]) == 0;
	return before <= SMI_CANARY_SHORT_BYTES
	       && smi_canary_short_is_sound(key, place->start - slot_bytes,
	                                    slot_bytes - before, slot_bytes);
}

/*
 * S6 for the chunk in a slot. False with *misuse, whose kind is what a changed
 * canary means to the caller.
 */
bool smi_slab_check_canary(const struct smi_slabs *slabs, uint32_t run,
                           uint32_t slot, enum smi_misuse_kind kind,
                           struct smi_misuse *misuse);

#endif /* SMI_SLAB_CHECK_H */
