/*
 * arena_guarded.h - an arena's guarded chunks
 *
 * The caller holds the arena's lock. Misuse is fatal. A pointer that is passed
 * is one that smi_guarded_holds(), unless it says otherwise.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SMI_ARENA_GUARDED_H
#define SMI_ARENA_GUARDED_H

#include "arena_state.h"
#include "base.h"

/* Lock so many cells of the ordinary size, for an init. False with errno, as
 * smi_pools_lock(): fewer were. */
bool smi_arena_prepare_guarded(struct smi_arena *arena, size_t count);

/* A guarded chunk of `size` bytes, from one more cell if need be. NULL with
 * errno ENOMEM and words. */
void *smi_arena_take_guarded(struct smi_arena *arena, const char *call,
                             size_t size);

/* Wipe and free one, whatever its access. */
void smi_arena_give_guarded(struct smi_arena *arena, const char *call,
                            void *ptr);

/* Another size, in its cell or another, with the same bytes; it can be written.
 * NULL with errno ENOMEM and words: untouched. */
void *smi_arena_resize_guarded(struct smi_arena *arena, const char *call,
                               void *ptr, size_t size);

/* What is to be done to the access of one. */
typedef int smi_guarded_change(struct smi_guarded *guarded, uint32_t cell,
                               enum smi_access access);

/*
 * Change the access of a guarded chunk; any pointer may be asked. -1 with errno
 * and words: EINVAL (no guarded chunk starts there, or it is not open), ERANGE,
 * ENOMEM, EPERM.
 */
int smi_arena_change_guarded(struct smi_arena *arena, const char *call,
                             void *ptr, smi_guarded_change *change,
                             enum smi_access access);

#endif /* SMI_ARENA_GUARDED_H */
