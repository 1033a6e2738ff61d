/*
 * canary.h - the keyed bytes between a chunk and the end of its place (a leaf)
 *
 * A canary fills the bytes [size, place_bytes) of a place with a secret word, over
 * and over, which follows from the arena's key and the address of the place. Its
 * first byte is zero: a string that is read too far ends there.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SMI_CANARY_H
#define SMI_CANARY_H

#include "base.h"

/* Every chunk has at least as many canary bytes after it: a word. */
#define SMI_CANARY_LEAST_BYTES ((size_t)8)

/* The byte of a word at its lowest address; and a word that was moved so many
 * bits towards that, round. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define SMI_FIRST_BYTE ((uint64_t)0xff)
#define SMI_ROTATED(word, bits) \
	((word) >> ((bits) & 63) | (word) << (-(bits) & 63))
#else
#define SMI_FIRST_BYTE ((uint64_t)0xff << 56)
#define SMI_ROTATED(word, bits) \
	((word) << ((bits) & 63) | (word) >> (-(bits) & 63))
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

/*
 * The first and the last eight bytes of the canary of a chunk of `size` bytes in
 * the place at `place`. They may overlap, and are all of a canary of up to
 * SMI_CANARY_SHORT_BYTES.
 */
#define SMI_CANARY_SHORT_BYTES ((size_t)16)

static inline uint64_t smi_canary_last(uint64_t word, size_t size,
                                       size_t place_bytes)
{
	unsigned bits = (unsigned)(place_bytes - size) * 8;

	return SMI_ROTATED(word, bits);
}

static inline void smi_canary_write_ends(const struct smi_canary_key *key,
                                         void *place, size_t size,
                                         size_t place_bytes)
{
	uint64_t word = smi_canary_word(key, place);
	unsigned char *start = place;

	*(smi_word *)(void *)(start + size) = word;
	*(smi_word *)(void *)(start + place_bytes - sizeof(word)) =
		smi_canary_last(word, size, place_bytes);
}

/*
 * Whether they are as they were written. Another thread may be making or freeing
 * the chunk; then the answer is to be had again under exclusion.
 */
SMI_RACY static inline bool smi_canary_ends_are_sound(
	const struct smi_canary_key *key, const void *place, size_t size,
	size_t place_bytes)
{
	uint64_t word = smi_canary_word(key, place);
	const unsigned char *start = place;
	const smi_word *first = (const void *)(start + size);
	const smi_word *end = (const void *)(start + place_bytes);

	return ((*first ^ word)
	        | (end[-1] ^ smi_canary_last(word, size, place_bytes))) == 0;
}

/* The same for a whole canary. */
void smi_canary_write(const struct smi_canary_key *key, void *place,
                      size_t size, size_t place_bytes);
bool smi_canary_is_sound(const struct smi_canary_key *key, const void *place,
                         size_t size, size_t place_bytes);

/*
 * The index, counted from the end of the chunk, of the first canary byte that
 * has changed, or SIZE_MAX if none has.
 */
size_t smi_canary_check(const struct smi_canary_key *key, const void *place,
                        size_t size, size_t place_bytes);

#endif /* SMI_CANARY_H */
