/* The random number generator that decides the order of slots. */
/* SPDX-License-Identifier: ISC */
#include "base/random.h"

#include "unit.h"

START_TEST(numbers_are_uniform_below_the_bound)
{
	struct smi_random random = {1, 2, 3, 4};

	for (uint32_t n = 1; n < 200; n += 7) {
		uint32_t counts[200] = {0}, draws = n * 1000;

		for (uint32_t i = 0; i < draws; i++) {
			uint32_t r = smi_random_below(&random, n);

			unit_check(r < n);
			counts[r]++;
		}
		/* About 1,000 of each number, within seven standard deviations
		 * of 32. */
		for (uint32_t i = 0; n > 1 && i < n; i++) {
			ck_assert_uint_gt(counts[i], 1000 - 7 * 32);
			ck_assert_uint_lt(counts[i], 1000 + 7 * 32);
		}
	}
	for (int i = 0; i < 1000; i++)
		ck_assert_uint_lt(smi_random_below(&random, UINT32_MAX),
		                  UINT32_MAX);
}
END_TEST

START_TEST(another_state_gives_another_order)
{
	struct smi_random a = {1, 2, 3, 4}, b = {1, 2, 3, 5};
	unsigned same = 0;

	for (int i = 0; i < 1000; i++)
		same += smi_random_below(&a, 64) == smi_random_below(&b, 64);
	ck_assert_uint_lt(same, 60);
}
END_TEST

UNIT_MAIN("random", numbers_are_uniform_below_the_bound,
          another_state_gives_another_order)
