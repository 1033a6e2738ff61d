/*
 * pattern.h - bytes to look for where they should not be
 *
 * They are computed where they are stored and where they are sought, so that no
 * copy of them lies about by the test's own doing.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TESTS_PATTERN_H
#define TESTS_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define PATTERN_BYTES 64

static inline unsigned char pattern_byte(uint64_t seed, size_t i)
{
	uint64_t x = (seed + i + 1) * 0x9e3779b97f4a7c15u;

	x ^= x >> 31;
	return (unsigned char)(x * 0xbf58476d1ce4e5b9u >> 40);
}

static inline void pattern_put(void *to, uint64_t seed)
{
	volatile unsigned char *at = to;

	for (size_t i = 0; i < PATTERN_BYTES; i++)
		at[i] = pattern_byte(seed, i);
}

/* Whether it lies there, without a copy to compare it with. */
static inline bool pattern_is(const void *from, uint64_t seed)
{
	const volatile unsigned char *at = from;

	for (size_t i = 0; i < PATTERN_BYTES; i++)
		if (at[i] != pattern_byte(seed, i))
			return false;
	return true;
}

/* How many times the pattern lies in [data, data + size). It has a copy on the
 * stack meanwhile. */
static inline size_t pattern_count(const unsigned char *data, size_t size,
                                   uint64_t seed)
{
	unsigned char needle[PATTERN_BYTES];
	const unsigned char *at = data;
	size_t count = 0;

	pattern_put(needle, seed);
	while ((at = memmem(at, size - (size_t)(at - data), needle,
	                    PATTERN_BYTES))
	       != NULL) {
		count++;
		at++;
	}
	return count;
}

#endif /* TESTS_PATTERN_H */
