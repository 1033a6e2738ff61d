/*
 * arena_grow.h - further pools for an arena
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SMI_ARENA_GROW_H
#define SMI_ARENA_GROW_H

#include "arena_state.h"
#include "base.h"

/*
 * Lock one more pool of `bytes`; where the pool size is the default, as much of
 * that as there is room for, but `least`. Returns it, or SMI_NONE with errno,
 * as smi_pools_lock(), whose sizes they are.
 */
uint32_t smi_arena_add_pool(struct smi_arena *arena, size_t bytes,
                            size_t least);

/*
 * Lock one more pool for a call that wants a chunk of `size`, in which `bytes`
 * fit. False with errno ENOMEM and words; whether it was a right or room that
 * was missing, the words say.
 */
bool smi_arena_grow(struct smi_arena *arena, const char *call, size_t size,
                    size_t bytes);

#endif /* SMI_ARENA_GROW_H */
