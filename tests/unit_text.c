/* Formatting of text into a fixed buffer. */
/* SPDX-License-Identifier: ISC */
#include "base/text.h"

#include "unit.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

static char buffer[64], want[64];
static struct smi_text text;

START_TEST(conversions_agree_with_printf)
{
	static const size_t sizes[] = {0, 1, 9, 10, 4096, SIZE_MAX};
	static const int ints[] = {0, 1, -1, 42, INT_MAX, INT_MIN};

	for (size_t i = 0; i < 6; i++) {
		smi_text_start(&text, buffer, sizeof(buffer));
		smi_text_add(&text, "[%s %zu %d %p %%]", "word", sizes[i],
		             ints[i], (void *)(sizes[i] | 1));
		snprintf(want, sizeof(want), "[%s %zu %d %p %%]", "word",
		         sizes[i], ints[i], (void *)(sizes[i] | 1));
		ck_assert_str_eq(buffer, want);
		ck_assert_uint_eq(text.length, strlen(want));
	}
}
END_TEST

START_TEST(text_that_does_not_fit_is_cut)
{
	for (size_t room = 1; room < 20; room++) {
		memset(buffer, '!', sizeof(buffer));
		smi_text_start(&text, buffer, room);
		smi_text_add(&text, "0123456789%d", 12345);
		ck_assert_uint_eq(strlen(buffer),
		                  room - 1 < 15 ? room - 1 : 15);
		ck_assert_int_eq(buffer[room], '!');
		ck_assert_int_eq(strncmp(buffer, "012345678912345",
		                         strlen(buffer)),
		                 0);
	}
}
END_TEST

UNIT_MAIN("text", conversions_agree_with_printf, text_that_does_not_fit_is_cut)
