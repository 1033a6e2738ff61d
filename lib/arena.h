/*
 * arena.h - all that one init makes; routes a size to a place
 *
 * An arena lives in the first pages of its own metadata mapping, between
 * guards, and owns the reservation with the pools. A per-thread cache, when it
 * comes, stands in front of smi_arena_take() and smi_arena_give().
 *
 *     metadata: | guard | struct smi_arena, tables | pool 0's | ... | guard |
 *
 * Locks: `lock` guards everything below it in the structure and all that the
 * modules beneath keep. The caller of a function here holds it. Misuse is found
 * here and is fatal; the lock is then kept.
 *
 * Invariants:
 *   A1  `counts` agree with the chunks that the slabs hold.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SMI_ARENA_H
#define SMI_ARENA_H

#include "base.h"
#include "geometry.h"
#include "pool.h"
#include "run.h"
#include "slab.h"

#include <pthread.h>

struct smi_arena_counts {
	size_t chunks, chunks_peak;
	size_t chunk_bytes, chunk_bytes_peak;
	size_t place_bytes;
	uint64_t allocations, frees, failures;
};

struct smi_arena {
	void (*on_fault)(const char *line);
	void *metadata;       /* the mapping that holds this structure too */
	size_t metadata_bytes;
	size_t initial_pools;
	bool pool_is_default;
	struct smi_arena *next_inherited; /* in a child: see default.c */
	pthread_mutex_t lock;
	struct smi_pools pools;
	struct smi_runs runs;
	struct smi_slabs slabs;
	struct smi_arena_counts counts;
};

/*
 * Lock one more ordinary pool, or one of at least `least` bytes. Returns it, or
 * SMI_NONE with errno, as smi_pools_lock().
 */
uint32_t smi_arena_add_pool(struct smi_arena *arena, size_t least);

/*
 * A chunk of `size` bytes at a multiple of `align`, a power of two of at most
 * half a pool, or 1. NULL with errno ENOMEM and words.
 */
void *smi_arena_take(struct smi_arena *arena, const char *call, size_t align,
                     size_t size);

/* Wipe and free a chunk. */
void smi_arena_give(struct smi_arena *arena, const char *call, void *ptr);

/* Change the size of a chunk. NULL with errno ENOMEM and words: untouched. */
void *smi_arena_resize(struct smi_arena *arena, const char *call, void *ptr,
                       size_t size);

/* The largest alignment that is served. */
size_t smi_arena_max_align(const struct smi_arena *arena);

/* Whether a live chunk starts at ptr, and its size. */
bool smi_arena_size(const struct smi_arena *arena, const void *ptr,
                    size_t *size);

/* Whether ptr is inside a live chunk, or at the start of one. */
bool smi_arena_owns(const struct smi_arena *arena, const void *ptr);

/* What the arena has locked: its pools and its key page. */
size_t smi_arena_locked_bytes(const struct smi_arena *arena);

#endif /* SMI_ARENA_H */
