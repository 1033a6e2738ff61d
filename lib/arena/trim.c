/*
 * trim.c - giving memory back, and locking memory that is never given back
 *
 * SPDX-License-Identifier: ISC
 */
#include "arena/trim.h"

#include "arena/cached.h"
#include "arena/no_room.h"
#include "base/wipe.h"

#include <errno.h>

/* ---- Giving back -------------------------------------------------------- */

/* A walk through the extents, the shortest first. */
struct walk {
	uint32_t extent, units;
	uint32_t spare_before, spare_after; /* left alone, or SMI_NONE */
};

static void start_walk(const struct smi_arena *arena,
                       const struct smi_piece *spare, uint32_t units,
                       struct walk *walk)
{
	const struct smi_runs *runs = &arena->runs;

	*walk = (struct walk){
		.extent = SMI_NONE,
		.units = units,
		.spare_before = SMI_NONE,
		.spare_after = SMI_NONE,
	};
	if (spare != NULL) {
		uint32_t first = (uint32_t)(spare->offset >> SMI_UNIT_SHIFT);
		uint32_t before = smi_run_free_before(runs, first);

		walk->spare_before = before > 0 ? first - before : SMI_NONE;
		if (spare->bytes > 0)
			walk->spare_after = first
			                    + (uint32_t)(spare->bytes
			                                 >> SMI_UNIT_SHIFT);
	}
}

/* Go on to the next extent. What is left of one that was closed in part is
 * shorter, or was looked at. */
static bool next_extent(const struct smi_arena *arena, struct walk *walk,
                        struct smi_piece *range)
{
	const struct smi_extents *extents = &arena->runs.extents;

	do {
		walk->extent = smi_extents_find(extents, walk->units,
		                                walk->extent == SMI_NONE
		                                        ? 0
		                                        : walk->extent + 1);
		if (walk->extent == SMI_NONE)
			return false;
		walk->units = smi_extents_units(extents, walk->extent);
	} while (walk->extent == walk->spare_before
	         || walk->extent == walk->spare_after);
	range->offset = walk->extent * SMI_UNIT_BYTES;
	range->bytes = walk->units * SMI_UNIT_BYTES;
	return true;
}

/* Close a part of an extent. False if that was refused. */
static bool close_part(struct smi_arena *arena, size_t extent,
                       const struct smi_piece *part)
{
	struct smi_pools *pools = &arena->pools;
	unsigned char *start = (unsigned char *)pools->start + part->offset;
	size_t written = smi_wipe_first_nonzero(start, part->bytes);
	struct smi_misuse misuse;

	if (written < part->bytes) {
		smi_slab_found(&arena->slabs,
		               smi_run_pool(&arena->runs,
		                            smi_run_unit(&arena->runs,
		                                         (uintptr_t)start)),
		               &misuse, SMI_FREE_WRITTEN, start, part->bytes,
		               written);
		smi_arena_die(arena, NULL, SMI_NO_SIZE, &misuse);
	}
	smi_run_withdraw(&arena->runs, (uint32_t)(extent >> SMI_UNIT_SHIFT),
	                 part);
	if (smi_pool_close(pools, part) == 0)
		return true;
	smi_arena_add(arena, part);
	return false;
}

/* Find the parts that can be closed of all extents of at least `units`, up to
 * `most` bytes, and close them unless `only_count`. Returns the number of
 * bytes. */
static size_t close_parts(struct smi_arena *arena,
                          const struct smi_piece *spare, uint32_t units,
                          size_t most, bool only_count)
{
	struct smi_piece range, part;
	struct walk walk;
	size_t bytes = 0;

	start_walk(arena, spare, units, &walk);
	while (bytes < most && next_extent(arena, &walk, &range)) {
		size_t end = range.offset + range.bytes;

		while (bytes < most && range.offset < end) {
			part = range;
			if (!smi_pool_closable(&arena->pools, &part))
				break;
			if (!only_count
			    && !close_part(arena, range.offset, &part))
				return bytes;
			bytes += part.bytes;
			range.offset = part.offset + part.bytes;
			range.bytes = end - range.offset;
		}
	}
	return bytes;
}

static size_t trim(struct smi_arena *arena, const struct smi_tcache *own,
                   const struct smi_piece *spare, uint32_t units, size_t least,
                   size_t most)
{
	size_t bytes = 0;
	int code = errno;

	/* Threads that use their caches read the memory before a chunk, which
	 * may be free, without a lock. */
	if (smi_tcaches_stop(&arena->caches, own)) {
		smi_cached_restart_all(arena);
		if (close_parts(arena, spare, units, least, true) >= least)
			bytes = close_parts(arena, spare, units, most, false);
	}
	smi_tcaches_resume(&arena->caches);
	arena->trimmed_bytes += bytes;
	errno = code;
	return bytes;
}

size_t smi_trim_all(struct smi_arena *arena, const struct smi_tcache *own)
{
	size_t page_bytes = arena->pools.geometry.page_bytes;

	return trim(arena, own, NULL, (uint32_t)(page_bytes >> SMI_UNIT_SHIFT),
	            0, SIZE_MAX);
}

/* Short extents are not looked at, as there may be very many. */
size_t smi_trim_some(struct smi_arena *arena, const struct smi_tcache *own,
                     const struct smi_piece *spare, size_t least)
{
	size_t pool_bytes = arena->pools.geometry.pool_bytes;

	return trim(arena, own, spare, (uint32_t)(pool_bytes >> SMI_UNIT_SHIFT),
	            least, least);
}

/* ---- Reserving ---------------------------------------------------------- */

/*
 * What is reserved begins with a stride, so that what was grown before it can
 * be given back. False if no gap has room.
 */
static bool find_gap(const struct smi_pools *pools, size_t bytes,
                     struct smi_piece *piece)
{
	struct smi_piece gap = {0, 0};

	if (!pools->geometry.joined) {
		*piece = smi_pool_new_gap(pools, bytes);
		return piece->bytes > 0;
	}
	while (smi_pool_next_gap(pools, &gap)) {
		*piece = gap;
		piece->offset = smi_round_up(gap.offset,
		                             pools->geometry.pool_bytes);
		piece->bytes -= piece->offset - gap.offset;
		if (gap.bytes > piece->offset - gap.offset
		    && smi_pool_room(pools, piece) >= bytes)
			return true;
	}
	return false;
}

int smi_trim_reserve(struct smi_arena *arena, size_t bytes)
{
	struct smi_pools *pools = &arena->pools;
	const struct smi_geometry *g = &pools->geometry;
	struct smi_piece piece;
	size_t all;
	int code;

	all = smi_round_up(smi_round_up(bytes + SMI_CANARY_LEAST_BYTES,
	                                SMI_UNIT_BYTES),
	                   g->page_bytes);
	if (!g->joined && all < g->pool_bytes)
		all = g->pool_bytes;
	if (!find_gap(pools, all, &piece)) {
		smi_no_room_refuse(arena, bytes, all);
		return -1;
	}
	piece.bytes = all;
	if (smi_pool_lock(pools, &piece, all) != 0) {
		code = errno == EPERM ? EPERM : ENOMEM;
		smi_no_room_explain(arena, bytes, all);
		errno = code;
		return -1;
	}
	smi_pool_keep(pools, &piece);
	smi_arena_add(arena, &piece);
	arena->reserved_bytes += piece.bytes;
	return 0;
}
