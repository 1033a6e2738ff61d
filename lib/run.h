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
 *   R3  free_units is the sum of the free units of all pools.
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

/*
 * What starts the metadata block of a pool:
 *
 *     | struct smi_span | notes of each unit | heads | the buddy's maps |
 *
 * in this order, so that the way from an address to its notes reads nothing but
 * the table of pools and the head.
 */
struct smi_span {
	struct smi_buddy buddy;
};
#define SMI_SPAN_BYTES ((size_t)512)

struct smi_runs {
	struct smi_pools *pools;
	uint8_t *best; /* max_pools entries, the caller's, zeroed */
	size_t free_units;
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

/* NULL, or the invariant that does not hold in this pool. */
const char *smi_runs_audit(const struct smi_runs *runs, uint32_t pool);

static inline struct smi_span *smi_runs_span(const struct smi_runs *runs,
                                             uint32_t pool)
{
	return smi_pools_metadata(runs->pools, pool);
}

/* The notes of a pool's unit, after which those of the next one follow. */
static inline void *smi_runs_unit_notes(const struct smi_pool *pool,
                                        uint32_t unit)
{
	return pool->metadata + SMI_SPAN_BYTES + unit * SMI_UNIT_NOTES_BYTES;
}

static inline uint32_t *smi_runs_heads(const struct smi_pool *pool)
{
	return smi_runs_unit_notes(pool, pool->units);
}

/* The number of a unit of a pool. Units past the first stride of a large pool
 * get the numbers of the strides that it takes. */
static inline uint32_t smi_runs_number(const struct smi_runs *runs,
                                       uint32_t pool, uint32_t unit)
{
	return (pool << (runs->pools->geometry.stride_shift - SMI_UNIT_SHIFT))
	       + unit;
}

/* The pool that a run lies in. */
static inline const struct smi_pool *smi_runs_pool_of(
	const struct smi_runs *runs, uint32_t run)
{
	return &runs->pools->table[run >> (runs->pools->geometry.stride_shift
	                                   - SMI_UNIT_SHIFT)];
}

static inline uint32_t smi_runs_pool(const struct smi_runs *runs, uint32_t run)
{
	return smi_runs_pool_of(runs, run)->first;
}

/* The address of a run. */
static inline uintptr_t smi_runs_address(const struct smi_runs *runs,
                                         uint32_t run)
{
	return smi_pools_start(runs->pools, 0)
	       + ((uintptr_t)run << SMI_UNIT_SHIFT);
}

/* The notes of a run. */
static inline void *smi_runs_notes(const struct smi_runs *runs, uint32_t run)
{
	const struct smi_pool *pool = smi_runs_pool_of(runs, run);

	return smi_runs_unit_notes(
		pool, run - smi_runs_number(runs, pool->first, 0));
}

#endif /* SMI_RUN_H */
