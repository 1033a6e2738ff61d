/*
 * wipe.c - overwriting and comparing bytes that matter
 *
 * SPDX-License-Identifier: ISC
 */
#include "wipe.h"

#include <string.h>

void smi_wipe(void *p, size_t bytes)
{
	if (bytes == 0)
		return;
	memset(p, 0, bytes);
	/* Says that somebody reads what p points to, so the stores stay. */
	__asm__ volatile("" : : "r"(p) : "memory");
}

size_t smi_first_nonzero(const void *p, size_t bytes)
{
	const unsigned char *at = p;
	size_t i = 0;

	for (; i + sizeof(uint64_t) <= bytes; i += sizeof(uint64_t)) {
		uint64_t word;

		memcpy(&word, at + i, sizeof(word));
		if (word != 0)
			break;
	}
	while (i < bytes && at[i] == 0)
		i++;
	return i;
}

bool smi_equal(const void *a, const void *b, size_t bytes)
{
	const unsigned char *x = a, *y = b;
	unsigned diff = 0;

	for (size_t i = 0; i < bytes; i++) {
		diff |= (unsigned)(x[i] ^ y[i]);
		/* Hides from the compiler that all ones cannot grow: it may
		 * not leave the loop early. */
		__asm__("" : "+r"(diff));
	}
	/* 0 becomes 1, anything else 0, without a branch. */
	return (bool)(1u & ((diff - 1u) >> 8));
}
