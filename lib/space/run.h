/*
 * run.h - runs of units, taken from whichever pool has them
 *
 * A run is a range of adjacent units of one pool. This module keeps the free
 * extents of all pools and, for each unit that is taken, the start of its run.
 * Units are numbered through the whole arena from the start of the first pool,
 * guards included. Therefore it takes one shift to get from an address to its
 * unit, and one index each to get to the run of that unit and to the run's
 * notes. The caller holds the arena's lock.
 *
 * Nothing here depends on the size of the arena, except for the depth of the
 * tree of extents.
 *
 * Invariants:
 *   R1  heads[u] is the start of the run that holds unit u, or SMI_NONE if u is
 *       free or in a guard.
 *   R2  The extents are the longest ranges of free units of each pool: two of
 *       them never meet.
 *   R3  The extents have as many units as the pools have free ones.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SMI_RUN_H
#define SMI_RUN_H

#include "base/base.h"
#include "space/extents.h"
#include "space/pool.h"

struct smi_runs {
	struct smi_pools *pools;
	struct smi_extents extents;
	size_t needed_peak;   /* smi_run_needed_peak() */
	uintptr_t start;      /* address of unit 0 */
	unsigned units_shift; /* log2 of the number of units in a stride */
	uint32_t known;       /* strides whose units have a head */
	/* The pools' strips. */
	unsigned char *notes; /* SMI_UNIT_NOTES_BYTES for each unit */
	uint32_t *heads;
};

/* Set stride_bytes of each strip, before the strips are reserved. */
void smi_run_plan_strips(struct smi_pools *pools);

/* Start without pools and runs. pools->strips are reserved, and pools->start is
 * set. */
void smi_run_start(struct smi_runs *runs, struct smi_pools *pools);

/* Make the units of memory that was just locked, a pool or the end of one,
 * free; and undo that for a part of the extent that starts at `extent`, before
 * it is closed. */
void smi_run_add(struct smi_runs *runs, const struct smi_piece *piece);
void smi_run_withdraw(struct smi_runs *runs, uint32_t extent,
                      const struct smi_piece *piece);

/*
 * Take a run of `units` (> 0) at an address that is a multiple of 2^align_order
 * units. It is cut from the start of the smallest extent that holds one, and of
 * several equal ones from the lowest. The extent at the end of joined pools is
 * used only if no other holds one, so that it is left to a chunk that grows
 * (compare the "wilderness" of Korn and Vo, and of Lea). For an alignment of
 * more than a unit, the extent may be larger than the smallest, by less than
 * the alignment. Returns the
 * number of the run, which is that of its first unit, or SMI_NONE if no extent
 * holds one.
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
 * Extend a run of `had` units to `units`: by the free units that follow it and,
 * if those are too few, by free ones before it. Returns the number of the
 * extended run, or SMI_NONE if both together are too few.
 */
uint32_t smi_run_widen(struct smi_runs *runs, uint32_t run, uint32_t had,
                       uint32_t units);

/* The number of free units that directly precede a unit of a pool, or the unit
 * after its last one; and that follow it, the unit itself included. */
uint32_t smi_run_free_before(const struct smi_runs *runs, uint32_t unit);
uint32_t smi_run_free_from(const struct smi_runs *runs, uint32_t unit);

/* The first unit from `unit` on whose address is a multiple of 2^align_order
 * units. */
uint32_t smi_run_align(const struct smi_runs *runs, uint32_t unit,
                       unsigned align_order);

/*
 * The most units that were needed at one time: those that were taken, and those
 * that were free but of no use to the run that was being taken, as they lay in
 * extents that are too short for it. Units of longer extents do not count,
 * however far apart they lie, since there would be fewer of them in fewer
 * pools.
 */
static inline size_t smi_run_needed_peak(const struct smi_runs *runs)
{
	return runs->needed_peak;
}

/* Whether `run` is the number of a run. Any number may be passed. */
bool smi_run_is_run(const struct smi_runs *runs, uint32_t run);

/* The number of units in a run. */
uint32_t smi_run_units(const struct smi_runs *runs, uint32_t run);

/* Add what the free units of a pool amount to. Returns NULL, or a text that
 * names the invariant that this pool violates. */
struct smi_run_sums {
	uint32_t extents;
	size_t units_of[SMI_ORDERS];
};
const char *smi_run_audit(const struct smi_runs *runs, uint32_t pool,
                          struct smi_run_sums *sums);
const char *smi_run_audit_sums(const struct smi_runs *runs,
                               const struct smi_run_sums *sums);

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

#endif /* SMI_RUN_H */
