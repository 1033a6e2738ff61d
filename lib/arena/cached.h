/*
 * cached.h - an arena and its threads' caches
 *
 * A `cache` that is passed is the calling thread's, or NULL if it has none. A
 * slot in a cache that is not as it was left is misuse.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SMI_CACHED_H
#define SMI_CACHED_H

#include "arena/arena.h"
#include "base/base.h"

/* A cache for the calling thread, or NULL; and back, with all it holds. */
struct smi_tcache *smi_cached_attach(struct smi_arena *arena);
void smi_cached_detach(struct smi_arena *arena, struct smi_tcache *cache);

/*
 * What the calling thread's cache has to see to now and then: at each of its
 * calls that take the lock.
 */
void smi_cached_tend(struct smi_arena *arena, struct smi_tcache *cache);

/*
 * Give back what the calling thread's cache holds, or what those of all others
 * do, which are stopped for it. False: nothing.
 */
bool smi_cached_flush_own(struct smi_arena *arena, struct smi_tcache *cache,
                          size_t size);
bool smi_cached_flush_others(struct smi_arena *arena,
                             const struct smi_tcache *own, size_t size);

/*
 * A chunk from the calling thread's cache, which is filled first if it has to
 * be. NULL: there is nothing to fill it with, or it can have none of this size.
 */
void *smi_cached_take(struct smi_arena *arena, struct smi_tcache *cache,
                      size_t size);

/* Wipe a chunk that was found and checked, and keep its slot in the calling
 * thread's cache. False: it can have none. */
bool smi_cached_give(struct smi_arena *arena, struct smi_tcache *cache,
                     const struct smi_place *place);

/*
 * The counts, with those of the caches: each thread's are those of a moment
 * during the call. *held: the bytes of slots that caches hold.
 */
struct smi_arena_counts smi_cached_counts(const struct smi_arena *arena,
                                          size_t *held);

#endif /* SMI_CACHED_H */
