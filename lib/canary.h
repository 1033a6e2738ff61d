/*
 * canary.h - the keyed bytes between a chunk and the end of its place (a leaf)
 *
 * A canary fills the bytes [size, place_bytes) of a place: each aligned word of
 * them holds the same secret word, which follows from the arena's key and the
 * address of the place. Of the first, which may begin inside a word, the bytes
 * hold their part of it. The first byte of the canary is zero, and so is the
 * first of each word: a string that is read too far ends there.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SMI_CANARY_H
#define SMI_CANARY_H

#include "base.h"

/* Every chunk has at least as many canary bytes after it: a word. */
#define SMI_CANARY_LEAST_BYTES ((size_t)8)

/* The byte of a word at its lowest address; and a word's bytes, so many bits
 * of them, moved towards that or away from it. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define SMI_FIRST_BYTE ((uint64_t)0xff)
#define SMI_TO_FRONT(word, bits) ((word) >> (bits))
#define SMI_FROM_FRONT(word, bits) ((word) << (bits))
#else
#define SMI_FIRST_BYTE ((uint64_t)0xff << 56)
#define SMI_TO_FRONT(word, bits) ((word) << (bits))
#define SMI_FROM_FRONT(word, bits) ((word) >> (bits))
#endif

/* The arena's secret; it lives in a locked page of its own. */
struct smi_canary_key {
	uint64_t add, mul, out; /* mul is odd */
};

/*
 * A multiplication by a secret number and a fold, as in common hash functions:
 * it is cheap, and without the key one canary tells nothing useful of another.
 * It is no cryptographic hash and need not be one, as whoever can read canaries
 * at will can read the secrets beside them.
 */
static inline uint64_t smi_canary_word(const struct smi_canary_key *key,
                                       const void *place)
{
	uint64_t x = ((uint64_t)(uintptr_t)place + key->add) * key->mul;

	x ^= x >> 32;
	return (x ^ key->out) & ~SMI_FIRST_BYTE;
}

/* The part of a word that its bytes from `from` on are, moved to its front;
 * the first of them reads as zero. */
static inline uint64_t smi_canary_part(uint64_t word, size_t from)
{
	return SMI_TO_FRONT(word, from * 8) & ~SMI_FIRST_BYTE;
}

/* Repeat a word from `at` up to `end`; and whether it is so repeated. For the
 * long canaries, apart, as they would be in the way of the short ones. */
void smi_canary_write_between(smi_word *at, const smi_word *end, uint64_t word);
bool smi_canary_is_between(const smi_word *at, const smi_word *end,
                           uint64_t word);

/* Write the canary of a chunk of `size` bytes in the place at `place`. place and
 * place_bytes are multiples of 16. */
static inline void smi_canary_write(const struct smi_canary_key *key,
                                    void *place, size_t size,
                                    size_t place_bytes)
{
	uint64_t word = smi_canary_word(key, place);
	size_t from = size % sizeof(word);
	smi_word *first = (smi_word *)place + size / sizeof(word);
	smi_word *last = (smi_word *)place + place_bytes / sizeof(word) - 1;

	/* The bytes before it are the chunk's. */
	*first = (*first & ~SMI_FROM_FRONT(~(uint64_t)0, from * 8))
	         | SMI_FROM_FRONT(smi_canary_part(word, from), from * 8);
	*last = word;
	if (SMI_UNLIKELY(first + 1 < last))
		smi_canary_write_between(first + 1, last, word);
}

/*
 * Whether it is as it was written. Another thread may be making or freeing the
 * chunk; then the answer is to be had again under exclusion.
 */
SMI_RACY static inline bool smi_canary_is_sound(
	const struct smi_canary_key *key, const void *place, size_t size,
	size_t place_bytes)
{
	uint64_t word = smi_canary_word(key, place);
	size_t from = size % sizeof(word);
	const smi_word *first = (const smi_word *)place + size / sizeof(word);
	const smi_word *last = (const smi_word *)place
	                       + place_bytes / sizeof(word) - 1;

	return ((SMI_TO_FRONT(*first, from * 8) ^ smi_canary_part(word, from))
	        | (*last ^ word)) == 0
	       && (!SMI_UNLIKELY(first + 1 < last)
	           || smi_canary_is_between(first + 1, last, word));
}

/*
 * The index, counted from the end of the chunk, of the first canary byte that
 * has changed, or SIZE_MAX if none has.
 */
size_t smi_canary_check(const struct smi_canary_key *key, const void *place,
                        size_t size, size_t place_bytes);

#endif /* SMI_CANARY_H */
