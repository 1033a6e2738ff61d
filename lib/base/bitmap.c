/*
 * bitmap.c - arrays of bits in words that the caller owns
 *
 * SPDX-License-Identifier: ISC
 */
#include "base/bitmap.h"

/* The mask of the bits of word w that lie in [from, to). At least one bit
 * does. */
static uint32_t word_mask(uint32_t w, uint32_t from, uint32_t to)
{
	uint32_t first = w * SMI_WORD_BITS, mask = UINT32_MAX;

	if (from > first)
		mask &= UINT32_MAX << (from - first);
	if (to - first < SMI_WORD_BITS)
		mask &= ~(UINT32_MAX << (to - first));
	return mask;
}

void smi_bitmap_set_range(uint32_t *map, uint32_t from, uint32_t to)
{
	for (uint32_t w = from / SMI_WORD_BITS; w < smi_bitmap_words(to); w++)
		map[w] |= word_mask(w, from, to);
}

uint32_t smi_bitmap_next_set(const uint32_t *map, uint32_t bits, uint32_t from)
{
	size_t words = smi_bitmap_words(bits);

	if (from >= bits)
		return SMI_NONE;
	for (uint32_t w = from / SMI_WORD_BITS; w < words; w++) {
		uint32_t word = map[w] & word_mask(w, from, bits);

		if (word != 0)
			return w * SMI_WORD_BITS
			       + (uint32_t)__builtin_ctz(word);
	}
	return SMI_NONE;
}

uint32_t smi_bitmap_nth_set(const uint32_t *map, uint32_t bits, uint32_t n)
{
	for (uint32_t w = 0; w < smi_bitmap_words(bits); w++) {
		uint32_t word = map[w];
		uint32_t here = (uint32_t)__builtin_popcount(word);

		if (n >= here) {
			n -= here;
			continue;
		}
		while (n-- > 0)
			word &= word - 1;
		return w * SMI_WORD_BITS + (uint32_t)__builtin_ctz(word);
	}
	return SMI_NONE;
}

uint32_t smi_bitmap_count(const uint32_t *map, uint32_t bits)
{
	uint32_t count = 0;

	for (uint32_t w = 0; w < smi_bitmap_words(bits); w++)
		count += (uint32_t)__builtin_popcount(map[w]);
	return count;
}
