/*
 * sizeclass.c - the sizes of slots
 *
 * SPDX-License-Identifier: ISC
 */
#include "chunk/sizeclass.h"

/* A full slab is at most 16 KiB, so that the last chunk of a class pins little
 * memory. */
#define FULL_MOST_UNITS 32u

/* The least number of slots in a large slab. The first slot of a slab should be
 * rare, because checking what lies before it takes longer. */
#define LARGE_SLOTS ((size_t)16)

/* The tail is at most one part in this many of a slab. */
#define FULL_PARTS  ((size_t)128)
#define SMALL_PARTS ((size_t)12)

unsigned smi_sizeclass_aligned(size_t bytes, size_t align)
{
	unsigned class;

	if (bytes > SMI_SLOT_MOST_BYTES || align > SMI_UNIT_BYTES)
		return SMI_CLASSES;
	class = smi_sizeclass_of(bytes);
	while (class < SMI_CLASSES && smi_sizeclass_bytes(class) % align != 0)
		++class;
	return class;
}

/* The least number of units with at least `slots` slots, of which at most one
 * part in `parts` is tail; 0 if there is none. */
static uint32_t fewest_units(size_t slot_bytes, size_t slots, size_t parts)
{
	for (uint32_t units = (uint32_t)smi_units_for(slots * slot_bytes);
	     units <= FULL_MOST_UNITS; units++) {
		size_t bytes = units * SMI_UNIT_BYTES;

		if (bytes % slot_bytes * parts <= bytes)
			return units;
	}
	return 0;
}

/* The number of units of which the smallest part is tail. */
static uint32_t least_tail(size_t slot_bytes)
{
	uint32_t best = (uint32_t)smi_units_for(slot_bytes);

	for (uint32_t units = best; units <= FULL_MOST_UNITS; units++)
		/* Compare the tails as fractions of the slabs, without
		 * dividing. */
		if (units * SMI_UNIT_BYTES % slot_bytes * best
		    < best * SMI_UNIT_BYTES % slot_bytes * units)
			best = units;
	return best;
}

uint32_t smi_sizeclass_units(unsigned class, enum smi_slab_extent extent)
{
	size_t slot_bytes = smi_sizeclass_bytes(class);

	uint32_t units = 0;

	switch (extent) {
	case SMI_SLAB_LARGE:
		units = fewest_units(slot_bytes, LARGE_SLOTS, FULL_PARTS);
		if (units != 0)
			break;
		/* fall through */
	case SMI_SLAB_FULL:
		units = fewest_units(slot_bytes, 1, FULL_PARTS);
		break;
	case SMI_SLAB_SMALL:
		units = fewest_units(slot_bytes, 1, SMALL_PARTS);
		break;
	case SMI_SLAB_LEAST:
	default:
		return (uint32_t)smi_units_for(slot_bytes);
	}
	return units != 0 ? units : least_tail(slot_bytes);
}
