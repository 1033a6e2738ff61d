/*
 * allocate.h - routes a size to a place, and judges misuse
 *
 * Most calls are served by the thread's cache alone and do not get here. The
 * functions below do everything else, and all that concerns more than one
 * thread. The caller holds the arena's lock. `cache` is the calling thread's,
 * or NULL if it has none. Misuse is fatal.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SMI_ALLOCATE_H
#define SMI_ALLOCATE_H

#include "arena/arena.h"
#include "base/base.h"

/*
 * Allocate a chunk of `size` bytes at a multiple of `align`, which is a power
 * of two and at most smi_arena_max_align(). NULL with errno ENOMEM and words.
 */
void *smi_allocate_take(struct smi_arena *arena, struct smi_tcache *cache,
                        size_t align, size_t size);

/* Wipe and free a chunk that is not guarded. */
void smi_allocate_give(struct smi_arena *arena, struct smi_tcache *cache,
                       void *ptr);

/* Change the size of a chunk. NULL with errno ENOMEM and words; the chunk is
 * then untouched. */
void *smi_allocate_resize(struct smi_arena *arena, struct smi_tcache *cache,
                          void *ptr, size_t size);

#endif /* SMI_ALLOCATE_H */
