/* The message for each kind of misuse never contains a byte of the caller's
 * memory. */
/* SPDX-License-Identifier: ISC */
#include "report/misuse.h"

#include "unit.h"

#include <stdio.h>
#include <string.h>

static const char secret[16] = "0123456789abcde";
static char words[300];

static const char *words_of(enum smi_misuse_kind kind)
{
	struct smi_misuse misuse = {
		.kind = kind,
		.pool = 3,
		.pool_offset = 512,
		.place = (uintptr_t)secret,
		.size = 48,
		.at = 7,
	};
	struct smi_text text;

	smi_text_start(&text, words, sizeof(words));
	smi_misuse_words(&misuse, &text);
	return words;
}

START_TEST(every_kind_of_misuse_has_its_message)
{
	static const struct {
		enum smi_misuse_kind kind;
		const char *start;
	} table[] = {
		{SMI_FOREIGN, "foreign pointer: "},
		{SMI_IN_GUARD, "wild pointer: in a guard"},
		{SMI_UNALLOCATED, "double free or wild pointer: no chunk at "},
		{SMI_DOUBLE_FREE, "double free: the block of 48 bytes at "},
		{SMI_IN_FREE_PLACE, "wild pointer: byte 7 of the free block"},
		{SMI_INNER, "inner pointer: byte 7 of the chunk of 48 bytes"},
		{SMI_IN_CANARY, "inner pointer: 7 bytes past the end of the"},
		{SMI_OVERFLOW, "overflow: write to byte 7 past the end of"},
		{SMI_UNDERFLOW, "underflow, or overflow of the chunk before"},
		{SMI_FREE_WRITTEN, "write after free: write to byte 7 of the"},
		{SMI_BEFORE_WRITTEN, "underflow, or write after free: write to "
	                             "byte 7"},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		const char *got = words_of(table[i].kind);

		ck_assert_msg(strncmp(got, table[i].start,
		                      strlen(table[i].start))
		                      == 0,
		              "%s", got);
		ck_assert_ptr_null(strstr(got, "0123"));
		if (table[i].kind > SMI_IN_GUARD)
			ck_assert_ptr_nonnull(
				strstr(got, "(pool 3, offset 512)"));
	}
	ck_assert_str_eq(words_of(SMI_SOUND), "");
}
END_TEST

START_TEST(a_broken_invariant_is_named)
{
	struct smi_misuse misuse;
	struct smi_text text;

	ck_assert(!smi_misuse_broken(&misuse, 2, "X9: the reason"));
	smi_text_start(&text, words, sizeof(words));
	smi_misuse_words(&misuse, &text);
	ck_assert_str_eq(words, "damaged metadata of pool 2: X9: the reason");
	smi_misuse_broken(&misuse, SMI_NONE, "X9: the reason");
	smi_text_start(&text, words, sizeof(words));
	smi_misuse_words(&misuse, &text);
	ck_assert_str_eq(words, "damaged metadata: X9: the reason");
}
END_TEST

UNIT_MAIN("misuse", every_kind_of_misuse_has_its_message,
          a_broken_invariant_is_named)
