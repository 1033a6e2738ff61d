/*
 * extents.h - free ranges of units, found by their size (pure: never accesses
 *             the memory that it keeps track of)
 *
 * An extent is a range of free units. This module keeps extents in a tree that
 * is ordered by their size and then by their start. So it finds the smallest
 * extent that is large enough, and the lowest of several that are equal, in a
 * number of steps that grows with the logarithm of the number of extents. It
 * never needs memory of its own: a node of the tree is in the notes of the
 * extent's first unit. The tree is a treap (Seidel and Aragon): it is a heap of
 * pseudo-random numbers, too, which keeps it balanced whatever the sizes are.
 *
 * The caller joins adjacent extents, and holds the arena's lock.
 *
 * Invariants:
 *   E1  An extent is in the tree once, and `count` is their number.
 *   E2  free_units is the number of units in all extents, and units_of[k] that
 *       of the extents of 2^k to 2^(k+1) - 1 units.
 *   E3  The last unit of an extent names its first one.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SMI_EXTENTS_H
#define SMI_EXTENTS_H

#include "base/base.h"

#define SMI_ORDERS 32u

/* The notes of a unit: metadata bytes for the module that uses the unit's run,
 * or for this one while the unit is free. */
#define SMI_UNIT_NOTES_BYTES ((size_t)128)

struct smi_extents {
	unsigned char *notes; /* SMI_UNIT_NOTES_BYTES for each unit, owned by
	                         the caller */
	uint32_t root, count;
	uint32_t seed; /* of the heap's numbers */
	size_t free_units;
	size_t units_of[SMI_ORDERS];
};

/* The heap's numbers depend on the address of the notes, which is not known in
 * advance. */
void smi_extents_start(struct smi_extents *extents, unsigned char *notes);

/* Add or remove the extent [start, start + units), units > 0. */
void smi_extents_add(struct smi_extents *extents, uint32_t start,
                     uint32_t units);
void smi_extents_remove(struct smi_extents *extents, uint32_t start,
                        uint32_t units);

/* The number of units of the extent that starts at `start`; and the start of
 * the extent whose last unit is `last`. */
uint32_t smi_extents_units(const struct smi_extents *extents, uint32_t start);
uint32_t smi_extents_start_of(const struct smi_extents *extents, uint32_t last);

/* The first extent in the order of the tree that has more than `units` units,
 * or as many and does not start before `start`; or SMI_NONE. */
uint32_t smi_extents_find(const struct smi_extents *extents, uint32_t units,
                          uint32_t start);

/* The number of units of the largest extent, or 0. */
uint32_t smi_extents_largest(const struct smi_extents *extents);

/* Whether the tree holds the extent that starts at `start`, and E3 holds for
 * it. The tree may be damaged; units before `end` have notes. */
bool smi_extents_hold(const struct smi_extents *extents, uint32_t start,
                      uint32_t end);

#endif /* SMI_EXTENTS_H */
