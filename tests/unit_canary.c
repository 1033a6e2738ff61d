/* Canaries: a change of any byte of any slack is detected. */
/* SPDX-License-Identifier: ISC */
#include "chunk/canary.h"

#include "unit.h"

#include <string.h>

static const struct smi_canary_key key = {
	0x0123456789abcdef,
	0xfedcba9876543211,
	0x55aa33cc0ff01234,
};
static unsigned char _Alignas(16) place[112];

START_TEST(each_changed_byte_is_found)
{
	for (size_t size = 0; size < 80; size++)
		for (size_t end = size + 8; end <= 96; end++) {
			smi_canary_write(&key, place, size, end);
			ck_assert(smi_canary_is_sound(&key, place, size, end));
			ck_assert_uint_eq(smi_canary_check(&key, place, size,
			                                   end),
			                  SIZE_MAX);
			for (size_t at = size; at < end; at++) {
				place[at] ^= 0x40;
				unit_check(
					smi_canary_check(&key, place, size, end)
					== at - size);
				unit_check(!smi_canary_is_sound(&key, place,
				                                size, end));
				unit_check(end - size > SMI_CANARY_SHORT_BYTES
				           || !smi_canary_short_is_sound(
						   &key, place, size, end));
				place[at] ^= 0x40;
			}
		}
}
END_TEST

START_TEST(a_short_canary_equals_the_general_one)
{
	unsigned char _Alignas(16) other[112];

	for (size_t size = 0; size < 80; size++)
		for (size_t slack = 8; slack <= SMI_CANARY_SHORT_BYTES;
		     slack++) {
			memset(place, 0x33, sizeof(place));
			smi_canary_write(&key, place, size, size + slack);
			memcpy(other, place, sizeof(place));
			memset(place, 0x33, sizeof(place));
			smi_canary_write_short(&key, place, size, size + slack);
			ck_assert_mem_eq(place, other, sizeof(place));
			ck_assert(smi_canary_short_is_sound(&key, place, size,
			                                    size + slack));
		}
}
END_TEST

START_TEST(only_the_slack_is_written)
{
	for (size_t size = 0; size <= 72; size++) {
		memset(place, 0xee, sizeof(place));
		smi_canary_write(&key, place, size, 80);
		for (size_t i = 0; i < size; i++)
			ck_assert_uint_eq(place[i], 0xee);
		for (size_t i = 80; i < sizeof(place); i++)
			ck_assert_uint_eq(place[i], 0xee);
	}
}
END_TEST

START_TEST(a_string_ends_at_the_canary)
{
	for (size_t size = 0; size < 40; size++) {
		memset(place, 'x', sizeof(place));
		smi_canary_write(&key, place, size, 64);
		ck_assert_uint_eq(strlen((char *)place), size);
	}
}
END_TEST

START_TEST(the_canary_depends_on_key_and_address)
{
	struct smi_canary_key other = key;
	unsigned char *neighbour = place + 48;

	smi_canary_write(&key, place, 32, 48);
	memcpy(neighbour, place, 48);
	ck_assert_uint_ne(smi_canary_check(&key, neighbour, 32, 48), SIZE_MAX);
	for (int part = 0; part < 3; part++) {
		uint64_t *words[] = {&other.add, &other.mul, &other.out};

		*words[part] ^= (uint64_t)1 << 40;
		ck_assert_uint_ne(smi_canary_check(&other, place, 32, 48),
		                  SIZE_MAX);
		other = key;
	}
}
END_TEST

/* The bytes of a slot outside a chunk, whatever the chunk's borders. */
START_TEST(every_byte_of_a_fill_is_checked)
{
	for (size_t from = 0; from < 20; from++)
		for (size_t to = from; to < 40; to++) {
			memset(place, 0xee, sizeof(place));
			smi_canary_fill(&key, place, from, to);
			for (size_t i = 0; i < sizeof(place); i++) {
				bool inside = i >= from && i < to;

				ck_assert(inside || place[i] == 0xee);
				place[i] ^= 1;
				ck_assert_uint_eq(smi_canary_check_fill(&key,
				                                        place,
				                                        from,
				                                        to),
				                  inside ? i : SIZE_MAX);
				place[i] ^= 1;
			}
		}
}
END_TEST

UNIT_MAIN("canary", each_changed_byte_is_found,
          a_short_canary_equals_the_general_one, only_the_slack_is_written,
          a_string_ends_at_the_canary, the_canary_depends_on_key_and_address,
          every_byte_of_a_fill_is_checked)
