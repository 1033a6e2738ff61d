/*
 * run.c - runs of units, taken from whichever pool has them
 *
 * SPDX-License-Identifier: ISC
 */
#include "run.h"

#include <string.h>

#define CACHE_LINE ((size_t)64)

static unsigned units_shift(const struct smi_runs *runs)
{
	return runs->pools->geometry.stride_shift - SMI_UNIT_SHIFT;
}

/* The number of unit `unit` of a pool. Units past the first stride of a large
 * pool get the numbers of the strides that it takes. */
static uint32_t number_of(const struct smi_runs *runs, uint32_t pool,
                          uint32_t unit)
{
	return (pool << units_shift(runs)) + unit;
}

uint32_t smi_runs_pool(const struct smi_runs *runs, uint32_t run)
{
	return runs->pools->table[run >> units_shift(runs)].first;
}

static uint32_t unit_of(const struct smi_runs *runs, uint32_t run)
{
	return run - number_of(runs, smi_runs_pool(runs, run), 0);
}

uintptr_t smi_runs_address(const struct smi_runs *runs, uint32_t run)
{
	return smi_pools_start(runs->pools, 0)
	       + ((uintptr_t)run << SMI_UNIT_SHIFT);
}

void *smi_runs_notes(const struct smi_runs *runs, uint32_t run)
{
	return smi_runs_span(runs, smi_runs_pool(runs, run))->notes
	       + unit_of(runs, run) * SMI_UNIT_NOTES_BYTES;
}

static size_t span_bytes(uint32_t units)
{
	size_t front = sizeof(struct smi_span) + smi_buddy_map_bytes(units)
	               + units * sizeof(uint32_t);

	return smi_round_up(front, CACHE_LINE) + units * SMI_UNIT_NOTES_BYTES;
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
	uint32_t units = (uint32_t)(runs->pools->table[pool].bytes
	                            >> SMI_UNIT_SHIFT);
	unsigned char *at = (unsigned char *)(span + 1);

	smi_buddy_start(&span->buddy, units, at);
	at += smi_buddy_map_bytes(units);
	span->heads = (uint32_t *)(void *)at;
	memset(span->heads, 0xff, units * sizeof(uint32_t));
	span->notes = (unsigned char *)span + span_bytes(units)
	              - units * SMI_UNIT_NOTES_BYTES;
	update_best(runs, pool);
}

static void set_heads(struct smi_span *span, uint32_t from, uint32_t units,
                      uint32_t head)
{
	for (uint32_t unit = from; unit < from + units; unit++)
		span->heads[unit] = head;
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
		set_heads(smi_runs_span(runs, pool), start, units, start);
		update_best(runs, pool);
		return number_of(runs, pool, start);
	}
	return SMI_NONE;
}

void smi_runs_give(struct smi_runs *runs, uint32_t run, uint32_t units)
{
	uint32_t pool = smi_runs_pool(runs, run), unit = unit_of(runs, run);
	struct smi_span *span = smi_runs_span(runs, pool);

	set_heads(span, unit, units, SMI_NONE);
	smi_buddy_give(&span->buddy, unit, units);
	update_best(runs, pool);
}

bool smi_runs_extend(struct smi_runs *runs, uint32_t run, uint32_t units,
                     uint32_t more)
{
	uint32_t pool = smi_runs_pool(runs, run), unit = unit_of(runs, run);
	struct smi_span *span = smi_runs_span(runs, pool);

	if (!smi_buddy_take_at(&span->buddy, unit + units, more))
		return false;
	set_heads(span, unit + units, more, unit);
	update_best(runs, pool);
	return true;
}

uint32_t smi_runs_find(const struct smi_runs *runs, uint32_t pool,
                       uintptr_t address)
{
	uint32_t unit = (uint32_t)((address
	                            - smi_pools_start(runs->pools, pool))
	                           >> SMI_UNIT_SHIFT);
	uint32_t head = smi_runs_span(runs, pool)->heads[unit];

	return head == SMI_NONE ? SMI_NONE : number_of(runs, pool, head);
}

bool smi_runs_is_run(const struct smi_runs *runs, uint32_t run)
{
	const struct smi_span *span;
	uint32_t unit;

	if (run >> units_shift(runs) >= runs->pools->used)
		return false;
	span = smi_runs_span(runs, smi_runs_pool(runs, run));
	unit = unit_of(runs, run);
	return unit < span->buddy.units && span->heads[unit] == unit;
}

uint32_t smi_runs_units(const struct smi_runs *runs, uint32_t run)
{
	const struct smi_span *span = smi_runs_span(runs,
	                                            smi_runs_pool(runs, run));
	uint32_t unit = unit_of(runs, run), end = unit;

	while (end < span->buddy.units && span->heads[end] == unit)
		end++;
	return end - unit;
}

const char *smi_runs_audit(const struct smi_runs *runs, uint32_t pool)
{
	const struct smi_span *span = smi_runs_span(runs, pool);
	const char *wrong = smi_buddy_audit(&span->buddy);

	if (wrong != NULL)
		return wrong;
	if (runs->best[pool] != smi_buddy_largest(&span->buddy) + 1)
		return "R2: the largest block of a pool is off";
	for (uint32_t unit = 0; unit < span->buddy.units; unit++) {
		uint32_t head = span->heads[unit];

		if (smi_buddy_is_free(&span->buddy, unit)
		            ? head != SMI_NONE
		            : head > unit || span->heads[head] != head)
			return "R1: a unit names the wrong run";
	}
	return NULL;
}
