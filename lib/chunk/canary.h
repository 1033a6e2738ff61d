/*
 * canary.h - the keyed bytes between a chunk and the end of its slot (a leaf)
 *
 * A canary fills the bytes [size, place_bytes) of a slot with copies of a
 * secret word, which depends on the arena's key and the address of the slot.
 * The first byte of the word is zero, so that reading past the end of a string
 * stops there. No lock is needed: the caller owns the slot, unless a function
 * says otherwise.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SMI_CANARY_H
#define SMI_CANARY_H

#include "base/base.h"

/* The least number of canary bytes after a chunk: one word. */
#define SMI_CANARY_LEAST_BYTES ((size_t)8)

/* SMI_FIRST_BYTE is the byte of a word at its lowest address. SMI_ROTATED()
 * rotates a word by a number of bits towards that byte. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define SMI_FIRST_BYTE          ((uint64_t)0xff)
#define SMI_ROTATED(word, bits) ((word) >> ((bits)&63) | (word) << (-(bits)&63))
#else
#define SMI_FIRST_BYTE          ((uint64_t)0xff << 56)
#define SMI_ROTATED(word, bits) ((word) << ((bits)&63) | (word) >> (-(bits)&63))
#endif

/* The arena's secret key. It lives in the locked key page. */
struct smi_canary_key {
	uint64_t add, mul, out; /* mul is odd */
};

/*
 * The canary word of a slot: a multiplication by a secret number and a fold, as
 * in common hash functions. This is cheap, and without the key one canary
 * reveals nothing useful about another. It is not a cryptographic hash and need
 * not be one: whoever can read canaries at will can also read the secrets
 * beside them.
 */
static inline uint64_t smi_canary_word(const struct smi_canary_key *key,
                                       const void *place)
{
	uint64_t x = ((uint64_t)(uintptr_t)place + key->add) * key->mul;

	x ^= x >> 32;
	return (x ^ key->out) & ~SMI_FIRST_BYTE;
}

/* The last eight bytes of a canary. They may overlap the words before. */
static inline uint64_t smi_canary_last(uint64_t word, size_t size,
                                       size_t place_bytes)
{
	unsigned bits = (unsigned)(place_bytes - size) * 8;

	return SMI_ROTATED(word, bits);
}

/*
 * Write the canary of a chunk of `size` bytes in the slot at `place`. A canary
 * of at most SMI_CANARY_SHORT_BYTES, as most are, consists of its first and its
 * last word, which may overlap. smi_canary_write_short() is only for those.
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
 * Whether a canary is intact. Another thread may be creating or freeing the
 * chunk meanwhile, so the caller must check again under exclusion if the answer
 * is false.
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

/* The index of the first canary byte that has changed, counted from the end of
 * the chunk, or SIZE_MAX if none has. */
size_t smi_canary_check(const struct smi_canary_key *key, const void *place,
                        size_t size, size_t place_bytes);

/*
 * smi_canary_fill() fills the bytes [from, to) of a guarded cell with copies of
 * the cell's canary word, which are laid out from the start of the cell on.
 * smi_canary_check_fill() returns the offset of the first of these bytes that
 * has changed, or SIZE_MAX. The cell is aligned to 8 bytes.
 */
void smi_canary_fill(const struct smi_canary_key *key, void *place, size_t from,
                     size_t to);
size_t smi_canary_check_fill(const struct smi_canary_key *key,
                             const void *place, size_t from, size_t to);

#endif /* SMI_CANARY_H */
