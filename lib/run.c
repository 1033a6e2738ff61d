/*
 * run.c - runs of units, taken from whichever pool has them
 *
 * SPDX-License-Identifier: ISC
 */
#include "run.h"

#include <string.h>

_Static_assert(sizeof(struct smi_span) <= SMI_SPAN_BYTES,
               "the notes begin behind the span");

static uint32_t unit_of(const struct smi_runs *runs, uint32_t run)
{
	return run - smi_runs_number(runs, smi_runs_pool(runs, run), 0);
}

static size_t span_bytes(uint32_t units)
{
	return SMI_SPAN_BYTES
	       + units * (SMI_UNIT_NOTES_BYTES + sizeof(uint32_t))
	       + smi_buddy_map_bytes(units);
}

/*
 * A pool of n strides has n times this. That is enough, since all terms grow
 * in proportion but for the few words that further orders take, which are less
 * than the headers that are saved (tests/unit_run.c tries it).
 */
size_t smi_runs_metadata_bytes(uint32_t stride_units)
{
	return span_bytes(stride_units);
}

static void update_best(struct smi_runs *runs, uint32_t pool)
{
	const struct smi_buddy *buddy = &smi_runs_span(runs, pool)->buddy;

	runs->best[pool] = (uint8_t)(smi_buddy_largest(buddy) + 1);
}

void smi_runs_add_pool(struct smi_runs *runs, uint32_t pool)
{
	struct smi_span *span = smi_runs_span(runs, pool);
	uint32_t units = runs->pools->table[pool].units;
	uint32_t *heads = smi_runs_heads(&runs->pools->table[pool]);

	smi_buddy_start(&span->buddy, units, heads + units);
	memset(heads, 0xff, units * sizeof(uint32_t));
	runs->free_units += units;
	update_best(runs, pool);
}

static void set_heads(struct smi_runs *runs, uint32_t pool, uint32_t from,
                      uint32_t units, uint32_t head)
{
	uint32_t *heads = smi_runs_heads(&runs->pools->table[pool]);

	for (uint32_t unit = from; unit < from + units; unit++)
		heads[unit] = head;
}

uint32_t smi_runs_take(struct smi_runs *runs, uint32_t units,
                       unsigned align_order)
{
	int least = smi_buddy_least_order(units) + 1;

	for (uint32_t pool = 0; pool < runs->pools->used; pool++) {
		uint32_t start;

		if (runs->best[pool] < least)
			continue;
		start = smi_buddy_take(&smi_runs_span(runs, pool)->buddy, units,
		                       align_order);
		if (start == SMI_NONE)
			continue;
		set_heads(runs, pool, start, units, start);
		runs->free_units -= units;
		update_best(runs, pool);
		return smi_runs_number(runs, pool, start);
	}
	return SMI_NONE;
}

void smi_runs_give(struct smi_runs *runs, uint32_t run, uint32_t units)
{
	uint32_t pool = smi_runs_pool(runs, run), unit = unit_of(runs, run);

	set_heads(runs, pool, unit, units, SMI_NONE);
	runs->free_units += units;
	smi_buddy_give(&smi_runs_span(runs, pool)->buddy, unit, units);
	update_best(runs, pool);
}

bool smi_runs_extend(struct smi_runs *runs, uint32_t run, uint32_t units,
                     uint32_t more)
{
	uint32_t pool = smi_runs_pool(runs, run), unit = unit_of(runs, run);

	if (!smi_buddy_take_at(&smi_runs_span(runs, pool)->buddy, unit + units,
	                       more))
		return false;
	set_heads(runs, pool, unit + units, more, unit);
	runs->free_units -= more;
	update_best(runs, pool);
	return true;
}

uint32_t smi_runs_find(const struct smi_runs *runs, uint32_t pool,
                       uintptr_t address)
{
	uint32_t unit = (uint32_t)((address
	                            - smi_pools_start(runs->pools, pool))
	                           >> SMI_UNIT_SHIFT);
	uint32_t head = smi_runs_heads(&runs->pools->table[pool])[unit];

	return head == SMI_NONE ? SMI_NONE : smi_runs_number(runs, pool, head);
}

bool smi_runs_is_run(const struct smi_runs *runs, uint32_t run)
{
	uint32_t pool, unit;

	if (run >= smi_runs_number(runs, runs->pools->used, 0))
		return false;
	pool = smi_runs_pool(runs, run);
	unit = unit_of(runs, run);
	return unit < smi_runs_span(runs, pool)->buddy.units
	       && smi_runs_heads(&runs->pools->table[pool])[unit] == unit;
}

uint32_t smi_runs_units(const struct smi_runs *runs, uint32_t run)
{
	uint32_t pool = smi_runs_pool(runs, run);
	uint32_t units = smi_runs_span(runs, pool)->buddy.units;
	const uint32_t *heads = smi_runs_heads(&runs->pools->table[pool]);
	uint32_t unit = unit_of(runs, run), end = unit;

	while (end < units && heads[end] == unit)
		end++;
	return end - unit;
}

const char *smi_runs_audit(const struct smi_runs *runs, uint32_t pool)
{
	const struct smi_span *span = smi_runs_span(runs, pool);
	const uint32_t *heads = smi_runs_heads(&runs->pools->table[pool]);
	const char *wrong = smi_buddy_audit(&span->buddy);

	if (wrong != NULL)
		return wrong;
	if (runs->best[pool] != smi_buddy_largest(&span->buddy) + 1)
		return "R2: the largest block of a pool is off";
	for (uint32_t unit = 0; unit < span->buddy.units; unit++) {
		uint32_t head = heads[unit];

		if (smi_buddy_is_free(&span->buddy, unit)
		            ? head != SMI_NONE
		            : head > unit || heads[head] != head)
			return "R1: a unit names the wrong run";
	}
	return NULL;
}
