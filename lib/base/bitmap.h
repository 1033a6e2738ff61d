/*
 * bitmap.h - arrays of bits in words that the caller owns (a leaf, pure)
 *
 * Bit i is bit i % 32 of word i / 32. Ranges are half-open. The caller makes
 * sure that indexes lie inside the array and that the invariant holds.
 *
 * Invariants:
 *   M1  Bits at and past `bits` in the last word are 0.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SMI_BITMAP_H
#define SMI_BITMAP_H

#include "base/base.h"

#define SMI_WORD_BITS 32u

static inline size_t smi_bitmap_words(size_t bits)
{
	return (bits + SMI_WORD_BITS - 1) / SMI_WORD_BITS;
}

static inline bool smi_bitmap_get(const uint32_t *map, uint32_t i)
{
	return (map[i / SMI_WORD_BITS] >> (i % SMI_WORD_BITS)) & 1u;
}

static inline void smi_bitmap_set(uint32_t *map, uint32_t i)
{
	map[i / SMI_WORD_BITS] |= 1u << (i % SMI_WORD_BITS);
}

static inline void smi_bitmap_clear(uint32_t *map, uint32_t i)
{
	map[i / SMI_WORD_BITS] &= ~(1u << (i % SMI_WORD_BITS));
}

/* Set every bit of [from, to). */
void smi_bitmap_set_range(uint32_t *map, uint32_t from, uint32_t to);

/* The first set bit at or after `from`, or SMI_NONE. */
uint32_t smi_bitmap_next_set(const uint32_t *map, uint32_t bits, uint32_t from);

/* The n-th set bit, counted from 0, or SMI_NONE. */
uint32_t smi_bitmap_nth_set(const uint32_t *map, uint32_t bits, uint32_t n);

/* How many bits are set. */
uint32_t smi_bitmap_count(const uint32_t *map, uint32_t bits);

#endif /* SMI_BITMAP_H */
