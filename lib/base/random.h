/*
 * random.h - a small generator for the order of slots (a leaf)
 *
 * It decides where a chunk goes, not what a key is: an attacker who cannot read
 * the arena cannot foresee it, and needs no more. The state lives in the locked
 * key page. The generator is Bob Jenkins' "small fast counting" construction
 * for 64 bits as Chris Doty-Humphrey published it (SFC64).
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SMI_RANDOM_H
#define SMI_RANDOM_H

#include "base/base.h"

struct smi_random {
	uint64_t a, b, c, counter;
};

static inline uint64_t smi_random_next(struct smi_random *r)
{
	uint64_t out = r->a + r->b + r->counter++;

	r->a = r->b ^ (r->b >> 11);
	r->b = r->c + (r->c << 3);
	r->c = ((r->c << 24) | (r->c >> 40)) + out;
	return out;
}

/*
 * A number below n, n > 0. The bias is at most n / 2^32: for the slots of a
 * slab nothing that can be seen.
 */
static inline uint32_t smi_random_below(struct smi_random *r, uint32_t n)
{
	return (uint32_t)(((smi_random_next(r) >> 32) * n) >> 32);
}

#endif /* SMI_RANDOM_H */
