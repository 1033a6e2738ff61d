/*
 * placement.h - where in the pools that there are a chunk can go
 *
 * The caller holds the arena's lock.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SMI_PLACEMENT_H
#define SMI_PLACEMENT_H

#include "base/base.h"
#include "chunk/slab.h"

/*
 * A run with a free slot of a class, its own or in a slab that is new, or
 * SMI_NONE. `home` is the number of the cache that fills from it, or
 * SMI_NO_HOME.
 */
uint32_t smi_placement_find_slab(struct smi_slabs *slabs, unsigned class,
                                 uint16_t home);

/*
 * Where a chunk and its canary, `bytes` together, can go. False: there is
 * nothing of the kind that it belongs in.
 */
bool smi_placement_find(struct smi_slabs *slabs, size_t align, size_t bytes,
                        struct smi_vacancy *vacancy);

/*
 * The same when there is not: a slot of any larger class, or one that happens
 * to be aligned though its class promises no such alignment. False: the chunk
 * fits nowhere.
 */
bool smi_placement_find_larger(struct smi_slabs *slabs, size_t align,
                               size_t bytes, struct smi_vacancy *vacancy);

#endif /* SMI_PLACEMENT_H */
