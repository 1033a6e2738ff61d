/*
 * arena.h - everything that one init makes
 *
 * An arena lives in the first pages of its own metadata mapping, between
 * guards, and owns the reservation that holds the pools.
 *
 *     metadata: | guard | struct smi_arena, tables | strips, caches | guard |
 *
 * Locks: `lock` guards every member after it, and the state of all lower
 * modules, except for what a thread does in its own cache (tcache.h). The
 * caller of any smi_arena_ function holds it. Misuse is fatal: the lock is then
 * kept and all caches stay stopped, so that no other thread can use the damaged
 * arena.
 *
 * Invariants:
 *   A1  `counts` plus the counts of all caches agree with the chunks in the
 *       slabs.
 *   A2  All caches together were granted at most one part in SMI_TCACHES_PART
 *       of the pools.
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

/* The arena's part of the counts; the caches keep the rest. chunk_bytes does
 * not include guarded chunks, and may wrap around below zero. */
struct smi_arena_counts {
	size_t chunk_bytes;
	uint64_t allocations, frees, failures;
};

struct smi_arena {
	const char *call; /* the one that holds the lock, for messages */
	void (*on_fault)(const char *line);
	void *metadata; /* the mapping, which holds this structure too */
	size_t metadata_bytes;
	size_t initial_pools, initial_cells;
	size_t initial_bytes;   /* of the initial pools */
	size_t reserved_bytes;  /* locked by smi_trim_reserve() */
	uint64_t trimmed_bytes; /* given back since init */
	bool no_dump;           /* SECMALLOC_NODUMP was given */
	size_t low_bytes;       /* 0 without on_low */
	void (*on_low)(size_t free_bytes);
	bool is_low; /* on_low was called for the present crossing */
	uint64_t low_crossings;
	pthread_mutex_t lock;
	struct smi_pools pools;
	struct smi_runs runs;
	struct smi_slabs slabs;
	struct smi_tcaches caches;
	struct smi_guarded guarded;
	struct smi_arena_counts counts;
};

/*
 * Abort because of misuse, by the call that holds the lock. The message names
 * ptr, or else `size` unless it is SMI_NO_SIZE. All caches stay stopped.
 */
#define SMI_NO_SIZE SIZE_MAX
_Noreturn void smi_arena_die(struct smi_arena *arena, const void *ptr,
                             size_t size, const struct smi_misuse *misuse);

/* The largest alignment that a chunk can have. */
size_t smi_arena_max_align(const struct smi_arena *arena);

/* Whether a live chunk starts at ptr; if so, *size is its size. */
bool smi_arena_size(const struct smi_arena *arena, const void *ptr,
                    size_t *size);

/* Whether ptr is inside a live chunk, or at the start of one. */
bool smi_arena_owns(const struct smi_arena *arena, const void *ptr);

/* The bytes of the pools that are neither in a chunk's place nor in a cache. */
size_t smi_arena_spare_bytes(const struct smi_arena *arena);

/*
 * Whether the caller has to call on_low; the crossing is then counted. With
 * `may_call` false, this function only notes whether so much has become free
 * again that the next crossing counts as a new one.
 */
bool smi_arena_runs_low(struct smi_arena *arena, bool may_call);

/* How many bytes of pools the same use of the arena needs, with a margin. */
size_t smi_arena_sizing_bytes(const struct smi_arena *arena);

/* The size of the largest chunk that fits without locking more memory. What is
 * in caches does not count. */
size_t smi_arena_largest_free(const struct smi_arena *arena);

/* The bytes of the pools that are neither initial nor reserved. */
size_t smi_arena_grown_bytes(const struct smi_arena *arena);

/* The bytes that the arena has locked: its pools, guarded cells and key page.
 */
size_t smi_arena_locked_bytes(const struct smi_arena *arena);

/* Whether [at, at + bytes) overlaps the reservation; bytes > 0. */
bool smi_arena_touches(const struct smi_arena *arena, const void *at,
                       size_t bytes);

/* Let the arena use memory that was just locked. */
void smi_arena_add(struct smi_arena *arena, const struct smi_piece *piece);

#endif /* SMI_ARENA_H */
