/*
 * slab_check.c - whether a chunk, and its neighbour just before it, are sound
 *
 * SPDX-License-Identifier: ISC
 */
#include "chunk/slab_check.h"

#include "base/wipe.h"

/* ---- The neighbour ------------------------------------------------------ */

/* Read a field that another thread may be writing exactly once. */
#define READ_ONCE(field) (*(const volatile __typeof__(field) *)&(field))

/* The neighbour that ends at `end` and consists of `bytes` that nobody owns. */
static struct smi_neighbour free_before(const unsigned char *end, size_t bytes)
{
	return (struct smi_neighbour){
		.start = end - bytes,
		.bytes = bytes,
		.entry = SMI_ENTRY_FREE,
	};
}

/*
 * The neighbour of a chunk in the first slot of its run: a guard, a free unit,
 * the tail of the slab before, or the last slot of that slab. The slab before
 * may be being opened or given back, so its metadata are used only if they
 * describe memory inside that run.
 */
SMI_RACY static SMI_INLINE struct smi_neighbour before_run(
	const struct smi_runs *runs, const unsigned char *start)
{
	size_t offset = (uintptr_t)start - runs->start, bytes, slot_bytes;
	uint32_t unit = (uint32_t)(offset >> SMI_UNIT_SHIFT), head, slots;
	struct smi_slab *slab;

	if ((unit & (((uint32_t)1 << runs->units_shift) - 1)) == 0
	    && smi_run_pool(runs, unit) == smi_run_stride(runs, unit))
		return free_before(start, 0);
	head = READ_ONCE(runs->heads[unit - 1]);
	if (head == SMI_NONE)
		return free_before(start, SMI_UNIT_BYTES);
	slab = smi_run_notes(runs, head);
	slots = READ_ONCE(slab->slots);
	slot_bytes = READ_ONCE(slab->slot_bytes);
	bytes = (unit - head) * SMI_UNIT_BYTES;
	if (slots == 0 || slot_bytes < SMI_ALIGN_BYTES
	    || slot_bytes > bytes / slots)
		return (struct smi_neighbour){.entry = UINT16_MAX};
	if (slots * slot_bytes < bytes)
		return free_before(start, bytes - slots * slot_bytes);
	return (struct smi_neighbour){
		.start = start - slot_bytes,
		.bytes = slot_bytes,
		.entry = smi_slab_entry(slab, slots - 1),
	};
}

/* ---- Without the lock --------------------------------------------------- */

SMI_RACY static SMI_INLINE bool is_left_alone(const struct smi_canary_key *key,
                                              struct smi_neighbour before)
{
	if (before.entry <= SMI_ENTRY_CACHED)
		return before.bytes == 0 || smi_slab_check_end_is_zero(&before);
	return before.entry <= before.bytes
	       && smi_canary_is_sound(key, before.start,
	                              before.bytes - before.entry,
	                              before.bytes);
}

/* The check for the first slot of a slab. It is not inlined, so that other
 * slots need no stack frame. */
SMI_RACY static SMI_APART bool run_is_left_alone(
	const struct smi_runs *runs, const struct smi_canary_key *key,
	const unsigned char *start)
{
	return is_left_alone(key, before_run(runs, start));
}

SMI_RACY bool smi_slab_check_is_sound(const struct smi_runs *runs,
                                      const struct smi_canary_key *key,
                                      const struct smi_place *place)
{
	size_t slot_bytes = place->slab->slot_bytes;

	if (!smi_canary_is_sound(key, place->start, place->size, slot_bytes))
		return false;
	if (place->slot == 0)
		return run_is_left_alone(runs, key, place->start);
	return is_left_alone(key,
	                     smi_slab_check_slot_before(place, slot_bytes));
}

/* ---- Exclusive ---------------------------------------------------------- */

/* Check S6 for the chunk of `size` in the slot at `start`. */
static bool check_canary(const struct smi_slabs *slabs, uint32_t pool,
                         const unsigned char *start, size_t size,
                         size_t place_bytes, enum smi_misuse_kind kind,
                         struct smi_misuse *misuse)
{
	size_t at = smi_canary_check(&slabs->secrets->canary, start, size,
	                             place_bytes);

	if (at == SIZE_MAX)
		return true;
	return smi_slab_found(slabs, pool, misuse, kind, start, size, at);
}

bool smi_slab_check_canary(const struct smi_slabs *slabs, uint32_t run,
                           uint32_t slot, enum smi_misuse_kind kind,
                           struct smi_misuse *misuse)
{
	struct smi_slab *slab = smi_slab_of(slabs->runs, run);

	return check_canary(slabs, smi_run_pool(slabs->runs, run),
	                    smi_slab_slot(slabs->runs, run, slab, slot),
	                    smi_slab_chunk_size(slab,
	                                        smi_slab_entry(slab, slot)),
	                    slab->slot_bytes, kind, misuse);
}

/* Check that the end of a neighbour that nobody owns is zero. */
static bool check_end_is_zero(const struct smi_slabs *slabs, uint32_t pool,
                              const struct smi_neighbour *before,
                              struct smi_misuse *misuse)
{
	size_t from = before->bytes - SMI_NEIGHBOUR_ZERO_BYTES;
	size_t at = smi_wipe_first_nonzero(before->start + from,
	                                   SMI_NEIGHBOUR_ZERO_BYTES);

	if (at == SMI_NEIGHBOUR_ZERO_BYTES)
		return true;
	return smi_slab_found(slabs, pool, misuse, SMI_BEFORE_WRITTEN,
	                      before->start, before->bytes, from + at);
}

bool smi_slab_check_chunk(const struct smi_slabs *slabs,
                          const struct smi_place *place,
                          struct smi_misuse *misuse)
{
	uint32_t pool = smi_run_pool(slabs->runs, place->run);
	struct smi_neighbour before =
		place->slot == 0
			? before_run(slabs->runs, place->start)
			: smi_slab_check_slot_before(place,
	                                             place->slab->slot_bytes);

	if (!smi_slab_check_canary(slabs, place->run, place->slot, SMI_OVERFLOW,
	                           misuse))
		return false;
	if (before.entry > SMI_ENTRY_CACHED && before.entry > before.bytes)
		return smi_misuse_broken(misuse, pool,
		                         "S7: a slab contradicts its run");
	if (before.bytes == 0)
		return true;
	if (before.entry <= SMI_ENTRY_CACHED)
		return check_end_is_zero(slabs, pool, &before, misuse);
	return check_canary(slabs, pool, before.start,
	                    before.bytes - before.entry, before.bytes,
	                    SMI_UNDERFLOW, misuse);
}
