/*
 * slab_check.c - whether a chunk, and what lies just before it, is sound
 *
 * SPDX-License-Identifier: ISC
 */
#include "chunk/slab_check.h"

#include "base/wipe.h"

/* How much of free memory just before a chunk is checked: what an underflow by
 * a few bytes reaches. */
#define BEFORE_BYTES ((size_t)16)

/* ---- Without lock ------------------------------------------------------- */

/* A field that another thread may be writing, read once. */
#define READ_ONCE(field) (*(const volatile __typeof__(field) *)&(field))

/* Whether the end of a slot with that entry is as it was left, the canary of a
 * chunk or zero. */
SMI_RACY static bool end_is_sound(const struct smi_canary_key *key,
                                  const unsigned char *start, size_t slot_bytes,
                                  uint16_t entry)
{
	const smi_word *end = (const void *)(start + slot_bytes);

	if (entry <= SMI_ENTRY_CACHED)
		return (end[-1] | end[-2]) == 0;
	return entry <= slot_bytes
	       && smi_canary_is_sound(key, start, slot_bytes - entry,
	                              slot_bytes);
}

/* Whether what lies before a run that starts at `start` is sound. */
SMI_RACY static bool is_sound_before(const struct smi_runs *runs,
                                     const struct smi_canary_key *key,
                                     const unsigned char *start)
{
	size_t offset = (uintptr_t)start - runs->start, bytes, slot_bytes;
	uint32_t unit = (uint32_t)(offset >> SMI_UNIT_SHIFT), head, slots;
	struct smi_slab *slab;

	/* Before the first unit of a pool is its guard. */
	if ((unit & (((uint32_t)1 << runs->units_shift) - 1)) == 0
	    && smi_run_pool(runs, unit) == smi_run_stride(runs, unit))
		return true;
	head = READ_ONCE(runs->heads[unit - 1]);
	if (head == SMI_NONE)
		return end_is_sound(key, start - BEFORE_BYTES, BEFORE_BYTES,
		                    SMI_ENTRY_FREE);
	slab = smi_run_notes(runs, head);
	slots = READ_ONCE(slab->slots);
	slot_bytes = READ_ONCE(slab->slot_bytes);
	bytes = (unit - head) * SMI_UNIT_BYTES;
	/* Of a run that is being made or given back anything may be read: what
	 * is used of it has to lie inside. */
	if (slots == 0 || slot_bytes < SMI_ALIGN_BYTES
	    || slot_bytes > bytes / slots)
		return false;
	if (slots * slot_bytes < bytes)
		return end_is_sound(key, start - BEFORE_BYTES, BEFORE_BYTES,
		                    SMI_ENTRY_FREE);
	return end_is_sound(key, start - slot_bytes, slot_bytes,
	                    smi_slab_entry(slab, slots - 1));
}

SMI_RACY bool smi_slab_check_is_sound(const struct smi_runs *runs,
                                      const struct smi_canary_key *key,
                                      const struct smi_place *place)
{
	struct smi_slab *slab = place->slab;

	if (!smi_canary_is_sound(key, place->start, place->size,
	                         slab->slot_bytes))
		return false;
	if (place->slot == 0)
		return is_sound_before(runs, key, place->start);
	return end_is_sound(key, place->start - slab->slot_bytes,
	                    slab->slot_bytes,
	                    smi_slab_entry(slab, place->slot - 1));
}

/* ---- Exclusive ---------------------------------------------------------- */

bool smi_slab_check_canary(const struct smi_slabs *slabs, uint32_t run,
                           uint32_t slot, enum smi_misuse_kind kind,
                           struct smi_misuse *misuse)
{
	struct smi_slab *slab = smi_slab_of(slabs->runs, run);
	const unsigned char *start = smi_slab_slot(slabs->runs, run, slab,
	                                           slot);
	size_t size = smi_slab_chunk_size(slab, smi_slab_entry(slab, slot));
	size_t at = smi_canary_check(&slabs->secrets->canary, start, size,
	                             slab->slot_bytes);

	if (at == SIZE_MAX)
		return true;
	return smi_slab_found(slabs, smi_run_pool(slabs->runs, run), misuse,
	                      kind, start, size, at);
}

/* That the last bytes before the end of memory that nobody has are zero. */
static bool check_free_before(const struct smi_slabs *slabs, uint32_t run,
                              const unsigned char *start, size_t bytes,
                              struct smi_misuse *misuse)
{
	size_t checked = bytes < BEFORE_BYTES ? bytes : BEFORE_BYTES;
	size_t at = smi_wipe_first_nonzero(start + bytes - checked, checked);

	if (at == checked)
		return true;
	return smi_slab_found(slabs, smi_run_pool(slabs->runs, run), misuse,
	                      SMI_BEFORE_WRITTEN, start, bytes,
	                      bytes - checked + at);
}

/* That a slot which lies just before a chunk was not written to at its end. */
static bool check_slot_before(const struct smi_slabs *slabs, uint32_t run,
                              struct smi_slab *slab, uint32_t slot,
                              struct smi_misuse *misuse)
{
	if (smi_slab_entry(slab, slot) > SMI_ENTRY_CACHED)
		return smi_slab_check_canary(slabs, run, slot, SMI_UNDERFLOW,
		                             misuse);
	return check_free_before(slabs, run,
	                         smi_slab_slot(slabs->runs, run, slab, slot),
	                         slab->slot_bytes, misuse);
}

/* The same for what lies just before a run. */
static bool check_before_run(const struct smi_slabs *slabs, uint32_t run,
                             struct smi_misuse *misuse)
{
	uint32_t pool = smi_run_pool(slabs->runs, run), before;
	uintptr_t start = smi_run_address(slabs->runs, run);
	unsigned char *unit = (unsigned char *)start - SMI_UNIT_BYTES;
	struct smi_slab *slab;
	size_t tail;

	if (start == smi_pool_start(slabs->runs->pools, pool))
		return true;
	before = smi_run_find(slabs->runs, start - 1);
	if (before == SMI_NONE)
		return check_free_before(slabs, run, unit, SMI_UNIT_BYTES,
		                         misuse);
	slab = smi_slab_of(slabs->runs, before);
	tail = slab->units * SMI_UNIT_BYTES - slab->slots * slab->slot_bytes;
	if (tail == 0)
		return check_slot_before(slabs, before, slab, slab->slots - 1,
		                         misuse);
	return check_free_before(slabs, run, (unsigned char *)start - tail,
	                         tail, misuse);
}

bool smi_slab_check_chunk(const struct smi_slabs *slabs,
                          const struct smi_place *place,
                          struct smi_misuse *misuse)
{
	uint32_t run = place->run;

	if (!smi_slab_check_canary(slabs, run, place->slot, SMI_OVERFLOW,
	                           misuse))
		return false;
	if (place->slot > 0)
		return check_slot_before(slabs, run, place->slab,
		                         place->slot - 1, misuse);
	return check_before_run(slabs, run, misuse);
}
