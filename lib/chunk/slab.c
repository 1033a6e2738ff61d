/*
 * slab.c - slots in a run of units, and the chunks in them
 *
 * SPDX-License-Identifier: ISC
 */
#include "chunk/slab.h"

#include "base/wipe.h"

#include <string.h>

/* ---- Reporting misuse --------------------------------------------------- */

bool smi_slab_found(const struct smi_slabs *slabs, uint32_t pool,
                    struct smi_misuse *misuse, enum smi_misuse_kind kind,
                    const void *place, size_t size, size_t at)
{
	*misuse = (struct smi_misuse){
		.kind = kind,
		.pool = pool,
		.place = (uintptr_t)place,
		.pool_offset = (uintptr_t)place
	                       - smi_pool_start(slabs->runs->pools, pool),
		.size = size,
		.at = at,
	};
	return false;
}

/* Check S5 for memory that is about to be used. */
static bool check_zero(const struct smi_slabs *slabs, uint32_t run,
                       const unsigned char *place, size_t bytes,
                       struct smi_misuse *misuse)
{
	if (smi_slab_reads_zero(slabs, place, bytes))
		return true;
	return smi_slab_found(slabs, smi_run_pool(slabs->runs, run), misuse,
	                      SMI_FREE_WRITTEN, place, bytes,
	                      smi_wipe_first_nonzero(place, bytes));
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

/* Add to taken_bytes (S9), and keep its peak. */
static void count_taken(struct smi_slabs *slabs, size_t bytes)
{
	slabs->taken_bytes += bytes;
	if (slabs->taken_bytes > slabs->taken_peak)
		slabs->taken_peak = slabs->taken_bytes;
}

/* ---- Slabs and slots ---------------------------------------------------- */

void smi_slab_start(struct smi_slabs *slabs, struct smi_runs *runs,
                    struct smi_secrets *secrets, bool check_whole)
{
	slabs->runs = runs;
	slabs->secrets = secrets;
	slabs->check_whole = check_whole;
	slabs->taken_bytes = 0;
	slabs->taken_peak = 0;
	for (size_t bytes = SMI_ALIGN_BYTES; bytes <= SMI_SLOT_MOST_BYTES;
	     bytes += SMI_ALIGN_BYTES)
		slabs->class_of[bytes / SMI_ALIGN_BYTES] =
			(uint8_t)smi_sizeclass_of(bytes);
	for (unsigned class = 0; class < SMI_CLASSES; ++class) {
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

	if (class == SMI_ALONE) {
		slab->slot_bytes = bytes;
		slab->inverse = 0;
	} else {
		slab->slot_bytes = smi_sizeclass_bytes(class);
		slab->inverse = smi_slab_inverse(slab->slot_bytes);
	}
	slab->units = units;
	slab->slots = (uint32_t)(bytes / slab->slot_bytes);
	slab->free = slab->slots;
	slab->class = (uint16_t) class;
	slab->home = SMI_NO_HOME;
	memset(smi_slab_free_bits(slab), 0,
	       smi_bitmap_words(slab->slots) * sizeof(uint32_t));
	smi_bitmap_set_range(smi_slab_free_bits(slab), 0, slab->slots);
	for (uint32_t slot = 0; slot <= slab->slots; slot++)
		smi_slab_set_entry(slab, slot, SMI_ENTRY_FREE);
	if (class != SMI_ALONE) {
		list_add(slabs, run);
		slabs->units[class] += units;
	}
}

/* Record the size of the chunk in a slot and write its canary (S6). */
static void set_chunk(const struct smi_slabs *slabs, struct smi_slab *slab,
                      uint32_t slot, unsigned char *start, size_t size)
{
	smi_canary_write(&slabs->secrets->canary, start, size,
	                 slab->slot_bytes);
	smi_slab_set_entry(slab, slot,
	                   smi_slab_chunk_entry(slab->slot_bytes, size));
}

/* A free slot of a slab that is aligned to `align`, or SMI_NONE. */
static uint32_t aligned_slot(const struct smi_slabs *slabs, uint32_t run,
                             struct smi_slab *slab, size_t align)
{
	const uint32_t *free_bits = smi_slab_free_bits(slab);
	uintptr_t start = smi_run_address(slabs->runs, run);
	uint32_t slot = smi_bitmap_next_set(free_bits, slab->slots, 0);

	while (slot != SMI_NONE
	       && (start + slot * slab->slot_bytes) % align != 0)
		slot = smi_bitmap_next_set(free_bits, slab->slots, slot + 1);
	return slot;
}

bool smi_slab_find_aligned(const struct smi_slabs *slabs, unsigned class,
                           size_t align, struct smi_vacancy *vacancy)
{
	for (; class < SMI_CLASSES; ++class) {
		uint32_t run = slabs->partial[class];

		while (run != SMI_NONE) {
			struct smi_slab *slab = smi_slab_of(slabs->runs, run);

			vacancy->run = run;
			vacancy->slot = aligned_slot(slabs, run, slab, align);
			if (vacancy->slot != SMI_NONE)
				return true;
			run = slab->next;
		}
	}
	return false;
}

/*
 * A free slot at random. The first slot of the slab is used only if no other is
 * free: its neighbour is in another slab, perhaps another thread's, so that
 * checking it takes longer (slab_check.c).
 */
static uint32_t random_slot(struct smi_slabs *slabs, struct smi_slab *slab)
{
	const uint32_t *free_bits = smi_slab_free_bits(slab);
	uint32_t first = smi_bitmap_get(free_bits, 0) ? 1 : 0;
	uint32_t others = slab->free - first;

	if (others == 0)
		return 0;
	return smi_bitmap_nth_set(
		free_bits, slab->slots,
		first + smi_random_below(&slabs->secrets->random, others));
}

/* Mark a slot as not free. The caller sets its entry. */
static void take_slot(struct smi_slabs *slabs, uint32_t run,
                      struct smi_slab *slab, uint32_t slot)
{
	smi_bitmap_clear(smi_slab_free_bits(slab), slot);
	if (--slab->free == 0 && slab->class != SMI_ALONE)
		list_remove(slabs, run);
	count_taken(slabs, slab->slot_bytes);
}

bool smi_slab_take(struct smi_slabs *slabs, struct smi_vacancy vacancy,
                   size_t size, struct smi_place *place,
                   struct smi_misuse *misuse)
{
	uint32_t run = vacancy.run;
	struct smi_slab *slab = smi_slab_of(slabs->runs, run);
	uint32_t slot = vacancy.slot != SMI_NONE ? vacancy.slot
	                                         : random_slot(slabs, slab);
	unsigned char *start = smi_slab_slot(slabs->runs, run, slab, slot);

	if (!check_zero(slabs, run, start, slab->slot_bytes, misuse))
		return false;
	take_slot(slabs, run, slab, slot);
	set_chunk(slabs, slab, slot, start, size);
	*place = (struct smi_place){run, slot, slab, start, size};
	return true;
}

uint32_t smi_slab_lend(struct smi_slabs *slabs, uint32_t run, uint32_t most,
                       struct smi_lent *to)
{
	struct smi_slab *slab = smi_slab_of(slabs->runs, run);
	uint32_t count = most < slab->free ? most : slab->free;

	for (uint32_t i = 0; i < count; i++) {
		uint32_t slot = random_slot(slabs, slab);

		take_slot(slabs, run, slab, slot);
		smi_slab_set_entry(slab, slot, SMI_ENTRY_CACHED);
		to[i].start = smi_slab_slot(slabs->runs, run, slab, slot);
		__builtin_prefetch(to[i].start, 1);
		to[i].entry = &smi_slab_entries(slab)[slot];
	}
	return count;
}

/* Give back the run of a slab that has only free slots. */
static void close_slab(struct smi_slabs *slabs, uint32_t run,
                       struct smi_slab *slab)
{
	if (slab->class != SMI_ALONE) {
		list_remove(slabs, run);
		slabs->units[slab->class] -= slab->units;
	}
	smi_run_give(slabs->runs, run, slab->units);
}

void smi_slab_return(struct smi_slabs *slabs, const struct smi_place *place)
{
	struct smi_slab *slab = place->slab;

	smi_slab_set_entry(slab, place->slot, SMI_ENTRY_FREE);
	smi_bitmap_set(smi_slab_free_bits(slab), place->slot);
	slabs->taken_bytes -= slab->slot_bytes;
	if (slab->free++ == 0 && slab->class != SMI_ALONE)
		list_add(slabs, place->run);
	if (slab->free == slab->slots)
		close_slab(slabs, place->run, slab);
}

void smi_slab_give(struct smi_slabs *slabs, const struct smi_place *place)
{
	smi_wipe_granules(place->start, place->slab->slot_bytes);
	smi_slab_return(slabs, place);
}

void smi_slab_resize(const struct smi_slabs *slabs, struct smi_place *place,
                     size_t size)
{
	/* Past the smaller of the two sizes there are only canary and bytes
	 * that are cut off. Wipe all of it, so that bytes that are added are
	 * zero. */
	size_t kept = size < place->size ? size : place->size;

	smi_wipe_bytes(place->start + kept, place->slab->slot_bytes - kept);
	set_chunk(slabs, place->slab, place->slot, place->start, size);
	place->size = size;
}

/* Cut the end off a run. The end holds only canary or bytes of the chunk. */
static void shrink(struct smi_slabs *slabs, struct smi_place *place,
                   uint32_t units)
{
	struct smi_slab *slab = place->slab;
	size_t bytes = units * SMI_UNIT_BYTES;

	smi_wipe_bytes(place->start + bytes, slab->slot_bytes - bytes);
	smi_run_give(slabs->runs, place->run + units, slab->units - units);
	slabs->taken_bytes -= slab->slot_bytes - bytes;
	slab->units = units;
	slab->slot_bytes = bytes;
	if (place->size > bytes)
		place->size = bytes;
}

bool smi_slab_reunit(struct smi_slabs *slabs, struct smi_place *place,
                     uint32_t units, struct smi_misuse *misuse)
{
	struct smi_slab *slab = place->slab;
	size_t bytes = units * SMI_UNIT_BYTES;
	uint32_t had = slab->units;

	misuse->kind = SMI_SOUND;
	if (units <= had) {
		if (units < had)
			shrink(slabs, place, units);
		return true;
	}
	if (!smi_run_extend(slabs->runs, place->run, had, units - had))
		return false;
	if (!check_zero(slabs, place->run, place->start + slab->slot_bytes,
	                bytes - slab->slot_bytes, misuse))
		return false;
	count_taken(slabs, bytes - slab->slot_bytes);
	slab->units = units;
	slab->slot_bytes = bytes;
	return true;
}

bool smi_slab_slide(struct smi_slabs *slabs, struct smi_place *place,
                    uint32_t units, struct smi_misuse *misuse)
{
	unsigned char *from = place->start, *start;
	size_t had = place->slab->slot_bytes, bytes = units * SMI_UNIT_BYTES;
	size_t before, after;
	uint32_t run = smi_run_widen(slabs->runs, place->run,
	                             place->slab->units, units);

	misuse->kind = SMI_SOUND;
	if (run == SMI_NONE)
		return false;
	start = (unsigned char *)smi_run_address(slabs->runs, run);
	before = (size_t)(from - start);
	after = bytes - before - had;
	if (!check_zero(slabs, run, start, before, misuse)
	    || (after > 0
	        && !check_zero(slabs, run, from + had, after, misuse)))
		return false;
	memmove(start, from, place->size);
	smi_slab_open(slabs, run, units, SMI_ALONE);
	*place = (struct smi_place){run, 0, smi_slab_of(slabs->runs, run),
	                            start, place->size};
	place->slab->free = 0;
	smi_bitmap_clear(smi_slab_free_bits(place->slab), 0);
	count_taken(slabs, bytes - had);
	return true;
}
