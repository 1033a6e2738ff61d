/* The bitmap agrees with an array of bools, for every length up to a few
 * words. */
/* SPDX-License-Identifier: ISC */
#include "base/bitmap.h"

#include "unit.h"

#include <string.h>

#define MOST 200u

static uint32_t map[8];
static bool model[MOST];

/* Fill the bitmap and the model with long runs, differently for each seed. */
static void fill(uint32_t bits, unsigned seed)
{
	bool on = false;

	srand(seed);
	memset(map, 0, sizeof(map));
	for (uint32_t i = 0; i < bits; i++) {
		if (rand() % 5 == 0)
			on = !on;
		model[i] = on;
		if (on)
			smi_bitmap_set(map, i);
	}
}

static uint32_t model_next(uint32_t bits, uint32_t from, bool value)
{
	for (uint32_t i = from; i < bits; i++)
		if (model[i] == value)
			return i;
	return SMI_NONE;
}

START_TEST(the_next_set_or_clear_bit_is_found)
{
	for (uint32_t bits = 1; bits < MOST; bits++) {
		fill(bits, bits);
		for (uint32_t from = 0; from <= bits; from++) {
			ck_assert_uint_eq(smi_bitmap_next_set(map, bits, from),
			                  model_next(bits, from, true));
			ck_assert_uint_eq(smi_bitmap_next_clear(map, bits,
			                                        from),
			                  model_next(bits, from, false));
		}
	}
}
END_TEST

START_TEST(set_bits_are_counted_and_selected)
{
	for (uint32_t bits = 1; bits < MOST; bits++) {
		uint32_t count = 0;

		fill(bits, bits + 1000);
		for (uint32_t i = 0; i < bits; i++) {
			ck_assert_int_eq(smi_bitmap_get(map, i), model[i]);
			if (!model[i])
				continue;
			ck_assert_uint_eq(smi_bitmap_nth_set(map, bits, count),
			                  i);
			count++;
		}
		ck_assert_uint_eq(smi_bitmap_count(map, bits), count);
		ck_assert_uint_eq(smi_bitmap_nth_set(map, bits, count),
		                  SMI_NONE);
	}
}
END_TEST

START_TEST(exactly_a_range_is_set_or_cleared)
{
	const uint32_t bits = 130;

	for (uint32_t from = 0; from < bits; from++)
		for (uint32_t to = from + 1; to <= bits; to++) {
			memset(map, 0, sizeof(map));
			smi_bitmap_set_range(map, from, to);
			ck_assert_uint_eq(smi_bitmap_next_set(map, 256, 0),
			                  from);
			ck_assert_uint_eq(smi_bitmap_count(map, 256),
			                  to - from);
			memset(map, 0xff, sizeof(map));
			smi_bitmap_clear_range(map, from, to);
			ck_assert_uint_eq(smi_bitmap_next_clear(map, 256, 0),
			                  from);
			ck_assert_uint_eq(smi_bitmap_count(map, 256),
			                  256 - (to - from));
		}
}
END_TEST

static uint32_t model_run(uint32_t bits, uint32_t length, uint32_t align)
{
	for (uint32_t at = 0; at + length <= bits; at += align) {
		uint32_t i = 0;

		while (i < length && model[at + i])
			i++;
		if (i == length)
			return at;
	}
	return SMI_NONE;
}

START_TEST(the_lowest_aligned_run_is_found)
{
	for (uint32_t bits = 1; bits < MOST; bits += 3)
		for (unsigned seed = 0; seed < 5; seed++) {
			fill(bits, bits * 10 + seed);
			for (uint32_t length = 1; length < 20; length++)
				for (uint32_t align = 1; align <= 32;
				     align *= 2)
					ck_assert_uint_eq(
						smi_bitmap_find_run(map, bits,
					                            length,
					                            align),
						model_run(bits, length, align));
		}
}
END_TEST

UNIT_MAIN("bitmap", the_next_set_or_clear_bit_is_found,
          set_bits_are_counted_and_selected, exactly_a_range_is_set_or_cleared,
          the_lowest_aligned_run_is_found)
