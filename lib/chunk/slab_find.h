/*
 * slab_find.h - from an address to its chunk
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SMI_SLAB_FIND_H
#define SMI_SLAB_FIND_H

#include "base/base.h"
#include "chunk/slab.h"

/*
 * Find the live chunk that starts at `address`. False with *misuse if no live
 * chunk starts there. Any address may be passed. Only metadata are read. The
 * caller holds the arena's lock.
 */
bool smi_slab_find_chunk(const struct smi_slabs *slabs, uintptr_t address,
                         struct smi_place *place, struct smi_misuse *misuse);

#endif /* SMI_SLAB_FIND_H */
