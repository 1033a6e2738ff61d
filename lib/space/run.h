/*
 * run.h - runs of units, taken from whichever pool has them
 *
 * A run is a range of adjacent units of one pool. This module keeps one buddy
 * allocator for each pool and, for each unit that is taken, the start of its
 * run. Units are numbered through the whole arena from the start of the first
 * pool, guards included. Therefore it takes one shift to get from an address to
 * its unit, and one index each to get to the run of that unit and to the run's
 * notes. The caller holds the arena's lock.
 *
 * Invariants:
 *   R1  heads[u] is the start of the run that holds unit u, or SMI_NONE if u is
 *       free or in a guard.
 *   R2  best[p] is 1 + the order of the largest free block of the pool that
 *       starts at stride p. It is 0 if that pool has no free block, or if no
 *       pool starts at p.
 *   R3  free_units is the number of free units in all pools.
 *   R4  blocks[k] is the number of free blocks of order k in all pools.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SMI_RUN_H
#define SMI_RUN_H

#include "base/base.h"
#include "space/buddy.h"
#include "space/pool.h"

/* The notes of a unit: metadata bytes for the module that uses the run. */
#define SMI_UNIT_NOTES_BYTES ((size_t)128)

struct smi_runs {
	struct smi_pools *pools;
	uint8_t *best; /* max_pools zeroed entries, owned by the caller */
	size_t free_units;
	uint32_t blocks[SMI_ORDERS];
	size_t needed_peak;   /* smi_run_needed_peak() */
	uintptr_t start;      /* address of unit 0 */
	unsigned units_shift; /* log2 of the number of units in a stride */
	/* The pools' strips. */
	unsigned char *notes; /* SMI_UNIT_NOTES_BYTES for each unit */
	uint32_t *heads;
	unsigned char *buddies; /* for each stride a struct smi_buddy and its
	                           maps */
	size_t buddy_bytes;     /* of each stride */
};

/* Set stride_bytes of each strip, before the strips are reserved. */
void smi_run_plan_strips(struct smi_pools *pools);

/* Start without pools and runs. pools->strips are reserved, and pools->start is
 * set. */
void smi_run_start(struct smi_runs *runs, struct smi_pools *pools);

/* Make all units of a pool that was just locked free. */
void smi_run_add_pool(struct smi_runs *runs, uint32_t pool);

/*
 * Take a run of `units` (> 0) from the first pool that has one, at a multiple
 * of 2^align_order units from the start of the pool. Returns the number of the
 * run, which is that of its first unit, or SMI_NONE if no pool has one.
 */
uint32_t smi_run_take(struct smi_runs *runs, uint32_t units,
                      unsigned align_order);

/* Give back a run of `units`, or the end of a run: `units` from unit `run`
 * on. */
void smi_run_give(struct smi_runs *runs, uint32_t run, uint32_t units);

/* Extend a run by the `more` units that follow it, if they are free. */
bool smi_run_extend(struct smi_runs *runs, uint32_t run, uint32_t units,
                    uint32_t more);

/*
 * The most units that were needed at one time: those that were taken, and those
 * that were free but of no use to the run that was being taken, as they lay in
 * blocks of at most half its size. Units of larger blocks do not count, however
 * far apart they lie, since there would be fewer of them in fewer pools.
 */
static inline size_t smi_run_needed_peak(const struct smi_runs *runs)
{
	return runs->needed_peak;
}

/*
 * Extend a run of `had` units to `units`: by the free units that follow it and,
 * if those are too few, by free ones before it. Returns the number of the
 * extended run, or SMI_NONE if both together are too few.
 */
uint32_t smi_run_widen(struct smi_runs *runs, uint32_t run, uint32_t had,
                       uint32_t units);

/* Whether `run` is the number of a run. Any number may be passed. */
bool smi_run_is_run(const struct smi_runs *runs, uint32_t run);

/* The number of units in a run. */
uint32_t smi_run_units(const struct smi_runs *runs, uint32_t run);

/* Returns NULL, or a text that names the invariant that this pool violates. */
const char *smi_run_audit(const struct smi_runs *runs, uint32_t pool);

/* The number of the unit at an address in a pool. */
static inline uint32_t smi_run_unit(const struct smi_runs *runs,
                                    uintptr_t address)
{
	return (uint32_t)((address - runs->start) >> SMI_UNIT_SHIFT);
}

/* The run that holds the byte at an address in a pool, or SMI_NONE. */
static inline uint32_t smi_run_find(const struct smi_runs *runs,
                                    uintptr_t address)
{
	return runs->heads[smi_run_unit(runs, address)];
}

/* The stride in which a run starts; and the pool that holds it, by its first
 * stride. */
static inline uint32_t smi_run_stride(const struct smi_runs *runs, uint32_t run)
{
	return run >> runs->units_shift;
}

static inline uint32_t smi_run_pool(const struct smi_runs *runs, uint32_t run)
{
	return runs->pools->table[smi_run_stride(runs, run)].first;
}

/* The address of a run. */
static inline uintptr_t smi_run_address(const struct smi_runs *runs,
                                        uint32_t run)
{
	return runs->start + ((uintptr_t)run << SMI_UNIT_SHIFT);
}

/* The notes of a run's units, one unit after the other. */
static inline void *smi_run_notes(const struct smi_runs *runs, uint32_t run)
{
	return runs->notes + run * SMI_UNIT_NOTES_BYTES;
}

static inline struct smi_buddy *smi_run_buddy(const struct smi_runs *runs,
                                              uint32_t pool)
{
	return (struct smi_buddy *)(void *)(runs->buddies
	                                    + pool * runs->buddy_bytes);
}

#endif /* SMI_RUN_H */
