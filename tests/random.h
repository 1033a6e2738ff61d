/*
 * random.h - random numbers that a seed determines
 *
 * The generator is xorshift by George Marsaglia.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TESTS_RANDOM_H
#define TESTS_RANDOM_H

#include <stdint.h>

/* The next number. The state is the seed at first, which must not be 0. */
static inline uint64_t random_next(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

#endif /* TESTS_RANDOM_H */
