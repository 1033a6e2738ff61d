/*
 * cached.h - an arena and its threads' caches
 *
 * The caller holds the arena's lock. `cache` is the calling thread's, or NULL
 * if it has none. A slot that was changed while it was in a cache is misuse,
 * and so fatal.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SMI_CACHED_H
#define SMI_CACHED_H

#include "arena/arena.h"
#include "base/base.h"

/* Give the calling thread a cache, or NULL if none is free; and take it back
 * with everything in it. */
struct smi_tcache *smi_cached_attach(struct smi_arena *arena);
void smi_cached_detach(struct smi_arena *arena, struct smi_tcache *cache);

/*
 * Maintain the calling thread's cache: adjust its share, and move its counts to
 * the arena. Every call that takes the lock does this.
 */
void smi_cached_tend(struct smi_arena *arena, struct smi_tcache *cache);

/*
 * Return the slots in the calling thread's cache to their slabs; or those in
 * all other caches, which are stopped meanwhile. False if there were none. A
 * fatal message names `size`, the size that the failing call asked for.
 */
bool smi_cached_flush_own(struct smi_arena *arena, struct smi_tcache *cache,
                          size_t size);
bool smi_cached_flush_others(struct smi_arena *arena,
                             const struct smi_tcache *own, size_t size);

/*
 * Allocate a chunk from the calling thread's cache, and fill that first if need
 * be. NULL if no slab has a free slot, or if caches do not hold this size.
 */
void *smi_cached_take(struct smi_arena *arena, struct smi_tcache *cache,
                      size_t size);

/* Wipe a chunk that was found and checked, and keep its slot in the calling
 * thread's cache. False, with the chunk untouched, if that cannot hold it. */
bool smi_cached_give(struct smi_arena *arena, struct smi_tcache *cache,
                     const struct smi_place *place);

/*
 * The arena's counts plus those of all caches, and the number of bytes in
 * cached slots. The caches are stopped, so both are from one moment. If they
 * could not be stopped for certain, a thread may have finished one call
 * meanwhile. Even then no more is freed than was allocated, and *held is at
 * most what slabs have lent.
 */
struct smi_arena_counts smi_cached_counts(const struct smi_arena *arena,
                                          size_t *held);

/* As smi_cached_counts(), and stops the caches for it. */
struct smi_arena_counts smi_cached_snapshot(struct smi_arena *arena,
                                            const struct smi_tcache *own,
                                            size_t *held);

/* Empty all caches, which are stopped, and revoke their grants. */
void smi_cached_restart_all(struct smi_arena *arena);

#endif /* SMI_CACHED_H */
