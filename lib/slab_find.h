/*
 * slab_find.h - from an address to its chunk, and whether that is sound
 *
 * A chunk is checked together with what lies just before it, which is another
 * thread's to change at any time. So there are two kinds of check. Those that
 * answer with a plain bool need no lock: true is certain, false may be a moment
 * that was caught. Those that report a finding are exclusive: the caller holds
 * the arena's lock and all caches are stopped.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SMI_SLAB_FIND_H
#define SMI_SLAB_FIND_H

#include "base.h"
#include "slab.h"

/*
 * The live chunk that starts at `address`. False with *finding: there is none.
 * Any address may be asked; only metadata are read. The caller holds the
 * arena's lock.
 */
bool smi_slab_find(const struct smi_slabs *slabs, uintptr_t address,
                   struct smi_place *place, struct smi_finding *finding);

/*
 * Whether the canary of a live chunk and the memory before it are as they were
 * left. False with *finding.
 */
bool smi_slab_check(const struct smi_slabs *slabs,
                    const struct smi_place *place,
                    struct smi_finding *finding);

/* The same for what lies before a run that starts at `start` of a pool, without
 * lock or finding. */
bool smi_slab_is_sound_before(const struct smi_canary_key *key,
                              const struct smi_pool *pool,
                              const unsigned char *start);

/* Whether the end of a slot is as it was left: the canary of a chunk, or zero.
 * Without lock. */
SMI_RACY static inline bool smi_slab_end_is_sound(
	const struct smi_canary_key *key, const unsigned char *start,
	size_t slot_bytes, uint16_t entry)
{
	const smi_word *end = (const void *)(start + slot_bytes);

	if (entry <= SMI_ENTRY_CACHED)
		return (end[-1] | end[-2]) == 0;
	if ((size_t)(entry - 1) > slot_bytes)
		return false;
	return smi_canary_is_sound(key, start, slot_bytes - (size_t)(entry - 1),
	                           slot_bytes);
}

/* smi_slab_check() without lock or finding. */
static inline bool smi_slab_is_sound(const struct smi_canary_key *key,
                                     const struct smi_place *place,
                                     size_t slot_bytes)
{
	if (!smi_canary_is_sound(key, place->start, place->size, slot_bytes))
		return false;
	if (place->slot == 0)
		return smi_slab_is_sound_before(key, place->pool,
		                                place->start);
	return smi_slab_end_is_sound(key, place->start - slot_bytes, slot_bytes,
	                             smi_slab_entry(place->slab,
	                                            place->slot - 1));
}

/*
 * S6 for the chunk in a slot. False with *finding, whose kind is
 * what a changed canary means to the caller.
 */
bool smi_slab_check_canary(const struct smi_slabs *slabs, uint32_t run,
                           uint32_t slot, enum smi_finding_kind kind,
                           struct smi_finding *finding);

#endif /* SMI_SLAB_FIND_H */
