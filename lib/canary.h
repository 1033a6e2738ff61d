/*
 * canary.h - the keyed bytes between a chunk and the end of its place (a leaf)
 *
 * A canary fills the bytes [size, place_bytes) of a place. Its bytes follow
 * from the arena's secret and the address of the place; the first is zero, and
 * so is every eighth after it: a string that is read too far ends there.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SMI_CANARY_H
#define SMI_CANARY_H

#include "base.h"

/* Every chunk has at least as many canary bytes after it. */
#define SMI_CANARY_LEAST_BYTES ((size_t)8)

/* The arena's secret; it lives in a locked page of its own. */
struct smi_canary_key {
	uint64_t add, mul, out;
};

/* Write the canary of a chunk of `size` bytes in the place at `place`. */
void smi_canary_write(const struct smi_canary_key *key, void *place,
                      size_t size, size_t place_bytes);

/*
 * The index, counted from the end of the chunk, of the first canary byte that
 * has changed, or SIZE_MAX if none has.
 */
size_t smi_canary_check(const struct smi_canary_key *key, const void *place,
                        size_t size, size_t place_bytes);

#endif /* SMI_CANARY_H */
