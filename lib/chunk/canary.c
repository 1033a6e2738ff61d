/*
 * canary.c - where a canary has changed, and the canaries of guarded cells
 *
 * SPDX-License-Identifier: ISC
 */
#include "chunk/canary.h"

#include <string.h>

size_t smi_canary_check(const struct smi_canary_key *key, const void *place,
                        size_t size, size_t place_bytes)
{
	const unsigned char *at = (const unsigned char *)place + size;
	uint64_t word = smi_canary_word(key, place);
	unsigned char want[sizeof(word)];

	memcpy(want, &word, sizeof(want));
	for (size_t i = 0; i < place_bytes - size; i++)
		if (at[i] != want[i % sizeof(want)])
			return i;
	return SIZE_MAX;
}

/* Whether a whole word starts at offset `at` and ends by `to`. */
static bool has_word(size_t at, size_t to)
{
	return at % sizeof(smi_word) == 0 && to - at >= sizeof(smi_word);
}

void smi_canary_fill(const struct smi_canary_key *key, void *place, size_t from,
                     size_t to)
{
	unsigned char *start = place, bytes[sizeof(smi_word)];
	uint64_t word = smi_canary_word(key, place);
	size_t at = from;

	memcpy(bytes, &word, sizeof(bytes));
	while (at < to)
		if (has_word(at, to)) {
			*(smi_word *)(void *)(start + at) = word;
			at += sizeof(word);
		} else {
			start[at] = bytes[at % sizeof(bytes)];
			at++;
		}
}

size_t smi_canary_check_fill(const struct smi_canary_key *key,
                             const void *place, size_t from, size_t to)
{
	const unsigned char *start = place;
	unsigned char bytes[sizeof(smi_word)];
	uint64_t word = smi_canary_word(key, place);
	size_t at = from;

	memcpy(bytes, &word, sizeof(bytes));
	while (at < to) {
		if (has_word(at, to)
		    && *(const smi_word *)(const void *)(start + at) == word) {
			at += sizeof(word);
			continue;
		}
		if (start[at] != bytes[at % sizeof(bytes)])
			return at;
		at++;
	}
	return SIZE_MAX;
}
