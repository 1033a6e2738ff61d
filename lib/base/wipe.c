/*
 * wipe.c - overwriting and comparing bytes that matter
 *
 * SPDX-License-Identifier: ISC
 */
#include "base/wipe.h"

#include <string.h>

/*
 * memset() of common libraries uses the widest vectors of the processor, but
 * from some 2 KiB on hands over to a string instruction that takes twice as
 * long for memory that is in the cache. So it is called for a piece at a time.
 */
#define PIECE_BYTES ((size_t)2048)

void smi_wipe_bytes(void *p, size_t bytes)
{
	unsigned char *at = p;
	size_t piece = PIECE_BYTES;

	/* Not a constant: of that the compiler would make that instruction. */
	__asm__("" : "+r"(piece));
	for (; bytes > piece; at += piece, bytes -= piece)
		memset(at, 0, piece);
	if (bytes > 0)
		memset(at, 0, bytes);
	/* Says that somebody reads what p points to, so the stores stay. */
	__asm__ volatile("" : : "r"(p) : "memory");
}

size_t smi_wipe_first_nonzero(const void *p, size_t bytes)
{
	const unsigned char *at = p;
	size_t i = 0;

	while (i + sizeof(smi_word) <= bytes
	       && *(const smi_word *)(const void *)(at + i) == 0)
		i += sizeof(smi_word);
	while (i < bytes && at[i] == 0)
		i++;
	return i;
}

bool smi_wipe_equal(const void *a, const void *b, size_t bytes)
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
