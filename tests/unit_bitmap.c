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

static uint32_t model_next(uint32_t bits, uint32_t from)
{
	for (uint32_t i = from; i < bits; i++)
		if (model[i])
			return i;
	return SMI_NONE;
}

START_TEST(the_next_set_bit_is_found)
{
	for (uint32_t bits = 1; bits < MOST; bits++) {
		fill(bits, bits);
		for (uint32_t from = 0; from <= bits; from++)
			ck_assert_uint_eq(smi_bitmap_next_set(map, bits, from),
			                  model_next(bits, from));
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

START_TEST(exactly_a_range_is_set)
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
			ck_assert_uint_eq(smi_bitmap_next_set(map, 256, to - 1),
			                  to - 1);
		}
}
END_TEST

UNIT_MAIN("bitmap", the_next_set_bit_is_found,
          set_bits_are_counted_and_selected, exactly_a_range_is_set)
