/*
 * slab_audit.c - whether the slabs of a pool are sound
 *
 * SPDX-License-Identifier: ISC
 */
#include "chunk/slab_audit.h"

#include "base/wipe.h"
#include "chunk/slab_check.h"

/* Check S5 for all bytes of free memory. */
static bool audit_zero(const struct smi_slabs *slabs, uint32_t pool,
                       const unsigned char *start, size_t bytes,
                       struct smi_misuse *misuse)
{
	size_t at = smi_wipe_first_nonzero(start, bytes);

	if (at == bytes)
		return true;
	return smi_slab_found(slabs, pool, misuse, SMI_FREE_WRITTEN, start,
	                      bytes, at);
}

/* Check S1, S5 and S6 for one slot. */
static bool audit_slot(const struct smi_slabs *slabs, uint32_t run,
                       struct smi_slab *slab, uint32_t slot,
                       struct smi_slab_sums *sums, struct smi_misuse *misuse)
{
	uint32_t pool = smi_run_pool(slabs->runs, run);
	uint16_t entry = smi_slab_entry(slab, slot);

	if (smi_bitmap_get(smi_slab_free_bits(slab), slot)
	    != (entry == SMI_ENTRY_FREE))
		return smi_misuse_broken(misuse, pool,
		                         "S1: a slot is marked both free and "
		                         "taken");
	if (entry != SMI_ENTRY_FREE)
		sums->taken_bytes += slab->slot_bytes;
	if (entry == SMI_ENTRY_CACHED)
		sums->lent++;
	if (entry <= SMI_ENTRY_CACHED)
		return audit_zero(slabs, pool,
		                  smi_slab_slot(slabs->runs, run, slab, slot),
		                  slab->slot_bytes, misuse);
	if (entry > slab->slot_bytes || entry < SMI_CANARY_LEAST_BYTES)
		return smi_misuse_broken(misuse, pool,
		                         "S1: a slack is out of range");
	sums->chunks++;
	sums->chunk_bytes += smi_slab_chunk_size(slab, entry);
	return smi_slab_check_canary(slabs, run, slot, SMI_OVERFLOW, misuse);
}

/* Check S7. This comes first, before the metadata of the slab are trusted. */
static bool is_plausible(const struct smi_slabs *slabs, uint32_t run,
                         const struct smi_slab *slab)
{
	size_t bytes = smi_run_units(slabs->runs, run) * SMI_UNIT_BYTES;

	return slab->class <= SMI_ALONE && slab->units * SMI_UNIT_BYTES == bytes
	       && slab->slot_bytes
	                  == (slab->class == SMI_ALONE
	                              ? bytes
	                              : smi_sizeclass_bytes(slab->class))
	       && slab->slots == bytes / slab->slot_bytes
	       && slab->inverse
	                  == (slab->class == SMI_ALONE
	                              ? 0
	                              : smi_slab_inverse(slab->slot_bytes));
}

/* Whether the neighbours of a slab in its list agree (S3). */
static bool is_listed(const struct smi_slabs *slabs, uint32_t run,
                      const struct smi_slab *slab)
{
	if ((slab->prev != SMI_NONE && !smi_run_is_run(slabs->runs, slab->prev))
	    || (slab->next != SMI_NONE
	        && !smi_run_is_run(slabs->runs, slab->next)))
		return false;
	uint32_t back = slab->prev == SMI_NONE
	                        ? slabs->partial[slab->class]
	                        : smi_slab_of(slabs->runs, slab->prev)->next;

	return back == run
	       && (slab->next == SMI_NONE
	           || smi_slab_of(slabs->runs, slab->next)->prev == run);
}

static bool audit_slab(const struct smi_slabs *slabs, uint32_t run,
                       struct smi_slab_sums *sums, struct smi_misuse *misuse)
{
	uint32_t pool = smi_run_pool(slabs->runs, run);
	struct smi_slab *slab = smi_slab_of(slabs->runs, run);
	size_t used;

	if (!is_plausible(slabs, run, slab))
		return smi_misuse_broken(misuse, pool,
		                         "S7: a slab contradicts its run");
	used = slab->slots * slab->slot_bytes;
	if (slab->class != SMI_ALONE)
		sums->units[slab->class] += slab->units;
	if (smi_bitmap_count(smi_slab_free_bits(slab), slab->slots)
	    != slab->free)
		return smi_misuse_broken(misuse, pool,
		                         "S2: the number of free slots is "
		                         "wrong");
	if (slab->free == slab->slots)
		return smi_misuse_broken(misuse, pool,
		                         "S4: a slab has only free slots");
	if (slab->class != SMI_ALONE && slab->free > 0
	    && !is_listed(slabs, run, slab))
		return smi_misuse_broken(misuse, pool,
		                         "S3: a slab is not in its list");
	for (uint32_t slot = 0; slot < slab->slots; slot++)
		if (!audit_slot(slabs, run, slab, slot, sums, misuse))
			return false;
	return audit_zero(slabs, pool,
	                  smi_slab_slot(slabs->runs, run, slab, 0) + used,
	                  slab->units * SMI_UNIT_BYTES - used, misuse);
}

bool smi_slab_audit_run(const struct smi_slabs *slabs, uint32_t pool,
                        struct smi_slab_sums *sums, struct smi_misuse *misuse)
{
	uintptr_t start = smi_pool_start(slabs->runs->pools, pool);
	size_t bytes = smi_pool_bytes(slabs->runs->pools, pool), at = 0;

	while (at < bytes) {
		uint32_t run = smi_run_find(slabs->runs, start + at);

		if (run == SMI_NONE) {
			if (!audit_zero(slabs, pool,
			                (unsigned char *)start + at,
			                SMI_UNIT_BYTES, misuse))
				return false;
			at += SMI_UNIT_BYTES;
			continue;
		}
		if (!audit_slab(slabs, run, sums, misuse))
			return false;
		at += smi_slab_of(slabs->runs, run)->units * SMI_UNIT_BYTES;
	}
	return true;
}

bool smi_slab_audit_lists(const struct smi_slabs *slabs,
                          const struct smi_slab_sums *sums,
                          struct smi_misuse *misuse)
{
	if (sums->taken_bytes != slabs->taken_bytes)
		return smi_misuse_broken(misuse, SMI_NONE,
		                         "S9: the number of slot bytes is "
		                         "wrong");
	for (unsigned class = 0; class < SMI_CLASSES; ++class) {
		uint32_t run = slabs->partial[class];

		if (sums->units[class] != slabs->units[class])
			return smi_misuse_broken(misuse, SMI_NONE,
			                         "S8: the number of units of a "
			                         "class is wrong");
		while (run != SMI_NONE) {
			const struct smi_slab *slab;

			if (!smi_run_is_run(slabs->runs, run))
				return smi_misuse_broken(
					misuse, SMI_NONE,
					"S3: a list entry is not a slab");
			slab = smi_slab_of(slabs->runs, run);
			if (slab->class != class || slab->free == 0
			    || !is_listed(slabs, run, slab))
				return smi_misuse_broken(
					misuse, smi_run_pool(slabs->runs, run),
					"S3: a list holds the wrong slab");
			run = slab->next;
		}
	}
	return true;
}
