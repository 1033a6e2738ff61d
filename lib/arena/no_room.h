/*
 * no_room.h - why an arena could not grow, in words
 *
 * The caller holds the arena's lock.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SMI_NO_ROOM_H
#define SMI_NO_ROOM_H

#include "arena/arena.h"
#include "base/base.h"

/* Say why `bytes` more, for a chunk of `size`, could not be locked. errno is
 * that of the refusal. */
void smi_no_room_explain(const struct smi_arena *arena, size_t size,
                         size_t bytes);

/* Say that max_pools or max_bytes does not allow `bytes` more, for a chunk of
 * `size`. */
void smi_no_room_refuse(const struct smi_arena *arena, size_t size,
                        size_t bytes);

#endif /* SMI_NO_ROOM_H */
