/*
 * placement.c - where in the existing pools a chunk can go
 *
 * SPDX-License-Identifier: ISC
 */
#include "chunk/placement.h"

/* How many slabs of a list are searched for one with the right home. */
#define SEARCH_MOST 8

/*
 * There is plenty of room while a large slab is at most one part in ROOMY_PARTS
 * of the pools and more than half of the units are free. What slabs have to
 * spare must be in proportion to what is in use, too: LOOSE_BYTES and one part
 * in LOOSE_PARTS of it. Otherwise a few chunks would take as much as a large
 * arena lets them, and say nothing about how small an arena can be.
 */
#define ROOMY_PARTS ((size_t)256)
#define LOOSE_PARTS ((size_t)8)
#define LOOSE_BYTES ((size_t)64 * 1024)

/* Whether there is enough room for a class to have large slabs, and for each
 * thread to have slabs of its own. */
static bool is_roomy(const struct smi_slabs *slabs, unsigned class)
{
	size_t units = slabs->runs->pools->bytes >> SMI_UNIT_SHIFT;
	size_t free_units = slabs->runs->extents.free_units;
	size_t bytes = (units - free_units) << SMI_UNIT_SHIFT;

	return slabs->extents[class][SMI_SLAB_LARGE] <= units / ROOMY_PARTS
	       && free_units > units / 2
	       && bytes - slabs->taken_bytes
	                  <= LOOSE_BYTES + bytes / LOOSE_PARTS;
}

/* Open a new slab of a class, or return SMI_NONE. */
static uint32_t open_slab(struct smi_slabs *slabs, unsigned class)
{
	const uint8_t *units_of = slabs->extents[class];
	unsigned extent = is_roomy(slabs, class) ? SMI_SLAB_LARGE
	                  : slabs->units[class] >= units_of[SMI_SLAB_FULL]
	                          ? SMI_SLAB_FULL
	                          : SMI_SLAB_SMALL;
	uint32_t run;

	for (;; extent--) {
		run = smi_run_take(slabs->runs, units_of[extent], 0);
		if (run != SMI_NONE)
			break;
		if (extent == SMI_SLAB_LEAST)
			return SMI_NONE;
	}
	smi_slab_open(slabs, run, units_of[extent], class);
	return run;
}

/* A slab of the list whose home is `home` or not set yet, or SMI_NONE. */
static uint32_t slab_at_home(struct smi_slabs *slabs, unsigned class,
                             uint16_t home)
{
	uint32_t run = smi_slab_partial(slabs, class);

	for (int i = 0; i < SEARCH_MOST && run != SMI_NONE; i++) {
		struct smi_slab *slab = smi_slab_of(slabs->runs, run);

		if (slab->home == home || slab->home == SMI_NO_HOME)
			return run;
		run = slab->next;
	}
	return SMI_NONE;
}

uint32_t smi_placement_find_slab(struct smi_slabs *slabs, unsigned class,
                                 uint16_t home)
{
	uint32_t partial = smi_slab_partial(slabs, class), run = partial;

	if (home != SMI_NO_HOME && partial != SMI_NONE) {
		run = slab_at_home(slabs, class, home);
		if (run == SMI_NONE && !is_roomy(slabs, class))
			run = partial;
	}
	if (run == SMI_NONE)
		run = open_slab(slabs, class);
	if (run == SMI_NONE)
		return partial;
	if (home != SMI_NO_HOME)
		smi_slab_of(slabs->runs, run)->home = home;
	return run;
}

void smi_placement_needs(const struct smi_slabs *slabs, size_t align,
                         size_t bytes, uint32_t *units, unsigned *align_order)
{
	unsigned class = smi_sizeclass_aligned(bytes, align);
	size_t all = slabs->runs->pools->geometry.reserve_bytes;

	*align_order = 0;
	if (class < SMI_CLASSES) {
		*units = slabs->extents[class][SMI_SLAB_LEAST];
		return;
	}
	if (align > SMI_UNIT_BYTES)
		*align_order = smi_log2_ceil(align >> SMI_UNIT_SHIFT);
	/* So the number of units fits 32 bits. */
	*units = (uint32_t)smi_units_for(bytes < all ? bytes : all);
}

/* Take a run of its own for `bytes`, or return SMI_NONE. */
static uint32_t run_alone(struct smi_slabs *slabs, size_t align, size_t bytes)
{
	uint32_t units, run;
	unsigned align_order;

	smi_placement_needs(slabs, align, bytes, &units, &align_order);
	run = smi_run_take(slabs->runs, units, align_order);
	if (run != SMI_NONE)
		smi_slab_open(slabs, run, units, SMI_ALONE);
	return run;
}

bool smi_placement_find(struct smi_slabs *slabs, size_t align, size_t bytes,
                        struct smi_vacancy *vacancy)
{
	unsigned class = smi_sizeclass_aligned(bytes, align);

	vacancy->slot = SMI_NONE;
	vacancy->run = class < SMI_CLASSES
	                       ? smi_placement_find_slab(slabs, class,
	                                                 SMI_NO_HOME)
	                       : run_alone(slabs, align, bytes);
	return vacancy->run != SMI_NONE;
}

bool smi_placement_find_larger(struct smi_slabs *slabs, size_t align,
                               size_t bytes, struct smi_vacancy *vacancy)
{
	unsigned class = smi_sizeclass_aligned(bytes, align);

	vacancy->slot = SMI_NONE;
	while (++class < SMI_CLASSES) {
		vacancy->run = smi_slab_partial(slabs, class);
		if (vacancy->run != SMI_NONE
		    && smi_sizeclass_bytes(class) % align == 0)
			return true;
	}
	return align > SMI_ALIGN_BYTES && bytes <= SMI_SLOT_MOST_BYTES
	       && smi_slab_find_aligned(slabs, smi_sizeclass_of(bytes), align,
	                                vacancy);
}
