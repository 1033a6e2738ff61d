/*
 * trim.h - giving memory back, and locking memory that is never given back
 *
 * The caller holds the arena's lock. `own` is the calling thread's cache, or
 * NULL.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SMI_TRIM_H
#define SMI_TRIM_H

#include "arena/arena.h"
#include "base/base.h"

/*
 * Give back what is not in use, neither initial nor reserved: all of it, or at
 * least `least` bytes if there are so many in extents as large as an ordinary
 * pool. The extents that meet the gap `spare` are left alone, unless it is
 * NULL. All caches are emptied. Returns the number of bytes that were given
 * back. Aborts if free memory was written to.
 */
size_t smi_trim_all(struct smi_arena *arena, const struct smi_tcache *own);
size_t smi_trim_some(struct smi_arena *arena, const struct smi_tcache *own,
                     const struct smi_piece *spare, size_t least);

/*
 * Lock `bytes` that are never given back, in addition to what is free, so that
 * a chunk of that size fits; 0 < bytes <= PTRDIFF_MAX. All or nothing. -1 with
 * words and errno: ENOMEM, EPERM.
 */
int smi_trim_reserve(struct smi_arena *arena, size_t bytes);

#endif /* SMI_TRIM_H */
