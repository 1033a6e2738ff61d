/*
 * guarded_chunks.h - an arena's guarded chunks
 *
 * The caller holds the arena's lock. Misuse is fatal. smi_guarded_holds() has
 * to be true of a pointer that is passed, unless a function says otherwise.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SMI_GUARDED_CHUNKS_H
#define SMI_GUARDED_CHUNKS_H

#include "arena/arena.h"
#include "base/base.h"

/* Lock `count` cells of the ordinary size, for an init. False with the errno of
 * smi_pool_lock() if fewer were locked. */
bool smi_guarded_chunks_prepare(struct smi_arena *arena, size_t count);

/* Allocate a guarded chunk of `size` bytes, if need be in a new cell. NULL with
 * errno ENOMEM and words. */
void *smi_guarded_chunks_take(struct smi_arena *arena, size_t size);

/* Wipe and free a guarded chunk, whatever its access is. */
void smi_guarded_chunks_give(struct smi_arena *arena, void *ptr);

/*
 * Change the size of a guarded chunk, in its cell or by a move to another. The
 * result is readable and writable. NULL with errno ENOMEM and words; the chunk
 * is then untouched.
 */
void *smi_guarded_chunks_resize(struct smi_arena *arena, void *ptr,
                                size_t size);

/*
 * Change the access of a guarded chunk; ptr may be any pointer. -1 with errno
 * and words: EINVAL (no guarded chunk starts there, or it is not open), ERANGE
 * (opened too often), ENOMEM or EPERM (the kernel refused).
 */
int smi_guarded_chunks_change(struct smi_arena *arena, void *ptr,
                              smi_cell_access_change *change,
                              enum secmalloc_access access);

#endif /* SMI_GUARDED_CHUNKS_H */
