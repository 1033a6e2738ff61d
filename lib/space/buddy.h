/*
 * buddy.h - blocks of 2^k units (pure: never accesses the memory it hands out)
 *
 * Keeps the free units of one pool as blocks of 2^k units at multiples of 2^k,
 * with one bitmap for each k (Knowlton's buddy system). The number of units in
 * a pool need not be a power of two. This module hands out and takes back runs:
 * any adjacent units, whatever blocks they are cut from.
 *
 * Runs are half-open: [start, start + units). The caller holds the arena's lock
 * and keeps track of the runs it took. It gives back only what it took, in
 * whole or in part.
 *
 * Invariants:
 *   B1  A unit is free iff its bit in free_map is set, and iff exactly one free
 *       block holds it.
 *   B2  No two free blocks are buddies: they would have been joined.
 *   B3  count[k] is the number of bits set in map[k], and free_units the number
 *       of bits set in free_map.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SMI_BUDDY_H
#define SMI_BUDDY_H

#include "base/base.h"
#include "base/bitmap.h"

#define SMI_ORDERS 32u

struct smi_buddy {
	uint32_t units;
	uint32_t free_units;
	unsigned orders; /* blocks have orders 0 .. orders - 1 */
	uint32_t count[SMI_ORDERS];
	uint32_t *sums;            /* counts of several pools, owned by the
	                              caller */
	uint32_t *map[SMI_ORDERS]; /* bit i: the block at i << k is free */
	uint32_t *free_map;        /* bit u: unit u is free */
};

/* How many bytes of bitmaps `units` units need. */
size_t smi_buddy_map_bytes(uint32_t units);

/* Start with all `units` units (> 0) free. `maps` is zeroed memory of
 * smi_buddy_map_bytes(units), aligned to 4 bytes. From then on each change of
 * count[k] is made to sums[k], too, which has SMI_ORDERS entries. */
void smi_buddy_start(struct smi_buddy *buddy, uint32_t units, uint32_t *sums,
                     void *maps);

/* The order of the largest free block, or -1. */
int smi_buddy_largest(const struct smi_buddy *buddy);

/*
 * Take a run of `units` (> 0) that starts at a multiple of 2^align_order. A
 * power of two of units is cut from the smallest free block that holds it. Any
 * other number, or a power of two that no free block holds, is taken at the
 * lowest address with enough adjacent free units. Returns the start of the run,
 * or SMI_NONE if no such run is free.
 */
uint32_t smi_buddy_take(struct smi_buddy *buddy, uint32_t units,
                        unsigned align_order);

/*
 * The least order, at least 0, that the largest free block can have if a run of
 * `units` is free: any 2^(k+1) - 1 adjacent units contain a block of order k.
 */
static inline int smi_buddy_least_order(uint32_t units)
{
	return (int)smi_log2_floor(units + (units < UINT32_MAX)) - 1;
}

/* Take exactly this run, if all of it is in the pool and free. */
bool smi_buddy_take_at(struct smi_buddy *buddy, uint32_t start, uint32_t units);

/* Give a run back. */
void smi_buddy_give(struct smi_buddy *buddy, uint32_t start, uint32_t units);

static inline bool smi_buddy_is_free(const struct smi_buddy *buddy,
                                     uint32_t unit)
{
	return smi_bitmap_get(buddy->free_map, unit);
}

/* How many of the `most` units from `start` on are free, before the first that
 * is not. The end of the pool counts as not free. */
uint32_t smi_buddy_free_from(const struct smi_buddy *buddy, uint32_t start,
                             uint32_t most);

/* Returns NULL, or a text that names the violated invariant. */
const char *smi_buddy_audit(const struct smi_buddy *buddy);

#endif /* SMI_BUDDY_H */
