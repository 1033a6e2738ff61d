/*
 * guarded_path.h - taking and giving guarded chunks
 *
 * The arena's lock is held only while a cell is chosen, so that threads do the
 * rest side by side. Misuse is fatal.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SMI_GUARDED_PATH_H
#define SMI_GUARDED_PATH_H

#include "arena/arena.h"
#include "base/base.h"

/* Allocate a guarded chunk of `size` bytes. NULL with errno ENOMEM or ENXIO,
 * and words. */
void *smi_guarded_path_take(const char *call, size_t size);

/* Wipe and free a guarded chunk, whatever its access is. smi_guarded_holds() is
 * true of ptr. The caller has entered the arena, and this function leaves it.
 */
void smi_guarded_path_give(const char *call, struct smi_arena *arena,
                           void *ptr);

#endif /* SMI_GUARDED_PATH_H */
