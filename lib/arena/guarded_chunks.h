/*
 * guarded_chunks.h - an arena's guarded chunks
 *
 * The caller holds the arena's lock. Misuse is fatal. smi_guarded_holds() has
 * to be true of a pointer that is passed, unless a function says otherwise.
 *
 * Taking and giving only choose a cell here. What takes longer follows without
 * the lock: guarded.h says why that is safe.
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

/* Take a cell for a chunk of `size` bytes, if need be a new one. The caller
 * goes on with smi_guarded_make(). SMI_NONE with errno ENOMEM and words. */
uint32_t smi_guarded_chunks_take(struct smi_arena *arena, size_t size);

/* Give back the cell of a guarded chunk, whatever its access is. The caller
 * goes on with smi_guarded_end(). */
uint32_t smi_guarded_chunks_give(struct smi_arena *arena, void *ptr);

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
