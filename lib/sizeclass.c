/*
 * sizeclass.c - the sizes of slots
 *
 * SPDX-License-Identifier: ISC
 */
#include "sizeclass.h"

/* A full slab is at most 16 KiB: the last one of a class then pins little. */
#define FULL_MOST_UNITS 32u

/* At most one part in so many is tail. */
#define FULL_PARTS ((size_t)128)
#define SMALL_PARTS ((size_t)12)

unsigned smi_sizeclass_aligned(size_t bytes, size_t align)
{
	unsigned class;

	if (bytes > SMI_SLOT_MOST_BYTES || align > SMI_UNIT_BYTES)
		return SMI_CLASSES;
	class = smi_sizeclass_of(bytes);
	while (class < SMI_CLASSES && smi_sizeclass_bytes(class) % align != 0)
		class++;
	return class;
}

/*
 * The fewest units of which at most one part in `parts` is tail, or those with
 * the smallest part.
 */
static uint32_t fewest_units(size_t slot_bytes, size_t parts)
{
	uint32_t best = 0;
	size_t best_tail = SIZE_MAX;

	for (uint32_t units = (uint32_t)smi_units_for(slot_bytes);
	     units <= FULL_MOST_UNITS; units++) {
		size_t total = units * SMI_UNIT_BYTES;
		/* In millionths of the total. */
		size_t tail = total % slot_bytes * 1000000 / total;

		if (tail * parts <= 1000000)
			return units;
		if (tail < best_tail) {
			best = units;
			best_tail = tail;
		}
	}
	return best;
}

uint32_t smi_sizeclass_units(unsigned class, enum smi_slab_extent extent)
{
	size_t slot_bytes = smi_sizeclass_bytes(class);

	switch (extent) {
	case SMI_SLAB_FULL:
		return fewest_units(slot_bytes, FULL_PARTS);
	case SMI_SLAB_SMALL:
		return fewest_units(slot_bytes, SMALL_PARTS);
	case SMI_SLAB_LEAST:
	default:
		return (uint32_t)smi_units_for(slot_bytes);
	}
}
