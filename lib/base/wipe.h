/*
 * wipe.h - overwriting and comparing sensitive bytes (a leaf)
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SMI_WIPE_H
#define SMI_WIPE_H

#include "base/base.h"

/* Zero `bytes` bytes. The compiler cannot remove the stores as dead. */
void smi_wipe_bytes(void *p, size_t bytes);

/* The index of the first byte that is not zero, or `bytes` if all are zero. */
size_t smi_wipe_first_nonzero(const void *p, size_t bytes);

/*
 * smi_wipe_granules() and smi_granules_are_zero() are for slots, which consist
 * of one or more whole granules. Sizes up to SMI_UNROLLED_BYTES are unrolled
 * with as few branches as possible, because a mispredicted branch costs more
 * than a few redundant stores. For example, 48 and 64 bytes take the same four
 * accesses, two of which coincide for 48. Sizes of one and two granules have a
 * branch of their own, because some processors stall if three or more of four
 * accesses coincide.
 */
#define SMI_UNROLLED_BYTES (16 * sizeof(smi_granule))

/*
 * The promise that the manual makes: before a slot is handed out again, its
 * first SMI_CHECKED_BYTES bytes, or all of a smaller slot, were seen to be
 * zero.
 */
#define SMI_CHECKED_BYTES ((size_t)256)
_Static_assert(SMI_CHECKED_BYTES <= SMI_UNROLLED_BYTES,
               "what is checked is written out");

/* The offset of the second of the four granules that cover 48 to 64 bytes. */
static inline size_t smi_second_granule(size_t bytes)
{
	return (bytes >> 1) & ~(sizeof(smi_granule) - 1);
}

static inline void smi_zero_granule(unsigned char *at)
{
	*(smi_granule *)(void *)at = (smi_granule){0};
}

static inline void smi_zero_four_granules(unsigned char *at)
{
	smi_zero_granule(at);
	smi_zero_granule(at + 16);
	smi_zero_granule(at + 32);
	smi_zero_granule(at + 48);
}

/* Zero up to SMI_UNROLLED_BYTES bytes. */
static inline void smi_wipe_few_granules(void *p, size_t bytes)
{
	unsigned char *first = p, *end = first + bytes;

	if (bytes <= 32) {
		smi_zero_granule(first);
		if (bytes > 16)
			smi_zero_granule(first + 16);
	} else if (bytes <= 64) {
		size_t second = smi_second_granule(bytes);

		smi_zero_granule(first);
		smi_zero_granule(first + second);
		smi_zero_granule(end - 16 - second);
		smi_zero_granule(end - 16);
	} else {
		smi_zero_four_granules(first);
		smi_zero_four_granules(end - 64);
		if (bytes > 128) {
			smi_zero_four_granules(first + 64);
			smi_zero_four_granules(end - 128);
		}
	}
	__asm__ volatile("" : : "r"(p) : "memory");
}

static inline void smi_wipe_granules(void *p, size_t bytes)
{
	if (bytes <= SMI_UNROLLED_BYTES)
		smi_wipe_few_granules(p, bytes);
	else
		smi_wipe_bytes(p, bytes);
}

static inline void smi_or_granule(smi_granule *any, const unsigned char *at)
{
	*any |= *(const smi_granule *)(const void *)at;
}

static inline void smi_or_four_granules(smi_granule *any,
                                        const unsigned char *at)
{
	smi_or_granule(any, at);
	smi_or_granule(any, at + 16);
	smi_or_granule(any, at + 32);
	smi_or_granule(any, at + 48);
}

/* Whether the granules are zero. Only the first SMI_CHECKED_BYTES bytes are
 * read. */
static inline bool smi_granules_are_zero(const void *p, size_t bytes)
{
	const unsigned char *first = p, *end;
	smi_granule any = {0};

	if (bytes > SMI_CHECKED_BYTES)
		bytes = SMI_CHECKED_BYTES;
	end = first + bytes;
	if (bytes <= 32) {
		smi_or_granule(&any, first);
		if (bytes > 16)
			smi_or_granule(&any, first + 16);
	} else if (bytes <= 64) {
		size_t second = smi_second_granule(bytes);

		smi_or_granule(&any, first);
		smi_or_granule(&any, first + second);
		smi_or_granule(&any, end - 16 - second);
		smi_or_granule(&any, end - 16);
	} else {
		smi_or_four_granules(&any, first);
		smi_or_four_granules(&any, end - 64);
		if (bytes > 128) {
			smi_or_four_granules(&any, first + 64);
			smi_or_four_granules(&any, end - 128);
		}
	}
	return (any[0] | any[1]) == 0;
}

/* Whether a and b are equal, in a time that depends on `bytes` alone. */
bool smi_wipe_equal(const void *a, const void *b, size_t bytes);

#endif /* SMI_WIPE_H */
