/*
 * run.h - runs of units, taken from whichever pool has them
 *
 * A run is adjacent units of one pool. This module keeps one buddy allocator
 * for each pool and, for each unit that is taken, the start of its run. Units
 * are numbered through the whole arena: stride times units per stride, plus the
 * unit in the pool. The caller holds the arena's lock.
 *
 * Invariants:
 *   R1  heads[u] is the start of the run that holds unit u of the pool, or
 *       SMI_NONE if u is free.
 *   R2  best[p] is 1 + the order of the largest free block of the pool at
 *       stride p, 0 if it has none, or if no pool starts there.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SMI_RUN_H
#define SMI_RUN_H

#include "base.h"
#include "buddy.h"
#include "pool.h"

/* Metadata bytes that belong to each unit, for the user of the run. */
#define SMI_UNIT_NOTES_BYTES ((size_t)128)

/* What starts the metadata block of a pool. */
struct smi_span {
	struct smi_buddy buddy;
	uint32_t *heads;
	unsigned char *notes; /* SMI_UNIT_NOTES_BYTES for each unit */
};

struct smi_runs {
	struct smi_pools *pools;
	uint8_t *best; /* max_pools entries, the caller's, zeroed */
};

/* The metadata bytes that the units of one stride need. */
size_t smi_runs_metadata_bytes(uint32_t stride_units);

/* All units of a pool that was just locked become free. */
void smi_runs_add_pool(struct smi_runs *runs, uint32_t pool);

/*
 * Take a run of `units` (> 0) at a multiple of 2^align_order units of its pool,
 * from the first pool that has one. Returns its number, or SMI_NONE: then no
 * pool has.
 */
uint32_t smi_runs_take(struct smi_runs *runs, uint32_t units,
                       unsigned align_order);

/* Give back a run of `units`, or its end from unit number `run` on. */
void smi_runs_give(struct smi_runs *runs, uint32_t run, uint32_t units);

/* Make a run longer by the units that follow it, if they are free. */
bool smi_runs_extend(struct smi_runs *runs, uint32_t run, uint32_t units,
                     uint32_t more);

/* The run that holds the byte at `address` of a pool, or SMI_NONE. */
uint32_t smi_runs_find(const struct smi_runs *runs, uint32_t pool,
                       uintptr_t address);

/* Whether a number is that of a run; any number may be asked. */
bool smi_runs_is_run(const struct smi_runs *runs, uint32_t run);

/* How many units name a run as theirs. */
uint32_t smi_runs_units(const struct smi_runs *runs, uint32_t run);

/* The address of a unit, and the pool (its first stride) that it lies in. */
uintptr_t smi_runs_address(const struct smi_runs *runs, uint32_t run);
uint32_t smi_runs_pool(const struct smi_runs *runs, uint32_t run);

/* The notes of a run's units, one after the other. */
void *smi_runs_notes(const struct smi_runs *runs, uint32_t run);

/* NULL, or the invariant that does not hold in this pool. */
const char *smi_runs_audit(const struct smi_runs *runs, uint32_t pool);

static inline struct smi_span *smi_runs_span(const struct smi_runs *runs,
                                             uint32_t pool)
{
	return smi_pools_metadata(runs->pools, pool);
}

#endif /* SMI_RUN_H */
