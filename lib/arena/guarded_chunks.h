/*
 * guarded_chunks.h - an arena's guarded chunks
 *
 * The caller holds the arena's lock. Misuse is fatal. A pointer that is passed
 * is one that smi_guarded_holds(), unless it says otherwise.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SMI_GUARDED_CHUNKS_H
#define SMI_GUARDED_CHUNKS_H

#include "arena/arena.h"
#include "base/base.h"

/* Lock so many cells of the ordinary size, for an init. False with errno, as
 * smi_pool_lock(): fewer were. */
bool smi_guarded_chunks_prepare(struct smi_arena *arena, size_t count);

/* A guarded chunk of `size` bytes, from one more cell if need be. NULL with
 * errno ENOMEM and words. */
void *smi_guarded_chunks_take(struct smi_arena *arena, size_t size);

/* Wipe and free one, whatever its access. */
void smi_guarded_chunks_give(struct smi_arena *arena, void *ptr);

/* Another size, in its cell or another, with the same bytes; it can be written.
 * NULL with errno ENOMEM and words: untouched. */
void *smi_guarded_chunks_resize(struct smi_arena *arena, void *ptr,
                                size_t size);

/*
 * Change the access of a guarded chunk; any pointer may be asked. -1 with errno
 * and words: EINVAL (no guarded chunk starts there, or it is not open), ERANGE,
 * ENOMEM, EPERM.
 */
int smi_guarded_chunks_change(struct smi_arena *arena, void *ptr,
                              smi_cell_access_change *change,
                              enum secmalloc_access access);

#endif /* SMI_GUARDED_CHUNKS_H */
