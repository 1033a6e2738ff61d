/* Wiping, searching for bytes that were not wiped, and comparing. */
/* SPDX-License-Identifier: ISC */
#include "base/wipe.h"

#include "unit.h"

#include <string.h>

#define MOST 2600

static unsigned char _Alignas(16) a[MOST + 40], b[300];

static void check_wiped(size_t from, size_t bytes)
{
	for (size_t i = 0; i < sizeof(a); i++)
		if (a[i] != (i >= from && i < from + bytes ? 0 : 0xa5))
			ck_abort_msg("byte %zu of %zu from %zu", i, bytes,
			             from);
}

START_TEST(exactly_the_range_is_wiped)
{
	for (size_t from = 0; from < 20; from++)
		for (size_t bytes = 0; bytes < MOST;
		     bytes += bytes < 270 ? 1 : 97) {
			memset(a, 0xa5, sizeof(a));
			smi_wipe_bytes(a + from, bytes);
			check_wiped(from, bytes);
		}
	for (size_t bytes = 16; bytes < MOST; bytes += 16) {
		memset(a, 0xa5, sizeof(a));
		smi_wipe_granules(a + 16, bytes);
		check_wiped(16, bytes);
	}
}
END_TEST

START_TEST(the_first_nonzero_byte_is_found)
{
	for (size_t from = 0; from < 9; from++)
		for (size_t bytes = 0; bytes < 100; bytes++) {
			memset(a, 0xff, sizeof(a));
			memset(a + from, 0, bytes);
			ck_assert_uint_eq(smi_wipe_first_nonzero(a + from,
			                                         bytes),
			                  bytes);
			for (size_t at = 0; at < bytes; at++) {
				a[from + at] = 0x80;
				ck_assert_uint_eq(
					smi_wipe_first_nonzero(a + from, bytes),
					at);
				a[from + at] = 0;
			}
		}
}
END_TEST

START_TEST(any_nonzero_byte_of_the_checked_granules_is_noticed)
{
	for (size_t bytes = 16; bytes <= 512; bytes += 16) {
		memset(a, 0xff, sizeof(a));
		memset(a + 16, 0, bytes);
		ck_assert(smi_granules_are_zero(a + 16, bytes));
		for (size_t at = 0; at < bytes; at++) {
			a[16 + at] = 0x10;
			ck_assert_int_eq(smi_granules_are_zero(a + 16, bytes),
			                 at >= SMI_CHECKED_BYTES);
			a[16 + at] = 0;
		}
	}
}
END_TEST

START_TEST(any_bit_makes_a_difference)
{
	memset(a, 0x5a, sizeof(a));
	memset(b, 0x5a, sizeof(b));
	ck_assert(smi_wipe_equal(a, b, 0));
	ck_assert(smi_wipe_equal(a, b, sizeof(b)));
	for (size_t at = 0; at < sizeof(b); at++)
		for (unsigned bit = 0; bit < 8; bit++) {
			b[at] ^= (unsigned char)(1u << bit);
			ck_assert(!smi_wipe_equal(a, b, sizeof(b)));
			ck_assert(smi_wipe_equal(a, b, at));
			b[at] ^= (unsigned char)(1u << bit);
		}
}
END_TEST

UNIT_MAIN("wipe", exactly_the_range_is_wiped, the_first_nonzero_byte_is_found,
          any_nonzero_byte_of_the_checked_granules_is_noticed,
          any_bit_makes_a_difference)
