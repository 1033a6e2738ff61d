/*
 * arena.h - all that one init makes
 *
 * An arena lives in the first pages of its own metadata mapping, between
 * guards, and owns the reservation with the pools.
 *
 *     metadata: | guard | struct smi_arena, caches, tables | strips | guard |
 *
 * Locks: `lock` guards everything below it in the structure and all that the
 * modules beneath keep, but for what a thread does in its cache (tcache.h). The
 * caller of any smi_arena_ function holds it. Misuse is fatal; the lock is then
 * kept, and all caches stay stopped, so that no other thread gets at what was
 * found damaged.
 *
 * Invariants:
 *   A1  `counts`, and those of the caches, agree with the chunks that the slabs
 *       hold.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SMI_ARENA_H
#define SMI_ARENA_H

#include "base/base.h"
#include "cache/tcaches.h"
#include "chunk/guarded.h"
#include "chunk/slab.h"
#include "report/misuse.h"
#include "space/geometry.h"
#include "space/pool.h"
#include "space/run.h"

#include <pthread.h>

/* All but what is still counted in caches. chunk_bytes, without those of
 * guarded chunks, may wrap round. */
struct smi_arena_counts {
	size_t chunk_bytes;
	uint64_t allocations, frees, failures;
};

struct smi_arena {
	const char *call; /* which has the lock; messages name it */
	void (*on_fault)(const char *line);
	void *metadata; /* the mapping that holds this structure too */
	size_t metadata_bytes;
	size_t initial_pools;
	bool pool_is_default;
	bool no_dump;     /* the process was made undumpable */
	size_t low_bytes; /* 0: there is no on_low */
	void (*on_low)(size_t free_bytes);
	bool is_low; /* it was called, and will not yet be again */
	uint64_t low_crossings;
	pthread_mutex_t lock;
	struct smi_pools pools;
	struct smi_runs runs;
	struct smi_slabs slabs;
	struct smi_tcaches caches;
	struct smi_guarded guarded;
	struct smi_arena_counts counts;
};

/* Die of misuse by the call that has the lock, about a pointer, or about a size
 * if ptr is NULL. All caches stay stopped. */
_Noreturn void smi_arena_die(struct smi_arena *arena, const void *ptr,
                             size_t size, const struct smi_misuse *misuse);

/* The largest alignment that is served. */
size_t smi_arena_max_align(const struct smi_arena *arena);

/* Whether a live chunk starts at ptr, and its size. */
bool smi_arena_size(const struct smi_arena *arena, const void *ptr,
                    size_t *size);

/* Whether ptr is inside a live chunk, or at the start of one. */
bool smi_arena_owns(const struct smi_arena *arena, const void *ptr);

/* What is in no chunk's place and in no cache. */
size_t smi_arena_spare_bytes(const struct smi_arena *arena);

/*
 * Whether on_low is to be called, which then counts as done. If `may_call` is
 * false it only looks whether there is so much again that it may be later.
 */
bool smi_arena_runs_low(struct smi_arena *arena, bool may_call);

/* What the arena has locked: its pools, its guarded cells and its key page. */
size_t smi_arena_locked_bytes(const struct smi_arena *arena);

/* Whether [at, at + bytes) touches its reservation; bytes > 0. */
bool smi_arena_touches(const struct smi_arena *arena, const void *at,
                       size_t bytes);

/*
 * Lock one more pool of `bytes`; where the pool size is the default, as much of
 * that as there is room for, but `least`. Returns it, or SMI_NONE with errno,
 * as smi_pool_lock(), whose sizes they are.
 */
uint32_t smi_arena_add_pool(struct smi_arena *arena, size_t bytes,
                            size_t least);

/*
 * Lock one more pool for a chunk of `size`, in which `bytes`
 * fit. False with errno ENOMEM and words; whether it was a right or room that
 * was missing, the words say.
 */
bool smi_arena_grow(struct smi_arena *arena, size_t size, size_t bytes);

#endif /* SMI_ARENA_H */
