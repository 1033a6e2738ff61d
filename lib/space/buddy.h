/*
 * buddy.h - blocks of 2^k units (pure: never touches what it hands out)
 *
 * Keeps the free units of one pool as blocks of 2^k units at multiples of 2^k,
 * in one bitmap for each k (Knowlton's buddy system). A pool need not have a
 * power of two of units. Besides blocks it hands out and takes back runs: any
 * adjacent units, whatever blocks they are cut from.
 *
 * Runs are half-open: [start, start + units). The caller keeps what runs it
 * took, holds the arena's lock, and gives back only what it took (in whole or
 * in part).
 *
 * Invariants:
 *   B1  A unit is free iff its bit in free_map is set, and iff exactly one free
 *       block holds it.
 *   B2  No two free blocks are buddies: they would have been joined.
 *   B3  count[k] is the number of bits set in map[k]; free_units that of
 *       free_map.
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
	uint32_t *map[SMI_ORDERS]; /* bit i: the block at i << k is free */
	uint32_t *free_map;        /* bit u: unit u is free */
};

/* The bytes of bitmap that `units` units need. */
size_t smi_buddy_map_bytes(uint32_t units);

/* All `units` units (> 0) are free; `maps` is zeroed, 4-byte aligned memory. */
void smi_buddy_start(struct smi_buddy *buddy, uint32_t units, void *maps);

/* The order of the largest free block, or -1. */
int smi_buddy_largest(const struct smi_buddy *buddy);

/*
 * Take a run of `units` (> 0) that starts at a multiple of 2^align_order: a
 * power of two from the smallest block that holds it, any other length, and
 * what no block holds, from the lowest units that are free side by side.
 * Returns its start, or SMI_NONE: then no such run is free.
 */
uint32_t smi_buddy_take(struct smi_buddy *buddy, uint32_t units,
                        unsigned align_order);

/*
 * The least order, at least 0, that the largest free block has where a run of
 * `units` is free: any 2^(k+1) - 1 units side by side hold a block of order k.
 */
static inline int smi_buddy_least_order(uint32_t units)
{
	return (int)smi_log2_floor(units + (units < UINT32_MAX)) - 1;
}

/* Take exactly this run if all of it is free and in the pool. */
bool smi_buddy_take_at(struct smi_buddy *buddy, uint32_t start, uint32_t units);

/* Give a run back. */
void smi_buddy_give(struct smi_buddy *buddy, uint32_t start, uint32_t units);

static inline bool smi_buddy_is_free(const struct smi_buddy *buddy,
                                     uint32_t unit)
{
	return smi_bitmap_get(buddy->free_map, unit);
}

/* NULL, or the invariant that does not hold. */
const char *smi_buddy_audit(const struct smi_buddy *buddy);

#endif /* SMI_BUDDY_H */
