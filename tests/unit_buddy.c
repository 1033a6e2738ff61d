/* The buddy allocator agrees with a map of units. It is audited after each
 * step. */
/* SPDX-License-Identifier: ISC */
#include "space/buddy.h"

#include "unit.h"

#include <string.h>

#define MOST 300u

static struct smi_buddy buddy;
static uint32_t maps[128], sums[SMI_ORDERS];
static bool taken[MOST];

static void start(uint32_t units)
{
	ck_assert_uint_le(smi_buddy_map_bytes(units), sizeof(maps));
	memset(maps, 0, sizeof(maps));
	memset(taken, 0, sizeof(taken));
	memset(sums, 0, sizeof(sums));
	smi_buddy_start(&buddy, units, sums, maps);
}

static void check(void)
{
	const char *wrong = smi_buddy_audit(&buddy);

	ck_assert_msg(wrong == NULL, "%s", wrong != NULL ? wrong : "");
	ck_assert_mem_eq(sums, buddy.count, sizeof(sums));
	for (uint32_t unit = 0; unit < buddy.units; unit++)
		unit_check(smi_buddy_is_free(&buddy, unit) == !taken[unit]);
}

/* Record in the model that a run was taken. None of its units may have been
 * taken already. */
static void note(uint32_t from, uint32_t units)
{
	ck_assert_uint_le(from + units, buddy.units);
	for (uint32_t unit = from; unit < from + units; unit++) {
		unit_check(!taken[unit]);
		taken[unit] = true;
	}
}

static void give(uint32_t from, uint32_t units)
{
	smi_buddy_give(&buddy, from, units);
	memset(taken + from, 0, units * sizeof(taken[0]));
}

START_TEST(a_pool_of_any_size_can_be_used_up_unit_by_unit)
{
	for (uint32_t units = 1; units <= MOST; units++) {
		start(units);
		check();
		for (uint32_t i = 0; i < units; i++) {
			uint32_t at = smi_buddy_take(&buddy, 1, 0);

			ck_assert_uint_ne(at, SMI_NONE);
			note(at, 1);
		}
		check();
		ck_assert_int_eq(smi_buddy_largest(&buddy), -1);
		ck_assert_uint_eq(smi_buddy_take(&buddy, 1, 0), SMI_NONE);
		for (uint32_t i = 0; i < units; i++)
			give(i, 1);
		check();
		ck_assert_int_eq(smi_buddy_largest(&buddy),
		                 (int)smi_log2_floor(units));
	}
}
END_TEST

START_TEST(any_free_run_can_be_taken)
{
	/* Take a run of each length, which may need more than one block. Then
	 * take a run of that length at the end of the pool. */
	for (uint32_t units = 1; units <= 70; units++)
		for (uint32_t run = 1; run <= units; run++) {
			uint32_t at;

			start(units);
			at = smi_buddy_take(&buddy, run, 0);
			ck_assert_uint_ne(at, SMI_NONE);
			note(at, run);
			check();
			give(at, run);
			at = units - run;
			ck_assert(smi_buddy_take_at(&buddy, at, run));
			note(at, run);
			check();
			if (at > 0)
				ck_assert(
					!smi_buddy_take_at(&buddy, at - 1, 2));
			ck_assert(!smi_buddy_take_at(&buddy, at + 1, run));
			check();
		}
}
END_TEST

START_TEST(alignment_is_kept)
{
	for (unsigned order = 0; order < 8; order++)
		for (uint32_t run = 1; run < 40; run++) {
			uint32_t at;

			start(256);
			/* The first unit is taken, so the start of the pool
			 * cannot be the answer. */
			note(smi_buddy_take(&buddy, 1, 0), 1);
			at = smi_buddy_take(&buddy, run, order);
			ck_assert_uint_ne(at, SMI_NONE);
			ck_assert_uint_eq(at % (1u << order), 0);
			note(at, run);
			check();
		}
	start(100);
	ck_assert_uint_eq(smi_buddy_take(&buddy, 1, 31), 0);
	ck_assert_uint_eq(smi_buddy_take(&buddy, 1, 31), SMI_NONE);
}
END_TEST

/* Whether the model has a free run of this length. */
static bool has_run(uint32_t length)
{
	uint32_t found = 0;

	for (uint32_t unit = 0; unit < buddy.units; unit++) {
		found = taken[unit] ? 0 : found + 1;
		if (found == length)
			return true;
	}
	return false;
}

START_TEST(random_use_agrees_with_the_model)
{
	struct {
		uint32_t at, units;
	} runs[MOST];
	uint32_t count = 0;

	srand(20260101);
	start(233);
	for (int step = 0; step < 30000; step++) {
		uint32_t units = 1 + (uint32_t)rand() % 24, i;

		if (rand() % 2 == 0) {
			uint32_t at = smi_buddy_take(&buddy, units, 0);

			ck_assert_int_eq(at != SMI_NONE, has_run(units));
			if (at == SMI_NONE)
				continue;
			note(at, units);
			runs[count].at = at;
			runs[count++].units = units;
		} else if (count > 0) {
			i = (uint32_t)rand() % count;
			ck_assert_uint_gt(runs[i].units, 0);
			/* Give the run back as a whole or in two parts. */
			units = 1 + (uint32_t)rand() % runs[i].units;
			give(runs[i].at + runs[i].units - units, units);
			if (runs[i].units > units)
				give(runs[i].at, runs[i].units - units);
			runs[i] = runs[--count];
		}
		check();
	}
}
END_TEST

START_TEST(the_audit_detects_damage)
{
	start(64);
	note(smi_buddy_take(&buddy, 5, 0), 5);
	check();
	buddy.count[0] ^= 1;
	ck_assert_ptr_nonnull(smi_buddy_audit(&buddy));
	buddy.count[0] ^= 1;
	buddy.free_map[0] ^= 1;
	ck_assert_ptr_nonnull(smi_buddy_audit(&buddy));
	buddy.free_map[0] ^= 1;
	buddy.free_units++;
	ck_assert_ptr_nonnull(smi_buddy_audit(&buddy));
	buddy.free_units--;
	/* Units 6 and 7 are free separately instead of as one block. */
	buddy.map[1][0] ^= 1u << 3;
	buddy.count[1]--;
	buddy.map[0][0] ^= 3u << 6;
	buddy.count[0] += 2;
	ck_assert_str_eq(smi_buddy_audit(&buddy),
	                 "B2: two free buddies are not joined");
}
END_TEST

UNIT_MAIN("buddy", a_pool_of_any_size_can_be_used_up_unit_by_unit,
          any_free_run_can_be_taken, alignment_is_kept,
          random_use_agrees_with_the_model, the_audit_detects_damage)
