/*
 * run.c - runs of units, taken from whichever pool has them
 *
 * SPDX-License-Identifier: ISC
 */
#include "space/run.h"

#include <string.h>

#define CACHE_LINE ((size_t)64)

enum { NOTES, HEADS, BUDDIES };
_Static_assert(BUDDIES + 1 == SMI_STRIPS, "each strip has its use");

/* The number of the first unit of a stride. */
static uint32_t first_unit(const struct smi_runs *runs, uint32_t stride)
{
	return stride << runs->units_shift;
}

/* The offset of a run in its pool, in units. */
static uint32_t unit_in_pool(const struct smi_runs *runs, uint32_t run)
{
	return run - first_unit(runs, smi_run_pool(runs, run));
}

/*
 * A pool of n strides has n times this space for its buddy allocator. That is
 * enough: the maps grow in proportion, except for a few words for additional
 * orders, and n - 1 struct smi_buddy are saved, which are larger
 * (tests/unit_run.c checks it).
 */
void smi_run_plan_strips(struct smi_pools *pools)
{
	uint32_t units = smi_geometry_stride_units(&pools->geometry);

	pools->strips[NOTES].stride_bytes = units * SMI_UNIT_NOTES_BYTES;
	pools->strips[NOTES].in_cores = true;
	pools->strips[HEADS].stride_bytes = units * sizeof(uint32_t);
	pools->strips[HEADS].in_cores = true;
	pools->strips[BUDDIES].stride_bytes = smi_round_up(
		sizeof(struct smi_buddy) + smi_buddy_map_bytes(units),
		CACHE_LINE);
}

void smi_run_start(struct smi_runs *runs, struct smi_pools *pools)
{
	runs->pools = pools;
	runs->free_units = 0;
	runs->needed_peak = 0;
	memset(runs->blocks, 0, sizeof(runs->blocks));
	runs->start = pools->start;
	runs->units_shift = pools->geometry.stride_shift - SMI_UNIT_SHIFT;
	runs->notes = pools->strips[NOTES].at;
	runs->heads = (uint32_t *)(void *)pools->strips[HEADS].at;
	runs->buddies = pools->strips[BUDDIES].at;
	runs->buddy_bytes = pools->strips[BUDDIES].stride_bytes;
}

static void update_best(struct smi_runs *runs, uint32_t pool)
{
	runs->best[pool] =
		(uint8_t)(smi_buddy_largest(smi_run_buddy(runs, pool)) + 1);
}

void smi_run_add_pool(struct smi_runs *runs, uint32_t pool)
{
	struct smi_buddy *buddy = smi_run_buddy(runs, pool);
	uint32_t units = (uint32_t)(smi_pool_bytes(runs->pools, pool)
	                            >> SMI_UNIT_SHIFT);
	uint32_t first = first_unit(runs, pool);

	smi_buddy_start(buddy, units, runs->blocks, buddy + 1);
	/* Including the heads of the guards' units. */
	memset(runs->heads + first, 0xff,
	       (first_unit(runs, runs->pools->used) - first)
	               * sizeof(uint32_t));
	runs->free_units += units;
	update_best(runs, pool);
}

static void set_heads(struct smi_runs *runs, uint32_t from, uint32_t units,
                      uint32_t head)
{
	for (uint32_t unit = from; unit < from + units; unit++)
		runs->heads[unit] = head;
}

/* Keep needed_peak when a run has got `units`. */
static void note_needed(struct smi_runs *runs, uint32_t units)
{
	size_t needed = (runs->pools->bytes >> SMI_UNIT_SHIFT)
	                - runs->free_units;

	for (unsigned order = 0; (uint64_t)2 << order <= units; order++)
		needed += (size_t)runs->blocks[order] << order;
	if (needed > runs->needed_peak)
		runs->needed_peak = needed;
}

/* Count `more` units that were taken from a pool, for a run of `units`. */
static void count_taken(struct smi_runs *runs, uint32_t pool, uint32_t units,
                        uint32_t more)
{
	runs->free_units -= more;
	update_best(runs, pool);
	note_needed(runs, units);
}

uint32_t smi_run_take(struct smi_runs *runs, uint32_t units,
                      unsigned align_order)
{
	int least = smi_buddy_least_order(units) + 1;

	for (uint32_t pool = 0; pool < runs->pools->used; pool++) {
		uint32_t start;

		if (runs->best[pool] < least)
			continue;
		start = smi_buddy_take(smi_run_buddy(runs, pool), units,
		                       align_order);
		if (start == SMI_NONE)
			continue;
		start += first_unit(runs, pool);
		set_heads(runs, start, units, start);
		/* So far apart are the places for such a run. */
		count_taken(runs, pool,
		            units + ((uint32_t)1 << align_order) - 1, units);
		return start;
	}
	return SMI_NONE;
}

void smi_run_give(struct smi_runs *runs, uint32_t run, uint32_t units)
{
	uint32_t pool = smi_run_pool(runs, run);

	set_heads(runs, run, units, SMI_NONE);
	runs->free_units += units;
	smi_buddy_give(smi_run_buddy(runs, pool), unit_in_pool(runs, run),
	               units);
	update_best(runs, pool);
}

bool smi_run_extend(struct smi_runs *runs, uint32_t run, uint32_t units,
                    uint32_t more)
{
	uint32_t pool = smi_run_pool(runs, run);

	if (!smi_buddy_take_at(smi_run_buddy(runs, pool),
	                       unit_in_pool(runs, run) + units, more))
		return false;
	set_heads(runs, run + units, more, run);
	count_taken(runs, pool, units + more, more);
	return true;
}

uint32_t smi_run_widen(struct smi_runs *runs, uint32_t run, uint32_t had,
                       uint32_t units)
{
	uint32_t pool = smi_run_pool(runs, run);
	struct smi_buddy *buddy = smi_run_buddy(runs, pool);
	uint32_t start = unit_in_pool(runs, run), more = units - had;
	uint32_t after = smi_buddy_free_from(buddy, start + had, more);
	uint32_t before = more - after;

	if (before > start || !smi_buddy_take_at(buddy, start - before, before))
		return SMI_NONE;
	smi_buddy_take_at(buddy, start + had, after);
	set_heads(runs, run - before, units, run - before);
	count_taken(runs, pool, units, more);
	return run - before;
}

bool smi_run_is_run(const struct smi_runs *runs, uint32_t run)
{
	return run < first_unit(runs, runs->pools->used)
	       && runs->heads[run] == run;
}

uint32_t smi_run_units(const struct smi_runs *runs, uint32_t run)
{
	uint32_t end = run;

	/* The loop ends in the guard after the pool at the latest. */
	while (runs->heads[end] == run)
		end++;
	return end - run;
}

const char *smi_run_audit(const struct smi_runs *runs, uint32_t pool)
{
	const struct smi_buddy *buddy = smi_run_buddy(runs, pool);
	const char *wrong = smi_buddy_audit(buddy);
	uint32_t first = first_unit(runs, pool);

	if (wrong != NULL)
		return wrong;
	if (runs->best[pool] != smi_buddy_largest(buddy) + 1)
		return "R2: the order of a pool's largest free block is wrong";
	for (uint32_t unit = 0; unit < buddy->units; unit++) {
		uint32_t head = runs->heads[first + unit];

		if (smi_buddy_is_free(buddy, unit)
		            ? head != SMI_NONE
		            : head > first + unit || head < first
		                      || runs->heads[head] != head)
			return "R1: a unit names the wrong run";
	}
	for (uint32_t unit = first + buddy->units;
	     unit < first_unit(runs, runs->pools->used)
	     && smi_run_pool(runs, unit) == pool;
	     unit++)
		if (runs->heads[unit] != SMI_NONE)
			return "R1: a guard is in a run";
	return NULL;
}
