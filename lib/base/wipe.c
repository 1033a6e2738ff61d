/*
 * wipe.c - overwriting and comparing sensitive bytes
 *
 * SPDX-License-Identifier: ISC
 */
#include "base/wipe.h"

#include <string.h>

/*
 * memset() in common C libraries uses the processor's widest vectors for short
 * lengths. From about 2 KiB on it uses a string instruction instead, which
 * takes twice as long for memory that is in the cache. Therefore memory is
 * wiped one piece at a time.
 */
#define PIECE_BYTES ((size_t)2048)

void smi_wipe_bytes(void *p, size_t bytes)
{
	unsigned char *at = p;
	size_t piece = PIECE_BYTES;

	/* Hide that the length is a constant. For a constant length the
	 * compiler would emit the string instruction itself. */
	__asm__("" : "+r"(piece));
	for (; bytes > piece; at += piece, bytes -= piece)
		memset(at, 0, piece);
	if (bytes > 0)
		memset(at, 0, bytes);
	/* Pretend to read what p points to, so that the stores stay. */
	__asm__ volatile("" : : "r"(p) : "memory");
}

/* Whether four words are zero. */
static bool are_zero(const unsigned char *at)
{
	const smi_word *words = (const void *)at;

	return (words[0] | words[1] | words[2] | words[3]) == 0;
}

size_t smi_wipe_first_nonzero(const void *p, size_t bytes)
{
	const unsigned char *at = p;
	size_t i = 0;

	while (i + 4 * sizeof(smi_word) <= bytes && are_zero(at + i))
		i += 4 * sizeof(smi_word);
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
		/* Hide the value of diff. The compiler could otherwise leave
		 * the loop early once every bit is set. */
		__asm__("" : "+r"(diff));
	}
	/* 0 becomes 1, anything else 0, without a branch. */
	return (bool)(1u & ((diff - 1u) >> 8));
}
