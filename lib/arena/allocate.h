/*
 * allocate.h - routes a size to a place, and judges misuse
 *
 * The threads' caches stand in front of smi_allocate_take() and
 * smi_allocate_give(), which do what those cannot, and all that concerns more
 * than one thread. The caller holds the arena's lock. A `cache` that is passed
 * is the calling thread's, or NULL if it has none. Misuse is fatal.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SMI_ALLOCATE_H
#define SMI_ALLOCATE_H

#include "arena/arena.h"
#include "base/base.h"

/*
 * A chunk of `size` bytes at a multiple of `align`, a power of two of at most
 * half a pool, or 1. NULL with errno ENOMEM and words.
 */
void *smi_allocate_take(struct smi_arena *arena, struct smi_tcache *cache,
                        size_t align, size_t size);

/* Wipe and free a chunk. */
void smi_allocate_give(struct smi_arena *arena, struct smi_tcache *cache,
                       void *ptr);

/* Change the size of a chunk. NULL with errno ENOMEM and words: untouched. */
void *smi_allocate_resize(struct smi_arena *arena, struct smi_tcache *cache,
                          void *ptr, size_t size);

#endif /* SMI_ALLOCATE_H */
