/*
 * default.h - the process's arena: published, entered, and gone after fork
 *
 * Locks, in the order in which they are taken: the init lock (here), then the
 * arena's. fork() is bracketed by the first, so that the child sees a whole
 * arena or none.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SMI_DEFAULT_H
#define SMI_DEFAULT_H

#include "arena_make.h"
#include "base.h"

/* Make and publish the arena. -1 with errno and words; EALREADY. */
int smi_default_init(const struct smi_arena_plan *plan, const char *call);

/* Take the arena back and destroy it. */
void smi_default_fini(void);

/*
 * The arena, locked; smi_default_leave() unlocks it. NULL with ENXIO and words
 * if there is none, or if this thread is dying of misuse.
 */
struct smi_arena *smi_default_enter(const char *call);

/* The same without words or errno, for calls that cannot fail. */
struct smi_arena *smi_default_enter_quietly(void);

void smi_default_leave(struct smi_arena *arena);

/* Whether ptr is of an arena that was left behind in a parent. */
bool smi_default_is_inherited(const void *ptr);

/* Whether [at, at + bytes) touches the arena or an inherited one; bytes > 0. */
bool smi_default_touches(const void *at, size_t bytes);

#endif /* SMI_DEFAULT_H */
