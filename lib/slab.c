/*
 * slab.c - slots in a run of units, and the chunks in them
 *
 * SPDX-License-Identifier: ISC
 */
#include "slab.h"

#include "wipe.h"

#include <string.h>

/* How much of free memory just before a chunk is checked: what an underflow by
 * a few bytes reaches. */
#define BEFORE_BYTES ((size_t)16)

/* ---- Findings ----------------------------------------------------------- */

bool smi_slab_found(const struct smi_slabs *slabs, uint32_t pool,
                    struct smi_finding *finding, enum smi_finding_kind kind,
                    const void *place, size_t size, size_t at)
{
	*finding = (struct smi_finding){
		.kind = kind,
		.pool = pool,
		.place = (uintptr_t)place,
		.pool_offset = (uintptr_t)place
		               - smi_pools_start(slabs->runs->pools, pool),
		.size = size,
		.at = at,
	};
	return false;
}

/* The same with the pool of a run. */
static bool found(const struct smi_slabs *slabs, uint32_t run,
                  struct smi_finding *finding, enum smi_finding_kind kind,
                  const void *place, size_t size, size_t at)
{
	return smi_slab_found(slabs, smi_runs_pool(slabs->runs, run), finding,
	                      kind, place, size, at);
}

/* S5 for the first bytes of a place that is about to be used. */
static bool check_zero(const struct smi_slabs *slabs, uint32_t run,
                       const unsigned char *place, size_t bytes,
                       struct smi_finding *finding)
{
	size_t most = bytes, at;

	if (!slabs->check_whole && most > SMI_ZERO_CHECK_BYTES)
		most = SMI_ZERO_CHECK_BYTES;
	at = smi_first_nonzero(place, most);
	if (at == most)
		return true;
	return found(slabs, run, finding, SMI_FREE_WRITTEN, place, bytes, at);
}

bool smi_slab_check_canary(const struct smi_slabs *slabs, uint32_t run,
                           uint32_t slot, enum smi_finding_kind kind,
                           struct smi_finding *finding)
{
	struct smi_slab *slab = smi_slab_of(slabs->runs, run);
	const unsigned char *start = smi_slab_slot(slabs->runs, run, slab,
	                                           slot);
	size_t size = smi_slab_chunk_size(slab, smi_slab_slacks(slab)[slot]);
	size_t at = smi_canary_check(&slabs->secrets->canary, start, size,
	                             slab->slot_bytes);

	if (at == SIZE_MAX)
		return true;
	return found(slabs, run, finding, kind, start, size, at);
}

/* ---- Lists -------------------------------------------------------------- */

static void list_add(struct smi_slabs *slabs, uint32_t run)
{
	struct smi_slab *slab = smi_slab_of(slabs->runs, run);
	uint32_t *head = &slabs->partial[slab->class];

	slab->prev = SMI_NONE;
	slab->next = *head;
	if (*head != SMI_NONE)
		smi_slab_of(slabs->runs, *head)->prev = run;
	*head = run;
}

static void list_remove(struct smi_slabs *slabs, uint32_t run)
{
	struct smi_slab *slab = smi_slab_of(slabs->runs, run);

	if (slab->prev != SMI_NONE)
		smi_slab_of(slabs->runs, slab->prev)->next = slab->next;
	else
		slabs->partial[slab->class] = slab->next;
	if (slab->next != SMI_NONE)
		smi_slab_of(slabs->runs, slab->next)->prev = slab->prev;
}

/* ---- Slabs and slots ---------------------------------------------------- */

void smi_slabs_start(struct smi_slabs *slabs, struct smi_runs *runs,
                     struct smi_secrets *secrets, bool check_whole)
{
	slabs->runs = runs;
	slabs->secrets = secrets;
	slabs->check_whole = check_whole;
	for (unsigned class = 0; class < SMI_CLASSES; class++) {
		slabs->partial[class] = SMI_NONE;
		slabs->units[class] = 0;
		for (unsigned extent = 0; extent < SMI_SLAB_EXTENTS; extent++)
			slabs->extents[class][extent] =
				(uint8_t)smi_sizeclass_units(
					class, (enum smi_slab_extent)extent);
	}
}

void smi_slab_open(struct smi_slabs *slabs, uint32_t run, uint32_t units,
                   unsigned class)
{
	struct smi_slab *slab = smi_slab_of(slabs->runs, run);
	size_t bytes = units * SMI_UNIT_BYTES;

	slab->slot_bytes = class == SMI_ALONE ? bytes
	                                      : smi_sizeclass_bytes(class);
	slab->units = units;
	slab->slots = (uint32_t)(bytes / slab->slot_bytes);
	slab->free = slab->slots;
	slab->class = class;
	memset(smi_slab_free_bits(slab), 0,
	       smi_bitmap_words(slab->slots) * sizeof(uint32_t));
	smi_bitmap_set_range(smi_slab_free_bits(slab), 0, slab->slots);
	memset(smi_slab_slacks(slab), 0, slab->slots * sizeof(uint16_t));
	if (class != SMI_ALONE) {
		list_add(slabs, run);
		slabs->units[class] += units;
	}
}

/* S6: record the size of the chunk in a slot and write its canary. */
static void set_chunk(struct smi_slabs *slabs, struct smi_slab *slab,
                      uint32_t slot, unsigned char *start, size_t size)
{
	smi_slab_slacks(slab)[slot] = (uint16_t)(slab->slot_bytes - size + 1);
	smi_canary_write(&slabs->secrets->canary, start, size,
	                 slab->slot_bytes);
}

/* A free slot of a slab at a multiple of `align`, or SMI_NONE. */
static uint32_t aligned_slot(const struct smi_slabs *slabs, uint32_t run,
                             struct smi_slab *slab, size_t align)
{
	const uint32_t *free_bits = smi_slab_free_bits(slab);
	uintptr_t start = smi_runs_address(slabs->runs, run);
	uint32_t slot = smi_bitmap_next_set(free_bits, slab->slots, 0);

	while (slot != SMI_NONE
	       && (start + slot * slab->slot_bytes) % align != 0)
		slot = smi_bitmap_next_set(free_bits, slab->slots, slot + 1);
	return slot;
}

bool smi_slab_find_aligned(const struct smi_slabs *slabs, unsigned class,
                           size_t align, struct smi_spot *spot)
{
	for (; class < SMI_CLASSES; class++) {
		uint32_t run = slabs->partial[class];

		while (run != SMI_NONE) {
			struct smi_slab *slab = smi_slab_of(slabs->runs, run);

			spot->run = run;
			spot->slot = aligned_slot(slabs, run, slab, align);
			if (spot->slot != SMI_NONE)
				return true;
			run = slab->next;
		}
	}
	return false;
}

static uint32_t random_slot(struct smi_slabs *slabs, struct smi_slab *slab)
{
	uint32_t nth = smi_random_below(&slabs->secrets->random, slab->free);

	return smi_bitmap_nth_set(smi_slab_free_bits(slab), slab->slots, nth);
}

bool smi_slab_take(struct smi_slabs *slabs, struct smi_spot spot, size_t size,
                   struct smi_place *place, struct smi_finding *finding)
{
	uint32_t run = spot.run;
	struct smi_slab *slab = smi_slab_of(slabs->runs, run);
	uint32_t slot = spot.slot != SMI_NONE ? spot.slot
	                                      : random_slot(slabs, slab);
	unsigned char *start = smi_slab_slot(slabs->runs, run, slab, slot);

	if (!check_zero(slabs, run, start, slab->slot_bytes, finding))
		return false;
	smi_bitmap_clear(smi_slab_free_bits(slab), slot);
	if (--slab->free == 0 && slab->class != SMI_ALONE)
		list_remove(slabs, run);
	set_chunk(slabs, slab, slot, start, size);
	*place = (struct smi_place){run, slab, slot, start, size};
	return true;
}

void smi_slab_give(struct smi_slabs *slabs, const struct smi_place *place)
{
	struct smi_slab *slab = place->slab;

	smi_wipe(place->start, slab->slot_bytes);
	smi_slab_slacks(slab)[place->slot] = 0;
	smi_bitmap_set(smi_slab_free_bits(slab), place->slot);
	if (slab->free++ == 0 && slab->class != SMI_ALONE)
		list_add(slabs, place->run);
	if (slab->free == slab->slots) {
		if (slab->class != SMI_ALONE) {
			list_remove(slabs, place->run);
			slabs->units[slab->class] -= slab->units;
		}
		smi_runs_give(slabs->runs, place->run, slab->units);
	}
}

void smi_slab_resize(struct smi_slabs *slabs, struct smi_place *place,
                     size_t size)
{
	/* From the smaller size on there are bytes that go or canary: with all
	 * of it wiped, bytes that come are zero too. */
	size_t kept = size < place->size ? size : place->size;

	smi_wipe(place->start + kept, place->slab->slot_bytes - kept);
	set_chunk(slabs, place->slab, place->slot, place->start, size);
	place->size = size;
}

/* Cut the end off a run; its bytes there are canary or chunk. */
static void shrink(struct smi_slabs *slabs, struct smi_place *place,
                   uint32_t units)
{
	struct smi_slab *slab = place->slab;
	size_t bytes = units * SMI_UNIT_BYTES;

	smi_wipe(place->start + bytes, slab->slot_bytes - bytes);
	smi_runs_give(slabs->runs, place->run + units, slab->units - units);
	slab->units = units;
	slab->slot_bytes = bytes;
	if (place->size > bytes)
		place->size = bytes;
}

bool smi_slab_reunit(struct smi_slabs *slabs, struct smi_place *place,
                     uint32_t units, struct smi_finding *finding)
{
	struct smi_slab *slab = place->slab;
	size_t bytes = units * SMI_UNIT_BYTES;
	uint32_t had = slab->units;

	finding->kind = SMI_SOUND;
	if (units <= had) {
		if (units < had)
			shrink(slabs, place, units);
		return true;
	}
	if (!smi_runs_extend(slabs->runs, place->run, had, units - had))
		return false;
	if (!check_zero(slabs, place->run, place->start + slab->slot_bytes,
	                bytes - slab->slot_bytes, finding))
		return false;
	slab->units = units;
	slab->slot_bytes = bytes;
	return true;
}

/* ---- Finding and checking ----------------------------------------------- */

bool smi_slab_find(const struct smi_slabs *slabs, uintptr_t address,
                   struct smi_place *place, struct smi_finding *finding)
{
	const struct smi_pools *pools = slabs->runs->pools;
	size_t offset, at;
	uint32_t pool;
	uint16_t entry;

	*finding = (struct smi_finding){.kind = SMI_SOUND, .pool = SMI_NONE};
	switch (smi_pools_find(pools, address, &pool)) {
	case SMI_PLACE_OUTSIDE:
		finding->kind = SMI_FOREIGN;
		return false;
	case SMI_PLACE_GUARD:
		finding->kind = SMI_IN_GUARD;
		return false;
	case SMI_PLACE_POOL:
		break;
	}
	place->run = smi_runs_find(slabs->runs, pool, address);
	if (place->run == SMI_NONE)
		return smi_slab_found(slabs, pool, finding, SMI_UNALLOCATED,
		                (void *)address, 0, 0);
	place->slab = smi_slab_of(slabs->runs, place->run);
	offset = address - smi_runs_address(slabs->runs, place->run);
	if (offset / place->slab->slot_bytes >= place->slab->slots)
		return smi_slab_found(slabs, pool, finding, SMI_UNALLOCATED,
		                (void *)address, 0, 0);
	place->slot = (uint32_t)(offset / place->slab->slot_bytes);
	place->start = smi_slab_slot(slabs->runs, place->run, place->slab,
	                             place->slot);
	entry = smi_slab_slacks(place->slab)[place->slot];
	at = address - (uintptr_t)place->start;
	if (entry == 0)
		return smi_slab_found(slabs, pool, finding,
		                at == 0 ? SMI_DOUBLE_FREE : SMI_IN_FREE_PLACE,
		                place->start, place->slab->slot_bytes, at);
	place->size = smi_slab_chunk_size(place->slab, entry);
	if (at == 0)
		return true;
	if (at < place->size)
		return smi_slab_found(slabs, pool, finding, SMI_INNER,
		                      place->start, place->size, at);
	return smi_slab_found(slabs, pool, finding, SMI_IN_CANARY, place->start,
	                place->size, at - place->size);
}

/* That the last bytes before `end`, which nobody has, are zero. */
static bool check_free_before(const struct smi_slabs *slabs, uint32_t run,
                              const unsigned char *start, size_t bytes,
                              struct smi_finding *finding)
{
	size_t checked = bytes < BEFORE_BYTES ? bytes : BEFORE_BYTES;
	size_t at = smi_first_nonzero(start + bytes - checked, checked);

	if (at == checked)
		return true;
	return found(slabs, run, finding, SMI_BEFORE_WRITTEN, start, bytes,
	             bytes - checked + at);
}

/* That a slot which lies just before a chunk was not written to at its end. */
static bool check_slot_before(const struct smi_slabs *slabs, uint32_t run,
                              struct smi_slab *slab, uint32_t slot,
                              struct smi_finding *finding)
{
	if (smi_slab_slacks(slab)[slot] != 0)
		return smi_slab_check_canary(slabs, run, slot, SMI_UNDERFLOW,
		                             finding);
	return check_free_before(slabs, run,
	                         smi_slab_slot(slabs->runs, run, slab, slot),
	                         slab->slot_bytes, finding);
}

/* The same for what lies just before a run. */
static bool check_before_run(const struct smi_slabs *slabs, uint32_t run,
                             struct smi_finding *finding)
{
	uint32_t pool = smi_runs_pool(slabs->runs, run), before;
	uintptr_t start = smi_runs_address(slabs->runs, run);
	unsigned char *unit = (unsigned char *)start - SMI_UNIT_BYTES;
	struct smi_slab *slab;
	size_t tail;

	if (start == smi_pools_start(slabs->runs->pools, pool))
		return true;
	before = smi_runs_find(slabs->runs, pool, start - 1);
	if (before == SMI_NONE)
		return check_free_before(slabs, run, unit, SMI_UNIT_BYTES,
		                         finding);
	slab = smi_slab_of(slabs->runs, before);
	tail = slab->units * SMI_UNIT_BYTES - slab->slots * slab->slot_bytes;
	if (tail == 0)
		return check_slot_before(slabs, before, slab, slab->slots - 1,
		                         finding);
	return check_free_before(slabs, run, (unsigned char *)start - tail,
	                         tail, finding);
}

bool smi_slab_check(const struct smi_slabs *slabs,
                    const struct smi_place *place,
                    struct smi_finding *finding)
{
	if (!smi_slab_check_canary(slabs, place->run, place->slot,
	                           SMI_OVERFLOW, finding))
		return false;
	if (place->slot > 0)
		return check_slot_before(slabs, place->run, place->slab,
		                         place->slot - 1, finding);
	return check_before_run(slabs, place->run, finding);
}
