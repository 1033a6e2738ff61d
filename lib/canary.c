/*
 * canary.c - whole canaries, and where one has changed
 *
 * SPDX-License-Identifier: ISC
 */
#include "canary.h"

#include <string.h>

void smi_canary_write(const struct smi_canary_key *key, void *place,
                      size_t size, size_t place_bytes)
{
	uint64_t word = smi_canary_word(key, place);
	unsigned char *at = (unsigned char *)place + size;
	unsigned char *last = (unsigned char *)place + place_bytes
	                      - sizeof(word);

	for (; at < last; at += sizeof(word))
		*(smi_word *)(void *)at = word;
	smi_canary_write_ends(key, place, size, place_bytes);
}

SMI_RACY bool smi_canary_is_sound(const struct smi_canary_key *key,
                                  const void *place, size_t size,
                                  size_t place_bytes)
{
	uint64_t word = smi_canary_word(key, place), changed = 0;
	const unsigned char *at = (const unsigned char *)place + size;
	const unsigned char *last = (const unsigned char *)place + place_bytes
	                            - sizeof(word);

	for (; at < last; at += sizeof(word))
		changed |= *(const smi_word *)(const void *)at ^ word;
	return changed == 0
	       && smi_canary_ends_are_sound(key, place, size, place_bytes);
}

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
