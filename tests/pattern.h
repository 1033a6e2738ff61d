/*
 * pattern.h - byte patterns to search for where they must not be
 *
 * A pattern is computed where it is stored and where it is searched for, so
 * that the test itself leaves no copies of it in memory.
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

/* Whether the pattern is at `from`, compared without making a copy of it. */
static inline bool pattern_is(const void *from, uint64_t seed)
{
	const volatile unsigned char *at = from;

	for (size_t i = 0; i < PATTERN_BYTES; i++)
		if (at[i] != pattern_byte(seed, i))
			return false;
	return true;
}

/* How many times the pattern occurs in [data, data + size). Meanwhile there is
 * a copy of it on the stack. */
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
