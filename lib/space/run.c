/*
 * run.c - runs of units, taken from whichever pool has them
 *
 * SPDX-License-Identifier: ISC
 */
#include "space/run.h"

#include <string.h>

enum { NOTES, HEADS };
_Static_assert(HEADS + 1 == SMI_STRIPS, "each strip has its use");

/* The number of the first unit of a stride. */
static uint32_t first_unit(const struct smi_runs *runs, uint32_t stride)
{
	return stride << runs->units_shift;
}

/* The end of a pool, in units. */
static uint32_t end_of(const struct smi_runs *runs, uint32_t pool)
{
	return first_unit(runs, pool)
	       + (uint32_t)(smi_pool_bytes(runs->pools, pool)
	                    >> SMI_UNIT_SHIFT);
}

void smi_run_plan_strips(struct smi_pools *pools)
{
	uint32_t units = smi_geometry_stride_units(&pools->geometry);

	pools->strips[NOTES].stride_bytes = units * SMI_UNIT_NOTES_BYTES;
	pools->strips[HEADS].stride_bytes = units * sizeof(uint32_t);
}

void smi_run_start(struct smi_runs *runs, struct smi_pools *pools)
{
	runs->pools = pools;
	runs->needed_peak = 0;
	runs->start = pools->start;
	runs->units_shift = pools->geometry.stride_shift - SMI_UNIT_SHIFT;
	runs->known = 0;
	runs->notes = pools->strips[NOTES].at;
	runs->heads = (uint32_t *)(void *)pools->strips[HEADS].at;
	smi_extents_start(&runs->extents, runs->notes);
}

static void set_heads(struct smi_runs *runs, uint32_t from, uint32_t units,
                      uint32_t head)
{
	for (uint32_t unit = from; unit < from + units; unit++)
		runs->heads[unit] = head;
}

/* Whether a unit of a pool is free. */
static bool is_free(const struct smi_runs *runs, uint32_t unit)
{
	return runs->heads[unit] == SMI_NONE;
}

uint32_t smi_run_free_before(const struct smi_runs *runs, uint32_t unit)
{
	/* The first unit of a pool has none before it, whatever is there. */
	if ((unit & (((uint32_t)1 << runs->units_shift) - 1)) == 0
	    && (unit == 0 || smi_run_pool(runs, unit - 1) == SMI_NONE
	        || end_of(runs, smi_run_pool(runs, unit - 1)) < unit))
		return 0;
	if (!is_free(runs, unit - 1))
		return 0;
	return unit - smi_extents_start_of(&runs->extents, unit - 1);
}

uint32_t smi_run_free_from(const struct smi_runs *runs, uint32_t unit)
{
	uint32_t stride = smi_run_stride(runs, unit);

	if (stride >= runs->pools->used
	    || runs->pools->table[stride].first == SMI_NONE
	    || unit >= end_of(runs, runs->pools->table[stride].first)
	    || !is_free(runs, unit))
		return 0;
	return smi_extents_units(&runs->extents, unit);
}

/* Add a range of free units, joined with the extents that it meets (R2). */
static void free_units(struct smi_runs *runs, uint32_t start, uint32_t units)
{
	uint32_t before = smi_run_free_before(runs, start);
	uint32_t after = smi_run_free_from(runs, start + units);

	if (before > 0)
		smi_extents_remove(&runs->extents, start - before, before);
	if (after > 0)
		smi_extents_remove(&runs->extents, start + units, after);
	smi_extents_add(&runs->extents, start - before, before + units + after);
}

/* Take [start, start + units) out of the extent that starts at `from`. */
static void cut(struct smi_runs *runs, uint32_t from, uint32_t start,
                uint32_t units)
{
	struct smi_extents *extents = &runs->extents;
	uint32_t has = smi_extents_units(extents, from);

	smi_extents_remove(extents, from, has);
	if (start > from)
		smi_extents_add(extents, from, start - from);
	if (from + has > start + units)
		smi_extents_add(extents, start + units,
		                from + has - start - units);
}

static uint32_t piece_units(const struct smi_piece *piece)
{
	return (uint32_t)(piece->bytes >> SMI_UNIT_SHIFT);
}

void smi_run_add(struct smi_runs *runs, const struct smi_piece *piece)
{
	uint32_t used = runs->pools->used;

	/* Including the heads of guards. */
	if (used > runs->known) {
		set_heads(runs, first_unit(runs, runs->known),
		          first_unit(runs, used - runs->known), SMI_NONE);
		runs->known = used;
	}
	free_units(runs, (uint32_t)(piece->offset >> SMI_UNIT_SHIFT),
	           piece_units(piece));
}

void smi_run_withdraw(struct smi_runs *runs, uint32_t extent,
                      const struct smi_piece *piece)
{
	cut(runs, extent, (uint32_t)(piece->offset >> SMI_UNIT_SHIFT),
	    piece_units(piece));
}

/* Keep needed_peak when a run has got `units`. The extents that count are so
 * short that not one of their order is long enough. */
static void note_needed(struct smi_runs *runs, uint32_t units)
{
	const struct smi_extents *extents = &runs->extents;
	size_t needed = (runs->pools->bytes >> SMI_UNIT_SHIFT)
	                - extents->free_units;

	for (unsigned order = 0; (uint64_t)2 << order <= units; order++)
		needed += extents->units_of[order];
	if (needed > runs->needed_peak)
		runs->needed_peak = needed;
}

uint32_t smi_run_align(const struct smi_runs *runs, uint32_t unit,
                       unsigned align_order)
{
	uint32_t step = (uint32_t)1 << align_order;
	uint32_t from = (uint32_t)(runs->start >> SMI_UNIT_SHIFT);

	return unit + (-(from + unit) & (step - 1));
}

/* The start of an aligned run in an extent, or SMI_NONE. */
static uint32_t start_in(const struct smi_runs *runs, uint32_t extent,
                         uint32_t units, unsigned align_order)
{
	uint32_t start = smi_run_align(runs, extent, align_order);

	return start - extent + (uint64_t)units
	                       <= smi_extents_units(&runs->extents, extent)
	               ? start
	               : SMI_NONE;
}

/* The extent at the end of the last of joined pools, which can grow, or
 * SMI_NONE. */
static uint32_t last_extent(const struct smi_runs *runs)
{
	const struct smi_pools *pools = runs->pools;
	uint32_t end = (uint32_t)(smi_pool_end(pools) >> SMI_UNIT_SHIFT);

	if (!pools->geometry.joined || end == 0
	    || runs->heads[end - 1] != SMI_NONE)
		return SMI_NONE;
	return smi_extents_start_of(&runs->extents, end - 1);
}

/* The first extent in the order of the tree that has at least `units` and is
 * not `last`. */
static uint32_t first_extent(const struct smi_runs *runs, uint32_t units,
                             uint32_t start, uint32_t last)
{
	uint32_t extent = smi_extents_find(&runs->extents, units, start);

	if (extent == last && last != SMI_NONE)
		extent = smi_extents_find(&runs->extents,
		                          smi_extents_units(&runs->extents,
		                                            last),
		                          last + 1);
	return extent;
}

/*
 * Find an aligned run: in one of the shortest extents that are long enough, or
 * in the shortest that holds one wherever it starts. The other extents are
 * looked at only if there is none of these, and then the last extent, before
 * the arena grows. *extent is where the run is. SMI_NONE: no extent holds one.
 */
#define FIRST_LOOKS 16
static uint32_t find_aligned(const struct smi_runs *runs, uint32_t units,
                             unsigned align_order, uint32_t *extent)
{
	const struct smi_extents *extents = &runs->extents;
	uint32_t step = (uint32_t)1 << align_order, last = last_extent(runs);
	unsigned looks = 0;

	*extent = first_extent(runs, units, 0, last);
	while (*extent != SMI_NONE) {
		uint32_t start = start_in(runs, *extent, units, align_order);
		uint32_t long_enough = SMI_NONE;

		if (start != SMI_NONE)
			return start;
		if (++looks == FIRST_LOOKS && units <= UINT32_MAX - step)
			long_enough = first_extent(runs, units + step - 1, 0,
			                           last);
		*extent = long_enough != SMI_NONE
		                  ? long_enough
		                  : first_extent(runs,
		                                 smi_extents_units(extents,
		                                                   *extent),
		                                 *extent + 1, last);
	}
	*extent = last;
	return last != SMI_NONE ? start_in(runs, last, units, align_order)
	                        : SMI_NONE;
}

uint32_t smi_run_take(struct smi_runs *runs, uint32_t units,
                      unsigned align_order)
{
	uint32_t extent,
		start = find_aligned(runs, units, align_order, &extent);

	if (start == SMI_NONE)
		return SMI_NONE;
	cut(runs, extent, start, units);
	set_heads(runs, start, units, start);
	/* So far apart are the places for such a run. */
	note_needed(runs, units + ((uint32_t)1 << align_order) - 1);
	return start;
}

void smi_run_give(struct smi_runs *runs, uint32_t run, uint32_t units)
{
	set_heads(runs, run, units, SMI_NONE);
	free_units(runs, run, units);
}

bool smi_run_extend(struct smi_runs *runs, uint32_t run, uint32_t units,
                    uint32_t more)
{
	return smi_run_free_from(runs, run + units) >= more
	       && smi_run_widen(runs, run, units, units + more) == run;
}

uint32_t smi_run_widen(struct smi_runs *runs, uint32_t run, uint32_t had,
                       uint32_t units)
{
	uint32_t more = units - had;
	uint32_t after = smi_run_free_from(runs, run + had);
	uint32_t before;

	if (after > more)
		after = more;
	before = more - after;
	if (before > 0) {
		uint32_t room = smi_run_free_before(runs, run);

		if (before > room)
			return SMI_NONE;
		cut(runs, run - room, run - before, before);
	}
	if (after > 0)
		cut(runs, run + had, run + had, after);
	if (before > 0)
		set_heads(runs, run - before, units, run - before);
	else
		set_heads(runs, run + had, after, run);
	note_needed(runs, units);
	return run - before;
}

bool smi_run_is_run(const struct smi_runs *runs, uint32_t run)
{
	return run < first_unit(runs, runs->pools->used)
	       && runs->heads[run] == run;
}

uint32_t smi_run_units(const struct smi_runs *runs, uint32_t run)
{
	uint32_t end = run, last = first_unit(runs, runs->pools->used);

	while (end < last && runs->heads[end] == run)
		end++;
	return end - run;
}

/* Check an extent of a pool that ends at `end`, and add it up. The first of its
 * units is `unit`. */
static const char *audit_extent(const struct smi_runs *runs, uint32_t unit,
                                uint32_t end, struct smi_run_sums *sums)
{
	uint32_t units = smi_extents_units(&runs->extents, unit);

	if (units == 0 || units > end - unit)
		return "R2: an extent is not in its pool";
	if (unit + units < end && is_free(runs, unit + units))
		return "R2: two extents meet";
	if (!smi_extents_hold(&runs->extents, unit,
	                      first_unit(runs, runs->known)))
		return "E1: an extent is not in the tree";
	sums->extents++;
	sums->units_of[smi_log2_floor(units)] += units;
	return NULL;
}

const char *smi_run_audit(const struct smi_runs *runs, uint32_t pool,
                          struct smi_run_sums *sums)
{
	uint32_t first = first_unit(runs, pool), end = end_of(runs, pool);

	for (uint32_t unit = first; unit < end;) {
		uint32_t head = runs->heads[unit], units;

		if (is_free(runs, unit)) {
			const char *wrong = audit_extent(runs, unit, end, sums);

			if (wrong != NULL)
				return wrong;
			units = smi_extents_units(&runs->extents, unit);
		} else {
			units = smi_run_units(runs, unit);
		}
		if (units == 0 || units > end - unit)
			return "R1: a unit names the wrong run";
		for (uint32_t i = unit; i < unit + units; i++)
			if (runs->heads[i] != head)
				return "R1: a unit names the wrong run";
		unit += units;
	}
	for (uint32_t unit = end; unit < first_unit(runs, runs->pools->used)
	                          && smi_run_pool(runs, unit) == pool;
	     unit++)
		if (runs->heads[unit] != SMI_NONE)
			return "R1: a guard is in a run";
	return NULL;
}

const char *smi_run_audit_sums(const struct smi_runs *runs,
                               const struct smi_run_sums *sums)
{
	size_t units = 0;

	for (unsigned order = 0; order < SMI_ORDERS; order++)
		units += sums->units_of[order];
	if (units != runs->extents.free_units)
		return "R3: the free units do not add up";
	if (sums->extents != runs->extents.count)
		return "E1: the number of extents is wrong";
	if (memcmp(sums->units_of, runs->extents.units_of,
	           sizeof(sums->units_of))
	    != 0)
		return "E2: the free units of a size do not add up";
	return NULL;
}
