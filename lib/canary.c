/*
 * canary.c - where a canary has changed
 *
 * SPDX-License-Identifier: ISC
 */
#include "canary.h"

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
