/*
 * run.h - runs of units, taken from whichever pool has them
 *
 * A run is adjacent units of one pool. This module keeps one buddy allocator
 * for each pool and, for each unit that is taken, the start of its run. Units
 * are numbered through the whole arena, from the start of the first pool,
 * guards included: the way from an address to a number, from there to the run
 * that holds it, and to the run's notes, is a shift and an index each. The
 * caller holds the arena's lock.
 *
 * Invariants:
 *   R1  heads[u] is the start of the run that holds unit u, or SMI_NONE if it
 *       is free, or in a guard.
 *   R2  best[p] is 1 + the order of the largest free block of the pool at
 *       stride p, 0 if it has none, or if no pool starts there.
 *   R3  free_units is the sum of the free units of all pools.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SMI_RUN_H
#define SMI_RUN_H

#include "base/base.h"
#include "space/buddy.h"
#include "space/pool.h"

/* Metadata bytes that belong to each unit, for the user of the run. */
#define SMI_UNIT_NOTES_BYTES ((size_t)128)

struct smi_runs {
	struct smi_pools *pools;
	uint8_t *best; /* max_pools entries, the caller's, zeroed */
	size_t free_units;
	uintptr_t start;      /* of unit 0 */
	unsigned units_shift; /* a stride has so many units */
	/* The pools' strips: */
	unsigned char *notes; /* SMI_UNIT_NOTES_BYTES of each unit */
	uint32_t *heads;
	unsigned char *buddies; /* a struct smi_buddy and its maps of each */
	size_t buddy_bytes;     /* stride */
};

/* The bytes of each stride in a strip, before the strips are reserved. */
void smi_run_plan_strips(struct smi_pools *pools);

/* No run yet. pools->strips are reserved, pools->start is known. */
void smi_run_start(struct smi_runs *runs, struct smi_pools *pools);

/* All units of a pool that was just locked become free. */
void smi_run_add_pool(struct smi_runs *runs, uint32_t pool);

/*
 * Take a run of `units` (> 0) at a multiple of 2^align_order units of its pool,
 * from the first pool that has one. Returns its number, or SMI_NONE: then no
 * pool has.
 */
uint32_t smi_run_take(struct smi_runs *runs, uint32_t units,
                      unsigned align_order);

/* Give back a run of `units`, or its end from unit number `run` on. */
void smi_run_give(struct smi_runs *runs, uint32_t run, uint32_t units);

/* Make a run longer by the units that follow it, if they are free. */
bool smi_run_extend(struct smi_runs *runs, uint32_t run, uint32_t units,
                    uint32_t more);

/* Whether a number is that of a run; any number may be asked. */
bool smi_run_is_run(const struct smi_runs *runs, uint32_t run);

/* How many units name a run as theirs. */
uint32_t smi_run_units(const struct smi_runs *runs, uint32_t run);

/* NULL, or the invariant that does not hold in this pool. */
const char *smi_run_audit(const struct smi_runs *runs, uint32_t pool);

/* The unit at an address of a pool. */
static inline uint32_t smi_run_unit(const struct smi_runs *runs,
                                    uintptr_t address)
{
	return (uint32_t)((address - runs->start) >> SMI_UNIT_SHIFT);
}

/* The run that holds the byte at an address of a pool, or SMI_NONE. */
static inline uint32_t smi_run_find(const struct smi_runs *runs,
                                    uintptr_t address)
{
	return runs->heads[smi_run_unit(runs, address)];
}

/* The stride that a run starts in; and the pool, its first stride. */
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

/* The notes of a run's units, one after the other. */
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
