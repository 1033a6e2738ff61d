/*
 * secmalloc_wipe() and secmalloc_equal(), including a size of 0 and NULL.
 *
 * SPDX-License-Identifier: ISC
 */
#include "api.h"

START_TEST(wipe_clears_and_equal_compares_exactly_n_bytes)
{
	char a[40], b[40];

	memset(a, 'a', sizeof(a));
	memset(b, 'a', sizeof(b));
	ck_assert_int_eq(secmalloc_equal(a, b, 40), 1);
	b[39] = 'b';
	ck_assert_int_eq(secmalloc_equal(a, b, 40), 0);
	ck_assert_int_eq(secmalloc_equal(a, b, 39), 1);
	ck_assert_int_eq(secmalloc_equal(NULL, NULL, 0), 1);
	ck_assert_int_eq(secmalloc_equal(NULL, b, 1), 0);
	ck_assert_int_eq(secmalloc_equal(a, NULL, 1), 0);
	ck_assert_int_eq(secmalloc_equal(NULL, NULL, 1), 0);
	secmalloc_wipe(a + 1, 38);
	ck_assert_int_eq(a[0], 'a');
	for (int i = 1; i < 39; i++)
		ck_assert_int_eq(a[i], 0);
	ck_assert_int_eq(a[39], 'a');
	secmalloc_wipe(NULL, 10);
	secmalloc_wipe(a, 0);
	ck_assert_int_eq(a[0], 'a');
}
END_TEST

API_MAIN(wipe_clears_and_equal_compares_exactly_n_bytes)
