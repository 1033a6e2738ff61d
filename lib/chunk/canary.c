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

/* The offset from which on whole words may be left before `to`: `from` rounded
 * up to a word, but at most `to`. */
static size_t first_word(size_t from, size_t to)
{
	size_t at = smi_round_up(from, sizeof(smi_word));

	return at < to ? at : to;
}

void smi_canary_fill(const struct smi_canary_key *key, void *place, size_t from,
                     size_t to)
{
	unsigned char *start = place, bytes[sizeof(smi_word)];
	uint64_t word = smi_canary_word(key, place);
	size_t words = first_word(from, to), at = from;

	memcpy(bytes, &word, sizeof(bytes));
	for (; at < words; at++)
		start[at] = bytes[at % sizeof(bytes)];
	for (; to - at >= sizeof(word); at += sizeof(word))
		*(smi_word *)(void *)(start + at) = word;
	for (; at < to; at++)
		start[at] = bytes[at % sizeof(bytes)];
}

/* The offset of the first byte in [from, to) that is not as it should be, or
 * `to`. */
static size_t first_changed(const unsigned char *start,
                            const unsigned char *bytes, size_t from, size_t to)
{
	size_t at = from;

	while (at < to && start[at] == bytes[at % sizeof(smi_word)])
		at++;
	return at;
}

size_t smi_canary_check_fill(const struct smi_canary_key *key,
                             const void *place, size_t from, size_t to)
{
	const unsigned char *start = place;
	unsigned char bytes[sizeof(smi_word)];
	uint64_t word = smi_canary_word(key, place);
	size_t words = first_word(from, to), at;

	memcpy(bytes, &word, sizeof(bytes));
	at = first_changed(start, bytes, from, words);
	if (at == words)
		while (to - at >= sizeof(word)
		       && *(const smi_word *)(const void *)(start + at) == word)
			at += sizeof(word);
	at = first_changed(start, bytes, at, to);
	return at < to ? at : SIZE_MAX;
}
