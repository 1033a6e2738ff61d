/*
 * slab.c - slots in a run of units, and the chunks in them
 *
 * SPDX-License-Identifier: ISC
 */
#include "slab.h"

#include "bitmap.h"
#include "wipe.h"

#include <string.h>

/* How much of free memory just before a chunk is checked: what an underflow by
 * a few bytes reaches. */
#define BEFORE_BYTES ((size_t)16)

/* The most slots that a unit can have decides how large its notes must be. */
_Static_assert(SMI_UNIT_BYTES / SMI_ALIGN_BYTES == SMI_WORD_BITS,
               "a unit's slots fill one word of the bitmap");
_Static_assert(sizeof(struct smi_slab) + SMI_WORD_BITS / 8
               + SMI_WORD_BITS * sizeof(uint16_t) <= SMI_UNIT_NOTES_BYTES,
               "the notes of a unit hold the metadata of its slots");
_Static_assert(SMI_SLOT_MOST_BYTES + SMI_UNIT_BYTES < UINT16_MAX,
               "the slack of a chunk fits 16 bits");

static struct smi_slab *slab_of(const struct smi_slabs *slabs, uint32_t run)
{
	return smi_runs_notes(slabs->runs, run);
}

static uint32_t *free_bits(struct smi_slab *slab)
{
	return (uint32_t *)(void *)(slab + 1);
}

static uint16_t *slack_entries(struct smi_slab *slab)
{
	return (uint16_t *)(void *)(free_bits(slab)
	                            + smi_bitmap_words(slab->slots));
}

static unsigned char *slot_start(const struct smi_slabs *slabs, uint32_t run,
                                 const struct smi_slab *slab, uint32_t slot)
{
	return (unsigned char *)smi_runs_address(slabs->runs, run)
	       + slot * slab->slot_bytes;
}

/* The size of the chunk in a slot whose entry is not 0. */
static size_t chunk_size(const struct smi_slab *slab, uint16_t entry)
{
	return slab->slot_bytes - (size_t)(entry - 1);
}

/* ---- Findings ----------------------------------------------------------- */

/* Fill in a finding about `place`, an address in the pool of a run. */
static bool found_in(const struct smi_slabs *slabs, uint32_t pool,
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
	return found_in(slabs, smi_runs_pool(slabs->runs, run), finding, kind,
	                place, size, at);
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

/* S6 for the chunk in a slot; `kind` says what a broken canary means here. */
static bool check_canary(const struct smi_slabs *slabs, uint32_t run,
                         struct smi_slab *slab, uint32_t slot,
                         enum smi_finding_kind kind,
                         struct smi_finding *finding)
{
	const unsigned char *start = slot_start(slabs, run, slab, slot);
	size_t size = chunk_size(slab, slack_entries(slab)[slot]);
	size_t at = smi_canary_check(&slabs->secrets->canary, start, size,
	                             slab->slot_bytes);

	if (at == SIZE_MAX)
		return true;
	return found(slabs, run, finding, kind, start, size, at);
}

/* ---- Lists -------------------------------------------------------------- */

static void list_add(struct smi_slabs *slabs, uint32_t run)
{
	struct smi_slab *slab = slab_of(slabs, run);
	uint32_t *head = &slabs->partial[slab->class];

	slab->prev = SMI_NONE;
	slab->next = *head;
	if (*head != SMI_NONE)
		slab_of(slabs, *head)->prev = run;
	*head = run;
}

static void list_remove(struct smi_slabs *slabs, uint32_t run)
{
	struct smi_slab *slab = slab_of(slabs, run);

	if (slab->prev != SMI_NONE)
		slab_of(slabs, slab->prev)->next = slab->next;
	else
		slabs->partial[slab->class] = slab->next;
	if (slab->next != SMI_NONE)
		slab_of(slabs, slab->next)->prev = slab->prev;
}

/* ---- Slabs and slots ---------------------------------------------------- */

void smi_slabs_start(struct smi_slabs *slabs, struct smi_runs *runs,
                     struct smi_secrets *secrets, bool check_whole)
{
	slabs->runs = runs;
	slabs->secrets = secrets;
	slabs->check_whole = check_whole;
	for (unsigned class = 0; class < SMI_CLASSES; class++)
		slabs->partial[class] = SMI_NONE;
	memset(slabs->units, 0, sizeof(slabs->units));
}

void smi_slab_open(struct smi_slabs *slabs, uint32_t run, uint32_t units,
                   unsigned class)
{
	struct smi_slab *slab = slab_of(slabs, run);
	size_t bytes = units * SMI_UNIT_BYTES;

	slab->slot_bytes = class == SMI_ALONE ? bytes
	                                      : smi_sizeclass_bytes(class);
	slab->units = units;
	slab->slots = (uint32_t)(bytes / slab->slot_bytes);
	slab->free = slab->slots;
	slab->class = class;
	memset(free_bits(slab), 0,
	       smi_bitmap_words(slab->slots) * sizeof(uint32_t));
	smi_bitmap_set_range(free_bits(slab), 0, slab->slots);
	memset(slack_entries(slab), 0, slab->slots * sizeof(uint16_t));
	if (class != SMI_ALONE) {
		list_add(slabs, run);
		slabs->units[class] += units;
	}
}

/* S6: record the size of the chunk in a slot and write its canary. */
static void set_chunk(struct smi_slabs *slabs, struct smi_slab *slab,
                      uint32_t slot, unsigned char *start, size_t size)
{
	slack_entries(slab)[slot] = (uint16_t)(slab->slot_bytes - size + 1);
	smi_canary_write(&slabs->secrets->canary, start, size,
	                 slab->slot_bytes);
}

/* A free slot of a slab at a multiple of `align`, or SMI_NONE. */
static uint32_t aligned_slot(const struct smi_slabs *slabs, uint32_t run,
                             struct smi_slab *slab, size_t align)
{
	uint32_t slot = smi_bitmap_next_set(free_bits(slab), slab->slots, 0);

	while (slot != SMI_NONE
	       && (uintptr_t)slot_start(slabs, run, slab, slot) % align != 0)
		slot = smi_bitmap_next_set(free_bits(slab), slab->slots,
		                           slot + 1);
	return slot;
}

bool smi_slab_find_aligned(const struct smi_slabs *slabs, unsigned class,
                           size_t align, struct smi_spot *spot)
{
	for (; class < SMI_CLASSES; class++)
		for (spot->run = slabs->partial[class]; spot->run != SMI_NONE;
		     spot->run = slab_of(slabs, spot->run)->next) {
			spot->slot = aligned_slot(slabs, spot->run,
			                          slab_of(slabs, spot->run),
			                          align);
			if (spot->slot != SMI_NONE)
				return true;
		}
	return false;
}

static uint32_t random_slot(struct smi_slabs *slabs, struct smi_slab *slab)
{
	uint32_t nth = smi_random_below(&slabs->secrets->random, slab->free);

	return smi_bitmap_nth_set(free_bits(slab), slab->slots, nth);
}

bool smi_slab_take(struct smi_slabs *slabs, struct smi_spot spot, size_t size,
                   struct smi_place *place, struct smi_finding *finding)
{
	uint32_t run = spot.run;
	struct smi_slab *slab = slab_of(slabs, run);
	uint32_t slot = spot.slot != SMI_NONE ? spot.slot
	                                      : random_slot(slabs, slab);
	unsigned char *start = slot_start(slabs, run, slab, slot);

	if (!check_zero(slabs, run, start, slab->slot_bytes, finding))
		return false;
	smi_bitmap_clear(free_bits(slab), slot);
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
	slack_entries(slab)[place->slot] = 0;
	smi_bitmap_set(free_bits(slab), place->slot);
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
		return found_in(slabs, pool, finding, SMI_UNALLOCATED,
		                (void *)address, 0, 0);
	place->slab = slab_of(slabs, place->run);
	offset = address - smi_runs_address(slabs->runs, place->run);
	if (offset / place->slab->slot_bytes >= place->slab->slots)
		return found_in(slabs, pool, finding, SMI_UNALLOCATED,
		                (void *)address, 0, 0);
	place->slot = (uint32_t)(offset / place->slab->slot_bytes);
	place->start = slot_start(slabs, place->run, place->slab, place->slot);
	entry = slack_entries(place->slab)[place->slot];
	at = address - (uintptr_t)place->start;
	if (entry == 0)
		return found_in(slabs, pool, finding,
		                at == 0 ? SMI_DOUBLE_FREE : SMI_IN_FREE_PLACE,
		                place->start, place->slab->slot_bytes, at);
	place->size = chunk_size(place->slab, entry);
	if (at == 0)
		return true;
	if (at < place->size)
		return found_in(slabs, pool, finding, SMI_INNER, place->start,
		                place->size, at);
	return found_in(slabs, pool, finding, SMI_IN_CANARY, place->start,
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
	if (slack_entries(slab)[slot] != 0)
		return check_canary(slabs, run, slab, slot, SMI_UNDERFLOW,
		                    finding);
	return check_free_before(slabs, run, slot_start(slabs, run, slab, slot),
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
	slab = slab_of(slabs, before);
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
	if (!check_canary(slabs, place->run, place->slab, place->slot,
	                  SMI_OVERFLOW, finding))
		return false;
	if (place->slot > 0)
		return check_slot_before(slabs, place->run, place->slab,
		                         place->slot - 1, finding);
	return check_before_run(slabs, place->run, finding);
}

/* ---- Audit -------------------------------------------------------------- */

static bool inconsistent(struct smi_finding *finding, uint32_t pool,
                         const char *invariant)
{
	*finding = (struct smi_finding){
		.kind = SMI_INCONSISTENT,
		.pool = pool,
		.invariant = invariant,
	};
	return false;
}

/* S5 for all bytes of free memory. */
static bool audit_zero(const struct smi_slabs *slabs, uint32_t pool,
                       const unsigned char *start, size_t bytes,
                       struct smi_finding *finding)
{
	size_t at = smi_first_nonzero(start, bytes);

	if (at == bytes)
		return true;
	return found_in(slabs, pool, finding, SMI_FREE_WRITTEN, start, bytes,
	                at);
}

/* S1, S5 and S6 for one slot. */
static bool audit_slot(const struct smi_slabs *slabs, uint32_t run,
                       struct smi_slab *slab, uint32_t slot,
                       struct smi_slab_sums *sums,
                       struct smi_finding *finding)
{
	uint32_t pool = smi_runs_pool(slabs->runs, run);
	uint16_t entry = slack_entries(slab)[slot];

	if (smi_bitmap_get(free_bits(slab), slot) != (entry == 0))
		return inconsistent(finding, pool,
		                    "S1: a slot is free and not");
	if (entry == 0)
		return audit_zero(slabs, pool,
		                  slot_start(slabs, run, slab, slot),
		                  slab->slot_bytes, finding);
	if ((size_t)(entry - 1) > slab->slot_bytes
	    || (size_t)(entry - 1) < SMI_CANARY_LEAST_BYTES)
		return inconsistent(finding, pool, "S1: a slack is off");
	sums->chunks++;
	sums->chunk_bytes += chunk_size(slab, entry);
	sums->place_bytes += slab->slot_bytes;
	return check_canary(slabs, run, slab, slot, SMI_OVERFLOW, finding);
}

/* S3: whether the neighbours in the list agree. */
static bool is_listed(const struct smi_slabs *slabs, uint32_t run,
                      const struct smi_slab *slab)
{
	uint32_t back = slab->prev == SMI_NONE
	                        ? slabs->partial[slab->class]
	                        : slab_of(slabs, slab->prev)->next;

	return back == run
	       && (slab->next == SMI_NONE
	           || slab_of(slabs, slab->next)->prev == run);
}

static bool audit_slab(const struct smi_slabs *slabs, uint32_t run,
                       struct smi_slab_sums *sums,
                       struct smi_finding *finding)
{
	uint32_t pool = smi_runs_pool(slabs->runs, run);
	struct smi_slab *slab = slab_of(slabs, run);
	size_t used = slab->slots * slab->slot_bytes;

	if (smi_bitmap_count(free_bits(slab), slab->slots) != slab->free)
		return inconsistent(finding, pool,
		                    "S2: a count of free slots is off");
	if (slab->free == slab->slots)
		return inconsistent(finding, pool, "S4: a slab is all free");
	if (slab->class != SMI_ALONE && slab->free > 0
	    && !is_listed(slabs, run, slab))
		return inconsistent(finding, pool,
		                    "S3: a slab is not in its list");
	for (uint32_t slot = 0; slot < slab->slots; slot++)
		if (!audit_slot(slabs, run, slab, slot, sums, finding))
			return false;
	return audit_zero(slabs, pool, slot_start(slabs, run, slab, 0) + used,
	                  slab->units * SMI_UNIT_BYTES - used, finding);
}

bool smi_slab_audit(const struct smi_slabs *slabs, uint32_t pool,
                    struct smi_slab_sums *sums, struct smi_finding *finding)
{
	uintptr_t start = smi_pools_start(slabs->runs->pools, pool);
	size_t bytes = slabs->runs->pools->table[pool].bytes, at = 0;

	while (at < bytes) {
		uint32_t run = smi_runs_find(slabs->runs, pool, start + at);

		if (run == SMI_NONE) {
			if (!audit_zero(slabs, pool,
			                (unsigned char *)start + at,
			                SMI_UNIT_BYTES, finding))
				return false;
			at += SMI_UNIT_BYTES;
			continue;
		}
		if (!audit_slab(slabs, run, sums, finding))
			return false;
		at += slab_of(slabs, run)->units * SMI_UNIT_BYTES;
	}
	return true;
}

bool smi_slab_audit_lists(const struct smi_slabs *slabs,
                          struct smi_finding *finding)
{
	for (unsigned class = 0; class < SMI_CLASSES; class++) {
		uint32_t run = slabs->partial[class];

		while (run != SMI_NONE) {
			const struct smi_slab *slab = slab_of(slabs, run);

			if (slab->class != class || slab->free == 0
			    || !is_listed(slabs, run, slab))
				return inconsistent(
					finding,
					smi_runs_pool(slabs->runs, run),
					"S3: a list holds the wrong slab");
			run = slab->next;
		}
	}
	return true;
}
