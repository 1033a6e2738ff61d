/*
 * placement.h - where in the existing pools a chunk can go
 *
 * The caller holds the arena's lock. Nothing here locks a further pool.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SMI_PLACEMENT_H
#define SMI_PLACEMENT_H

#include "base/base.h"
#include "chunk/slab.h"

/*
 * A run with a free slot of a class, in a slab that exists or in a new one; or
 * SMI_NONE. `home` is the number of the cache that fills from the slab, or
 * SMI_NO_HOME.
 */
uint32_t smi_placement_find_slab(struct smi_slabs *slabs, unsigned class,
                                 uint16_t home);

/* The run that is needed if smi_placement_find() finds no place: its units, and
 * the alignment of its address as the exponent of a number of units. `bytes` is
 * far below SIZE_MAX; more than the pools could hold are cut to what is still
 * too much. */
void smi_placement_needs(const struct smi_slabs *slabs, size_t align,
                         size_t bytes, uint32_t *units, unsigned *align_order);

/* Find a place for a chunk and its canary, `bytes` together: a slot of the
 * smallest class that fits, or a run of its own. False if there is none. */
bool smi_placement_find(struct smi_slabs *slabs, size_t align, size_t bytes,
                        struct smi_vacancy *vacancy);

/*
 * smi_placement_find() has failed: find a slot of any larger class, or a slot
 * that happens to be aligned although its class promises no such alignment.
 * False: the chunk fits nowhere.
 */
bool smi_placement_find_larger(struct smi_slabs *slabs, size_t align,
                               size_t bytes, struct smi_vacancy *vacancy);

#endif /* SMI_PLACEMENT_H */
