/* Runs in several pools, of one size and of many. */
/* SPDX-License-Identifier: ISC */
#include "fake_pools.h"
#include "os/os.h"
#include "random.h"
#include "unit.h"

static struct fake fake;

static void check(void)
{
	struct smi_run_sums sums = {0};
	const char *wrong = smi_pool_audit(&fake.pools);

	for (uint32_t pool = smi_pool_next(&fake.pools, SMI_NONE);
	     wrong == NULL && pool != SMI_NONE;
	     pool = smi_pool_next(&fake.pools, pool))
		wrong = smi_run_audit(&fake.runs, pool, &sums);
	if (wrong == NULL)
		wrong = smi_run_audit_sums(&fake.runs, &sums);
	ck_assert_msg(wrong == NULL, "%s", wrong != NULL ? wrong : "");
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
	for (size_t pages = 1; pages < 40; pages += 3)
		for (size_t strides = 1; strides <= 17; strides += 4) {
			size_t bytes;

			fake_start(&fake, 4096, pages * 4096, false, MAX);
			bytes = strides
			                * smi_geometry_stride(
						&fake.pools.geometry)
			        - 4096;
			use_whole_pool(fake_add(&fake, bytes), bytes);
			fake_end(&fake);
		}
}
END_TEST

/* The smallest extent that is large enough is used, and of equal ones the
 * lowest. */
START_TEST(the_smallest_extent_is_used_first)
{
	fake_start(&fake, 4096, 15 * 4096, false, 8);
	fake_add(&fake, 15 * 4096);
	fake_add(&fake, 40 * 4096);
	fake_add(&fake, 3 * 4096);
	fake_add(&fake, 3 * 4096);
	for (uint32_t used = 0; used < 61 * 8; used++) {
		uint32_t run = smi_run_take(&fake.runs, 1, 0);
		uint32_t pool = used < 24 ? 4 : used < 48 ? 5 : 1;

		ck_assert_uint_ne(run, SMI_NONE);
		if (used >= 48)
			pool = used < 168 ? 0 : 1;
		ck_assert_uint_eq(smi_run_pool(&fake.runs, run), pool);
		check();
	}
	ck_assert_uint_eq(smi_run_take(&fake.runs, 1, 0), SMI_NONE);
	smi_run_give(&fake.runs, 5, 1);
	ck_assert_uint_eq(smi_run_take(&fake.runs, 1, 0), 5);
	fake_end(&fake);
}
END_TEST

START_TEST(a_run_grows_and_shrinks_in_place)
{
	uint32_t run, next;

	fake_start(&fake, 4096, 16 * 4096, false, 2);
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

	fake_start(&fake, 4096, 16 * 4096, false, 2);
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

	fake_start(&fake, 4096, 16 * 4096, false, 2);
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
	ck_assert_uint_eq(fake.runs.extents.free_units,
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

/* ---- Against a model ---------------------------------------------------- */

/* In the model, what a unit is, or else the number of its run. */
#define NOWHERE 0u
#define FREE    1u

#define MODEL_POOLS 12
#define MODEL_UNITS (MODEL_POOLS * 2048) /* for pages of 64 KiB */

static uint32_t model[MODEL_UNITS];
static uint32_t units_in_all; /* in all strides */
static struct {
	uint32_t at, units, name;
} runs[MODEL_UNITS];
static uint32_t count, names = FREE;
static uint64_t seed;

static uint32_t below(uint32_t limit)
{
	return (uint32_t)(random_next(&seed) % limit);
}

static void model_set(uint32_t from, uint32_t units, uint32_t was, uint32_t is)
{
	ck_assert_uint_le(from + units, units_in_all);
	for (uint32_t i = from; i < from + units; i++) {
		unit_check(model[i] == was);
		model[i] = is;
	}
}

/* Compare the heads and what is free beside each unit. */
static void compare(void)
{
	size_t free_units = 0;
	uint32_t used = fake.pools.used * (units_in_all / MODEL_POOLS);

	for (uint32_t i = 0, start = 0; i < used; i++) {
		if (i == 0 || model[i] != model[i - 1])
			start = i;
		unit_check(fake.runs.heads[i]
		           == (model[i] > FREE ? start : SMI_NONE));
		free_units += model[i] == FREE;
		if (i == start && model[i] > FREE)
			unit_check(smi_run_is_run(&fake.runs, i));
		if (model[i] > FREE && i != start)
			unit_check(!smi_run_is_run(&fake.runs, i));
	}
	ck_assert_uint_eq(fake.runs.extents.free_units, free_units);
	for (uint32_t i = 0; i < count; i++) {
		uint32_t before = 0, after = 0;
		uint32_t at = runs[i].at, end = at + runs[i].units;

		while (at > before && model[at - before - 1] == FREE)
			before++;
		while (end + after < units_in_all && model[end + after] == FREE)
			after++;
		/* Pools that do not meet have a guard between them. */
		unit_check(smi_run_free_before(&fake.runs, at) == before);
		unit_check(smi_run_free_from(&fake.runs, end) == after);
		unit_check(smi_run_units(&fake.runs, at) == runs[i].units);
	}
	check();
}

/* The place of an aligned run by the rule: in the smallest extent that holds
 * one, in the lowest of several, and as low as possible. The extent at the end
 * of joined pools is the last resort. */
static uint32_t model_take(uint32_t units, unsigned align_order)
{
	uint32_t from = (uint32_t)(fake.runs.start >> SMI_UNIT_SHIFT);
	uint32_t align = 1u << align_order, best = SMI_NONE, shortest = 0;
	uint32_t end_of_all = (uint32_t)(smi_pool_end(&fake.pools)
	                                 >> SMI_UNIT_SHIFT);

	for (uint32_t i = 0, end; i < units_in_all; i = end) {
		uint32_t at = i;

		for (end = i + 1; end < units_in_all && model[end] == model[i];)
			end++;
		while ((from + at) % align != 0)
			at++;
		uint32_t length = fake.pools.geometry.joined
		                                  && end == end_of_all
		                          ? SMI_NONE
		                          : end - i;

		if (model[i] == FREE && at + units <= end
		    && (best == SMI_NONE || length < shortest)) {
			best = at;
			shortest = length;
		}
	}
	return best;
}

static void take(void)
{
	uint32_t units = 1 + below(below(4) == 0 ? 200 : 30);
	unsigned align_order = below(3) == 0 ? below(10) : 0;
	uint32_t wanted = model_take(units, align_order);
	uint32_t at = smi_run_take(&fake.runs, units, align_order);

	if (align_order == 0) {
		ck_assert_uint_eq(at, wanted);
	} else {
		/* A longer extent may be preferred. */
		ck_assert_uint_eq(at == SMI_NONE, wanted == SMI_NONE);
		ck_assert(at == SMI_NONE
		          || smi_run_align(&fake.runs, at, align_order) == at);
	}
	if (at == SMI_NONE)
		return;
	model_set(at, units, FREE, ++names);
	runs[count].at = at;
	runs[count].units = units;
	runs[count++].name = names;
	/* The run's notes are the caller's to write. */
	memset(smi_run_notes(&fake.runs, at), 0xa5,
	       units * SMI_UNIT_NOTES_BYTES);
}

/* Give a run back, or its end. */
static void give(uint32_t i)
{
	uint32_t units = runs[i].units, less = below(4) == 0 ? below(units) : 0;

	smi_run_give(&fake.runs, runs[i].at + less, units - less);
	model_set(runs[i].at + less, units - less, runs[i].name, FREE);
	runs[i].units = less;
	if (less == 0)
		runs[i] = runs[--count];
}

static void grow_run(uint32_t i)
{
	uint32_t at = runs[i].at, had = runs[i].units, more = 1 + below(20);
	uint32_t before = 0, after = 0, wide = SMI_NONE;

	while (after < more && at + had + after < units_in_all
	       && model[at + had + after] == FREE)
		after++;
	while (before < more - after && at > before
	       && model[at - before - 1] == FREE)
		before++;
	if (below(2) == 0) {
		unit_check(smi_run_extend(&fake.runs, at, had, more)
		           == (after == more));
		if (after < more)
			return;
		wide = at;
	} else {
		wide = smi_run_widen(&fake.runs, at, had, had + more);
		unit_check((wide != SMI_NONE) == (before + after == more));
		if (wide == SMI_NONE)
			return;
		unit_check(wide == at - before);
		model_set(wide, before, FREE, runs[i].name);
	}
	model_set(at + had, after, FREE, runs[i].name);
	runs[i].at = wide;
	runs[i].units = had + more;
}

/* Lock memory in one of the gaps. */
static void add(void)
{
	struct smi_piece gap = {0, 0}, piece = {0, 0};
	size_t page = fake.pools.geometry.page_bytes, room;
	size_t most = fake.pools.geometry.joined || below(20) == 0 ? 40 : 6;

	while (smi_pool_next_gap(&fake.pools, &gap)) {
		room = smi_pool_room(&fake.pools, &gap);
		if (room == 0 || (piece.bytes > 0 && below(2) == 0))
			continue;
		piece = gap;
		piece.bytes = room;
	}
	if (piece.bytes == 0)
		return;
	/* Often all of it, so that pools meet. */
	room = piece.bytes / page;
	if (room > most)
		room = most;
	if (below(3) > 0)
		room = 1 + below((uint32_t)room);
	piece.bytes = room * page;
	smi_os_open((unsigned char *)fake.pools.start + piece.offset,
	            piece.bytes);
	fake_add_piece(&fake, piece);
	model_set((uint32_t)(piece.offset >> SMI_UNIT_SHIFT),
	          (uint32_t)(piece.bytes >> SMI_UNIT_SHIFT), NOWHERE, FREE);
}

/* Close a part of a random extent, if it has one. */
static void close_part(void)
{
	/* An extent of an ordinary size, or of a large one. */
	uint32_t most = fake.pools.geometry.joined ? 300 : 60;
	uint32_t extent = smi_extents_find(&fake.runs.extents, below(most),
	                                   below(units_in_all));
	struct smi_piece part;

	if (extent == SMI_NONE)
		return;
	part.offset = extent * SMI_UNIT_BYTES;
	part.bytes = smi_extents_units(&fake.runs.extents, extent)
	             * SMI_UNIT_BYTES;
	if (!smi_pool_closable(&fake.pools, &part))
		return;
	smi_run_withdraw(&fake.runs, extent, &part);
	ck_assert_int_eq(smi_pool_close(&fake.pools, &part), 0);
	model_set((uint32_t)(part.offset >> SMI_UNIT_SHIFT),
	          (uint32_t)(part.bytes >> SMI_UNIT_SHIFT), FREE, NOWHERE);
}

static void agree(bool joined, uint64_t first_seed)
{
	/* Larger pages have more units, all of which are compared each time. */
	size_t page = smi_os_page_bytes(), steps = page > 4096 ? 1000 : 10000;
	size_t pool = joined ? smi_geometry_default_pool(page) : 5 * page;
	struct smi_piece kept = {0, 2 * page};
	unsigned closed = 0, held = 0;

	seed = first_seed;
	fake_start(&fake, page, pool, joined, MODEL_POOLS);
	units_in_all = MODEL_POOLS
	               * smi_geometry_stride_units(&fake.pools.geometry);
	ck_assert_uint_le(units_in_all, MODEL_UNITS);
	memset(model, 0, sizeof(model));
	count = 0;
	for (size_t step = 0; step < steps; step++) {
		size_t bytes = fake.pools.bytes;

		/* Now there is more to take, now more to give back. */
		if (below(30) == 0)
			add();
		else if (below(4) == 0)
			close_part();
		else if (count == 0 || below(100) < (step / 1000 % 2 ? 15 : 60))
			take();
		else if (below(4) == 0)
			grow_run(below(count));
		else
			give(below(count));
		if (step == 1000 && fake.pools.bytes > 0
		    && fake.pools.table[0].pages >= 2)
			smi_pool_keep(&fake.pools, &kept);
		closed += fake.pools.bytes < bytes;
		held += fake.pools.holes > 0;
		compare();
	}
	/* The suite has seen what it is for, unless its steps were few. */
	if (page == 4096) {
		ck_assert_uint_gt(closed, 10);
		ck_assert_uint_gt(held, 10);
	}
	smi_os_open(fake.pools.reservation, fake.pools.geometry.reserve_bytes);
	fake_end(&fake);
}

START_TEST(runs_in_joined_pools_agree_with_a_model)
{
	agree(true, 1);
	agree(true, 2);
}
END_TEST

START_TEST(runs_in_pools_apart_agree_with_a_model)
{
	agree(false, 7);
	agree(false, 8);
}
END_TEST

/* ---- Damage ------------------------------------------------------------- */

static const char *audit(void)
{
	struct smi_run_sums sums = {0};
	const char *wrong = smi_run_audit(&fake.runs, 0, &sums);

	return wrong != NULL ? wrong : smi_run_audit_sums(&fake.runs, &sums);
}

#define DAMAGE(place, value, words)                                        \
	do {                                                               \
		__typeof__(place) was = place;                             \
                                                                           \
		(place) = (value);                                         \
		ck_assert_ptr_nonnull(audit());                            \
		ck_assert_msg(strncmp(audit(), words, strlen(words)) == 0, \
		              "%s, and not %s", audit(), words);           \
		(place) = was;                                             \
		ck_assert_ptr_null(audit());                               \
	} while (0)

START_TEST(the_audit_detects_damage)
{
	struct smi_extents *extents = &fake.runs.extents;
	uint32_t *heads, *first;

	fake_start(&fake, 4096, 15 * 4096, false, 2);
	fake_add(&fake, 15 * 4096);
	for (uint32_t i = 0; i < 6; i++)
		ck_assert_uint_eq(smi_run_take(&fake.runs, 5, 0), 5 * i);
	smi_run_give(&fake.runs, 5, 5);
	smi_run_give(&fake.runs, 15, 5);
	ck_assert_ptr_null(audit());
	heads = fake.runs.heads;
	/* The number of units of the first extent. */
	first = smi_run_notes(&fake.runs, 5);
	DAMAGE(heads[1], 5, "R1");
	DAMAGE(heads[1], SMI_NONE, "R");
	DAMAGE(heads[0], 1, "R1");
	DAMAGE(heads[6], 0, "R1");
	DAMAGE(heads[5], 0, "R2");
	DAMAGE(heads[125], 0, "R1");
	DAMAGE(*first, 0, "R2");
	DAMAGE(*first, 4, "R2");
	DAMAGE(*first, 1000, "R2");
	DAMAGE(*first, UINT32_MAX, "R2");
	DAMAGE(extents->root, SMI_NONE, "E1");
	DAMAGE(extents->count, extents->count + 1, "E1");
	DAMAGE(extents->free_units, extents->free_units + 1, "R3");
	DAMAGE(extents->units_of[2], 0, "E2");
	fake_end(&fake);
}
END_TEST

UNIT_MAIN("run", metadata_of_a_large_pool_fit_its_strides,
          the_smallest_extent_is_used_first, a_run_grows_and_shrinks_in_place,
          units_of_small_blocks_are_needed_too,
          a_run_widens_over_the_free_units_beside_it,
          runs_in_joined_pools_agree_with_a_model,
          runs_in_pools_apart_agree_with_a_model, the_audit_detects_damage)
