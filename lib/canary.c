/*
 * canary.c - the canaries that are longer than most, and where one has changed
 *
 * SPDX-License-Identifier: ISC
 */
#include "canary.h"

#include <string.h>

void smi_canary_write_between(smi_word *at, const smi_word *end, uint64_t word)
{
	while (at < end)
		*at++ = word;
}

SMI_RACY bool smi_canary_is_between(const smi_word *at, const smi_word *end,
                                    uint64_t word)
{
	while (at < end)
		if (*at++ != word)
			return false;
	return true;
}

size_t smi_canary_check(const struct smi_canary_key *key, const void *place,
                        size_t size, size_t place_bytes)
{
	const unsigned char *at = place;
	uint64_t word = smi_canary_word(key, place);
	unsigned char want[sizeof(word)];

	memcpy(want, &word, sizeof(want));
	for (size_t i = size; i < place_bytes; i++)
		if (at[i] != (i == size ? 0 : want[i % sizeof(want)]))
			return i - size;
	return SIZE_MAX;
}
