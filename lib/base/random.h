/*
 * random.h - a small generator for the order of slots (a leaf)
 *
 * The generator decides where a chunk goes; it makes no keys. An attacker who
 * cannot read the arena cannot predict it, which is all that is needed. Its
 * state lives in the locked key page. The algorithm is Chris Doty-Humphrey's
 * sfc64 (Small Fast Counting) from PractRand.
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

/* A number below n, n > 0. The bias is at most n / 2^32, which is negligible
 * for the slots of a slab. */
static inline uint32_t smi_random_below(struct smi_random *r, uint32_t n)
{
	return (uint32_t)(((smi_random_next(r) >> 32) * n) >> 32);
}

#endif /* SMI_RANDOM_H */
