/* Runs in several pools, of one size and of many. */
/* SPDX-License-Identifier: ISC */
#include "fake_pools.h"
#include "unit.h"

static struct fake fake;

static void check(void)
{
	ck_assert_ptr_null(smi_pool_audit(&fake.pools));
	for (uint32_t pool = smi_pool_next(&fake.pools, SMI_NONE);
	     pool != SMI_NONE; pool = smi_pool_next(&fake.pools, pool)) {
		const char *wrong = smi_run_audit(&fake.runs, pool);

		ck_assert_msg(wrong == NULL, "%s", wrong != NULL ? wrong : "");
	}
}

/* Take the whole pool as one run, and find that run from each of its units. */
static void use_whole_pool(uint32_t pool, size_t bytes)
{
	uint32_t units = (uint32_t)(bytes / SMI_UNIT_BYTES);
	uint32_t run = smi_run_take(&fake.runs, units, 0);
	uintptr_t start;

	ck_assert_uint_ne(run, SMI_NONE);
	start = smi_run_address(&fake.runs, run);
	ck_assert_uint_eq(start, smi_pool_start(&fake.pools, pool));
	ck_assert_uint_eq(smi_run_pool(&fake.runs, run), pool);
	for (size_t at = 0; at < bytes; at += SMI_UNIT_BYTES)
		ck_assert_uint_eq(smi_run_find(&fake.runs, start + at), run);
	/* All notes of the run can be written without changing anything
	 * else. */
	memset(smi_run_notes(&fake.runs, run), 0x77,
	       units * SMI_UNIT_NOTES_BYTES);
	check();
	smi_run_give(&fake.runs, run, units);
	check();
}

/* The number of pools. The smallest take a quarter of a stride. */
#define MAX 70

START_TEST(metadata_of_a_large_pool_fit_its_strides)
{
	for (size_t pages = 1; pages < 40; pages += 3) {
		size_t usual = pages * 4096;

		fake_start(&fake, 4096, usual, MAX);
		for (size_t strides = 1; strides <= 17; strides++) {
			size_t stride = smi_geometry_stride(
				&fake.pools.geometry);
			size_t bytes = strides * stride - 4096;
			const struct smi_strip *strip;
			struct smi_buddy *buddy;
			uint32_t pool;

			fake.pools.used = 0;
			fake.pools.count = 0;
			fake.pools.bytes = 0;
			for (size_t i = 0; i < SMI_STRIPS; i++) {
				strip = &fake.pools.strips[i];
				memset(strip->at, 0, MAX * strip->stride_bytes);
			}
			memset(fake.runs.best, 0, MAX);
			pool = fake_add(&fake, bytes);
			buddy = smi_run_buddy(&fake.runs, pool);
			ck_assert_uint_le(sizeof(*buddy)
			                          + smi_buddy_map_bytes(
							  buddy->units),
			                  strides * fake.runs.buddy_bytes);
			use_whole_pool(pool, bytes);
		}
		fake_end(&fake);
	}
}
END_TEST

START_TEST(pools_are_used_in_order_and_to_the_end)
{
	uint32_t first, last = SMI_NONE;

	fake_start(&fake, 4096, 15 * 4096, 8);
	fake_add(&fake, 15 * 4096);
	fake_add(&fake, 40 * 4096);
	fake_add(&fake, 3 * 4096);
	first = smi_run_take(&fake.runs, 1, 0);
	ck_assert_uint_eq(smi_run_pool(&fake.runs, first), 0);
	for (int units = 1; units < 58 * 8; units++) {
		last = smi_run_take(&fake.runs, 1, 0);
		ck_assert_uint_ne(last, SMI_NONE);
	}
	check();
	ck_assert_uint_eq(smi_run_take(&fake.runs, 1, 0), SMI_NONE);
	ck_assert_uint_eq(smi_run_pool(&fake.runs, last), fake.pools.used - 1);
	smi_run_give(&fake.runs, first, 1);
	ck_assert_uint_eq(smi_run_take(&fake.runs, 1, 0), first);
	fake_end(&fake);
}
END_TEST

START_TEST(a_run_grows_and_shrinks_in_place)
{
	uint32_t run, next;

	fake_start(&fake, 4096, 16 * 4096, 2);
	fake_add(&fake, 16 * 4096);
	run = smi_run_take(&fake.runs, 3, 0);
	ck_assert(smi_run_extend(&fake.runs, run, 3, 4));
	check();
	next = smi_run_take(&fake.runs, 1, 0);
	ck_assert_uint_eq(next, run + 7);
	ck_assert(!smi_run_extend(&fake.runs, run, 7, 1));
	check();
	smi_run_give(&fake.runs, run + 2, 5);
	check();
	ck_assert(smi_run_extend(&fake.runs, run, 2, 5));
	/* A run does not grow past the end of the pool. */
	smi_run_give(&fake.runs, next, 1);
	ck_assert(!smi_run_extend(&fake.runs, run, 7, 122));
	ck_assert(smi_run_extend(&fake.runs, run, 7, 121));
	check();
	fake_end(&fake);
}
END_TEST

/* What a run needs are the taken units, and the free ones that are of no use to
 * it. The peak of that is kept. */
START_TEST(units_of_small_blocks_are_needed_too)
{
	uint32_t runs[4], two;

	fake_start(&fake, 4096, 16 * 4096, 2);
	fake_add(&fake, 16 * 4096);
	ck_assert_uint_eq(smi_run_needed_peak(&fake.runs), 0);
	for (int i = 0; i < 4; i++)
		runs[i] = smi_run_take(&fake.runs, 1, 0);
	ck_assert_uint_eq(smi_run_needed_peak(&fake.runs), 4);
	smi_run_give(&fake.runs, runs[0], 1);
	smi_run_give(&fake.runs, runs[2], 1);
	/* Two single units are free. This run cannot use them. */
	two = smi_run_take(&fake.runs, 2, 0);
	ck_assert_uint_eq(smi_run_needed_peak(&fake.runs), 6);
	/* A run of one unit can. */
	runs[0] = smi_run_take(&fake.runs, 1, 0);
	ck_assert_uint_eq(smi_run_needed_peak(&fake.runs), 6);
	ck_assert(smi_run_extend(&fake.runs, two, 2, 2));
	ck_assert_uint_eq(smi_run_needed_peak(&fake.runs), 8);
	smi_run_give(&fake.runs, two, 4);
	ck_assert_uint_eq(smi_run_needed_peak(&fake.runs), 8);
	check();
	fake_end(&fake);
}
END_TEST

/* A run of `had` units with free ones beside it, at the start, in the middle or
 * at the end of a full pool, is widened to `to`. */
static void widen(uint32_t gap, uint32_t before, uint32_t had, uint32_t after,
                  uint32_t to)
{
	uint32_t run, first, last, rest, wide;

	fake_start(&fake, 4096, 16 * 4096, 2);
	fake_add(&fake, 16 * 4096);
	rest = 128 - gap - before - had - after;
	ck_assert_uint_eq(smi_run_take(&fake.runs, 128, 0), 0);
	smi_run_give(&fake.runs, 0, 128);
	ck_assert(gap == 0 || smi_run_take(&fake.runs, gap, 0) == 0);
	first = before > 0 ? smi_run_take(&fake.runs, before, 0) : SMI_NONE;
	run = smi_run_take(&fake.runs, had, 0);
	last = after > 0 ? smi_run_take(&fake.runs, after, 0) : SMI_NONE;
	ck_assert_uint_eq(run, gap + before);
	ck_assert(rest == 0 || smi_run_take(&fake.runs, rest, 0) != SMI_NONE);
	if (before > 0)
		smi_run_give(&fake.runs, first, before);
	if (after > 0)
		smi_run_give(&fake.runs, last, after);

	wide = smi_run_widen(&fake.runs, run, had, to);
	check();
	if (to > before + had + after) {
		ck_assert_uint_eq(wide, SMI_NONE);
		ck_assert_uint_eq(smi_run_units(&fake.runs, run), had);
	} else {
		uint32_t taken = to - had > after ? to - had - after : 0;

		ck_assert_uint_eq(wide, run - taken);
		ck_assert_uint_eq(smi_run_units(&fake.runs, wide), to);
	}
	ck_assert_uint_eq(fake.runs.free_units,
	                  before + after - (wide != SMI_NONE ? to - had : 0));
	fake_end(&fake);
}

START_TEST(a_run_widens_over_the_free_units_beside_it)
{
	/* Not powers of two: such runs lie side by side. */
	static const uint32_t few[] = {0, 3, 5, 11};

	for (int gap = 0; gap < 4; gap++)
		for (int before = 0; before < 4; before++)
			for (int after = 0; after < 4; after++)
				for (uint32_t to = 8; to < 35; to++)
					widen(few[gap], few[before], 7,
					      few[after], to);
	/* Up to the end of the pool. */
	for (uint32_t to = 8; to < 35; to++)
		widen(104, 5, 7, 12, to), widen(116, 5, 7, 0, to);
}
END_TEST

UNIT_MAIN("run", metadata_of_a_large_pool_fit_its_strides,
          pools_are_used_in_order_and_to_the_end,
          a_run_grows_and_shrinks_in_place,
          units_of_small_blocks_are_needed_too,
          a_run_widens_over_the_free_units_beside_it)
