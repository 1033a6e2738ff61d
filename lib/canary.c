/*
 * canary.c - the keyed bytes between a chunk and the end of its place
 *
 * SPDX-License-Identifier: ISC
 */
#include "canary.h"

#include <string.h>

#define WORD sizeof(uint64_t)

/*
 * The eight bytes that a canary repeats. The mix is a multiplication by a
 * secret odd number between two folds, the finishing step of common hash
 * functions: it is cheap, and without the key one canary tells nothing useful
 * of another. It is no cryptographic hash and need not be one, as whoever can
 * read canaries at will can read the secrets beside them.
 */
static uint64_t canary_word(const struct smi_canary_key *key, const void *place)
{
	uint64_t x = (uint64_t)(uintptr_t)place + key->add;
	unsigned char bytes[WORD];

	x ^= x >> 29;
	x *= key->mul | 1;
	x ^= x >> 32;
	x *= key->mul | 1;
	x ^= key->out;
	memcpy(bytes, &x, WORD);
	bytes[0] = 0;
	memcpy(&x, bytes, WORD);
	return x;
}

void smi_canary_write(const struct smi_canary_key *key, void *place,
                      size_t size, size_t place_bytes)
{
	uint64_t word = canary_word(key, place);
	unsigned char *at = (unsigned char *)place + size;
	size_t left = place_bytes - size;

	for (; left >= WORD; at += WORD, left -= WORD)
		memcpy(at, &word, WORD);
	memcpy(at, &word, left);
}

/* The first of `bytes` bytes at which `at` differs from the word, or bytes. */
static size_t first_difference(const unsigned char *at, uint64_t word,
                               size_t bytes)
{
	unsigned char want[WORD];
	size_t i = 0;

	memcpy(want, &word, WORD);
	while (i < bytes && at[i] == want[i])
		i++;
	return i;
}

size_t smi_canary_check(const struct smi_canary_key *key, const void *place,
                        size_t size, size_t place_bytes)
{
	uint64_t word = canary_word(key, place);
	const unsigned char *at = (const unsigned char *)place + size;
	size_t bytes = place_bytes - size, done = 0, i;

	for (; done + WORD <= bytes; done += WORD) {
		uint64_t found;

		memcpy(&found, at + done, WORD);
		if (SMI_UNLIKELY(found != word))
			return done + first_difference(at + done, word, WORD);
	}
	i = done + first_difference(at + done, word, bytes - done);
	return i == bytes ? SIZE_MAX : i;
}
