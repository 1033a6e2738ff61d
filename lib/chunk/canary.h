/*
 * canary.h - the keyed bytes between a chunk and the end of its place (a leaf)
 *
 * A canary fills the bytes [size, place_bytes) of a place with a secret word,
 * over and over, which follows from the arena's key and the address of the
 * place. Its first byte is zero: a string that is read too far ends there.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SMI_CANARY_H
#define SMI_CANARY_H

#include "base/base.h"

/* Every chunk has at least as many canary bytes after it: a word. */
#define SMI_CANARY_LEAST_BYTES ((size_t)8)

/* The byte of a word at its lowest address; and a word that was moved so many
 * bits towards that, round. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define SMI_FIRST_BYTE          ((uint64_t)0xff)
#define SMI_ROTATED(word, bits) ((word) >> ((bits)&63) | (word) << (-(bits)&63))
#else
#define SMI_FIRST_BYTE          ((uint64_t)0xff << 56)
#define SMI_ROTATED(word, bits) ((word) << ((bits)&63) | (word) >> (-(bits)&63))
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

/* The last eight bytes of a canary, which may overlap those before. */
static inline uint64_t smi_canary_last(uint64_t word, size_t size,
                                       size_t place_bytes)
{
	unsigned bits = (unsigned)(place_bytes - size) * 8;

	return SMI_ROTATED(word, bits);
}

/*
 * Write the canary of a chunk of `size` bytes in the place at `place`. Those of
 * at most SMI_CANARY_SHORT_BYTES, as most are, are the two words at the ends,
 * and the second function is for them only.
 */
#define SMI_CANARY_SHORT_BYTES ((size_t)16)

static inline void smi_canary_write(const struct smi_canary_key *key,
                                    void *place, size_t size,
                                    size_t place_bytes)
{
	uint64_t word = smi_canary_word(key, place);
	unsigned char *at = (unsigned char *)place + size;
	unsigned char *last = (unsigned char *)place + place_bytes
	                      - sizeof(word);

	for (; at < last; at += sizeof(word))
		*(smi_word *)(void *)at = word;
	*(smi_word *)(void *)last = smi_canary_last(word, size, place_bytes);
}

static inline void smi_canary_write_short(const struct smi_canary_key *key,
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
 * Whether a canary is as it was written. Another thread may be making or
 * freeing the chunk; then the answer is to be had again under exclusion.
 */
SMI_RACY static inline bool smi_canary_is_sound(
	const struct smi_canary_key *key, const void *place, size_t size,
	size_t place_bytes)
{
	uint64_t word = smi_canary_word(key, place), changed;
	const unsigned char *at = (const unsigned char *)place + size;
	const unsigned char *last = (const unsigned char *)place + place_bytes
	                            - sizeof(word);

	changed = *(const smi_word *)(const void *)last
	          ^ smi_canary_last(word, size, place_bytes);
	for (; at < last; at += sizeof(word))
		changed |= *(const smi_word *)(const void *)at ^ word;
	return changed == 0;
}

SMI_RACY static inline bool smi_canary_short_is_sound(
	const struct smi_canary_key *key, const void *place, size_t size,
	size_t place_bytes)
{
	uint64_t word = smi_canary_word(key, place);
	const unsigned char *start = place;
	const smi_word *first = (const void *)(start + size);
	const smi_word *end = (const void *)(start + place_bytes);

	return ((*first ^ word)
	        | (end[-1] ^ smi_canary_last(word, size, place_bytes)))
	       == 0;
}

/*
 * The index, counted from the end of the chunk, of the first canary byte that
 * has changed, or SIZE_MAX if none has.
 */
size_t smi_canary_check(const struct smi_canary_key *key, const void *place,
                        size_t size, size_t place_bytes);

/*
 * Fill the bytes [from, to) of a place with its word, over and over from its
 * start on, whatever lies in between; and the offset of the first of such bytes
 * that has changed, or SIZE_MAX. The place is aligned to 8.
 */
void smi_canary_fill(const struct smi_canary_key *key, void *place, size_t from,
                     size_t to);
size_t smi_canary_check_fill(const struct smi_canary_key *key,
                             const void *place, size_t from, size_t to);

#endif /* SMI_CANARY_H */
