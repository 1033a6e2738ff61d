/*
 * growth.c - locking more memory for a chunk that has no place
 *
 * SPDX-License-Identifier: ISC
 */
#include "arena/growth.h"

#include "arena/no_room.h"
#include "arena/trim.h"
#include "chunk/placement.h"
#include "os/os.h"
#include "os/proc.h"

#include <errno.h>

/* The arena grows by one part in PARTS of its pools, if less is missing. */
#define PARTS 32

/* ---- Where to grow ------------------------------------------------------ */

/* A run that is wanted: its size, and the run that could be extended to it. */
struct run {
	uint32_t units;
	unsigned align_order;
	uint32_t from, had; /* SMI_NONE and 0: there is no such run */
};

/* A gap, how much has to be locked at its start, and how much may be. */
struct choice {
	struct smi_piece gap;
	size_t least, room;
};

static struct run run_for(const struct smi_arena *arena,
                          const struct smi_wanted *wanted)
{
	struct run run = {.from = SMI_NONE};

	smi_placement_needs(&arena->slabs, wanted->align,
	                    wanted->size + SMI_CANARY_LEAST_BYTES, &run.units,
	                    &run.align_order);
	if (wanted->from != NULL && wanted->from->slab->class == SMI_ALONE) {
		run.from = wanted->from->run;
		run.had = wanted->from->slab->units;
	}
	return run;
}

/*
 * How much has to be locked from the start of a gap on, so that the units up to
 * `end` are accessible. SIZE_MAX if the gap has no room for that. If the gap is
 * filled, the `after` units behind it count, too.
 */
static size_t missing(const struct choice *choice, size_t end, size_t after)
{
	size_t gap_end = choice->gap.offset + choice->gap.bytes;
	size_t end_bytes = end * SMI_UNIT_BYTES;

	if (end_bytes <= choice->gap.offset + choice->room)
		return end_bytes > choice->gap.offset
		               ? end_bytes - choice->gap.offset
		               : 1;
	return choice->room == choice->gap.bytes
	                       && end_bytes <= gap_end + after * SMI_UNIT_BYTES
	               ? choice->gap.bytes
	               : SIZE_MAX;
}

static size_t least_of(size_t a, size_t b)
{
	return a < b ? a : b;
}

static size_t most_of(size_t a, size_t b)
{
	return a > b ? a : b;
}

/*
 * The unit at which the run would end, if units from `first` on, where a pool
 * ends or none is, were accessible. The run may begin in the free units before
 * `first`, or be one that ends there and is extended, or slides down.
 */
static size_t end_of(const struct smi_arena *arena, const struct run *run,
                     uint32_t first)
{
	const struct smi_runs *runs = &arena->runs;
	uint32_t start = first - smi_run_free_before(runs, first);
	size_t end = smi_run_align(runs, start, run->align_order)
	             + (size_t)run->units;

	if (run->from != SMI_NONE && run->from + run->had == start) {
		start = run->from - smi_run_free_before(runs, run->from);
		end = least_of(end, start + (size_t)run->units);
	}
	return end;
}

/* How much may be locked in a gap: smi_pool_room() or smi_pool_addresses(). */
typedef size_t room_of(const struct smi_pools *pools,
                       const struct smi_piece *gap);

/* Set choice->room and choice->least for a gap. */
static void judge(const struct smi_arena *arena, const struct run *run,
                  room_of *room, struct choice *choice)
{
	const struct smi_geometry *g = &arena->pools.geometry;
	const struct smi_piece *gap = &choice->gap;
	uint32_t first = (uint32_t)(gap->offset >> SMI_UNIT_SHIFT);
	uint32_t after = smi_run_free_from(
		&arena->runs, first + (uint32_t)(gap->bytes >> SMI_UNIT_SHIFT));

	choice->room = room(&arena->pools, gap);
	choice->least = missing(choice, end_of(arena, run, first), after);
	if (choice->least == SIZE_MAX)
		return;
	choice->least = smi_round_up(choice->least, g->page_bytes);
	/* A pool of its own is no smaller than an ordinary one. */
	if (!g->joined && gap->offset % smi_geometry_stride(g) == 0
	    && choice->least < g->pool_bytes)
		choice->least = g->pool_bytes <= choice->room ? g->pool_bytes
		                                              : SIZE_MAX;
}

/* The gap in which the least has to be locked. False if no gap has room. */
static bool choose(const struct smi_arena *arena, const struct run *run,
                   room_of *room, struct choice *best)
{
	struct choice choice = {.gap = {0, 0}};

	best->least = SIZE_MAX;
	while (smi_pool_next_gap(&arena->pools, &choice.gap)) {
		judge(arena, run, room, &choice);
		if (choice.least < best->least)
			*best = choice;
	}
	return best->least != SIZE_MAX;
}

/* Lock memory in a gap. -1 with errno. */
static int lock(struct smi_arena *arena, const struct choice *choice)
{
	const struct smi_geometry *g = &arena->pools.geometry;
	struct smi_piece piece = choice->gap;

	piece.bytes = choice->least;
	if (g->joined || piece.offset % smi_geometry_stride(g) != 0)
		piece.bytes = most_of(piece.bytes,
		                      smi_round_up(arena->pools.bytes / PARTS,
		                                   g->page_bytes));
	if (g->joined)
		piece.bytes = most_of(piece.bytes, g->pool_bytes);
	piece.bytes = least_of(piece.bytes, choice->room);
	if (smi_pool_lock(&arena->pools, &piece, choice->least) != 0)
		return -1;
	smi_arena_add(arena, &piece);
	return 0;
}

/* ---- When that is refused ----------------------------------------------- */

/*
 * How much has to be given back so that `least` bytes can be locked, as far as
 * the limits tell: 0 if none of them stands in the way. What is locked outside
 * the arena counts if it can be read.
 */
static size_t excess(const struct smi_arena *arena, size_t least)
{
	const struct smi_pools *pools = &arena->pools;
	size_t locked = smi_arena_locked_bytes(arena), all, over = 0;
	struct smi_lock_limits limits;

	if (smi_proc_locked_bytes(&all) == 0 && all > locked)
		locked = all;
	if (smi_os_lock_limits(&limits) == 0 && limits.soft != SIZE_MAX
	    && locked + least > limits.soft
	    && !smi_os_lock_limit_is_lifted(pools->secret))
		over = locked + least - limits.soft;
	if (pools->bytes + least > pools->max_bytes)
		over = most_of(over, pools->bytes + least - pools->max_bytes);
	return over;
}

/* As excess(), if no gap has addresses for so much. */
static size_t excess_of_pools(const struct smi_arena *arena, size_t least)
{
	const struct smi_geometry *g = &arena->pools.geometry;
	size_t count = arena->pools.count + smi_geometry_pools_for(g, least);
	size_t over = excess(arena, least);

	if (count > g->max_pools)
		over = most_of(over, (count - g->max_pools) * g->pool_bytes);
	return over;
}

/*
 * Give back as much as is in the way of a growth at the gap of `choice`, which
 * has addresses for it if `fits`. If no limit explains the refusal, there was
 * not enough memory, and as much has to be given back. False if there is not so
 * much that is not in use: then nothing is given back, as it might never be
 * locked again.
 */
static bool make_way(struct smi_arena *arena, const struct smi_tcache *own,
                     const struct choice *choice, bool fits)
{
	size_t over;

	/* What joined pools give back was free already, so no chunk has more
	 * addresses afterwards. */
	if (!fits && arena->pools.geometry.joined)
		return false;
	over = fits ? excess(arena, choice->least)
	            : excess_of_pools(arena, choice->least);
	return smi_trim_some(arena, own, &choice->gap,
	                     over > 0 ? over : choice->least)
	       > 0;
}

/* How much would have to be locked at the end if no limit of the configuration
 * stood in the way. */
static size_t missing_at_end(const struct smi_arena *arena,
                             const struct run *run, size_t size)
{
	const struct smi_geometry *g = &arena->pools.geometry;
	size_t units = smi_units_for(size + SMI_CANARY_LEAST_BYTES), end;
	uint32_t first;

	if (!g->joined)
		return most_of(smi_round_up(units * SMI_UNIT_BYTES,
		                            g->page_bytes),
		               g->pool_bytes);
	first = (uint32_t)(smi_pool_end(&arena->pools) >> SMI_UNIT_SHIFT);
	end = end_of(arena, run, first);
	/* More units than can be numbered were cut. */
	if (units > run->units)
		end += units - run->units;
	return smi_round_up((end - first) * SMI_UNIT_BYTES, g->page_bytes);
}

/* No gap has room: set what would be locked if no limit of the configuration
 * stood in the way. Joined pools would grow at their end. */
static void choose_beyond(const struct smi_arena *arena, const struct run *run,
                          size_t size, struct choice *choice)
{
	const struct smi_pools *pools = &arena->pools;

	choice->gap = (struct smi_piece){0, 0};
	if (pools->geometry.joined)
		choice->gap.offset = smi_pool_end(pools);
	choice->least = missing_at_end(arena, run, size);
}

bool smi_growth_make_room(struct smi_arena *arena, const struct smi_tcache *own,
                          const struct smi_wanted *wanted)
{
	struct run run = run_for(arena, wanted);
	struct choice choice;
	int code = errno;
	bool room, fits;

	for (bool again = false;; again = true) {
		room = choose(arena, &run, smi_pool_room, &choice);
		if (room && lock(arena, &choice) == 0) {
			/* An attempt at more may have set it. */
			errno = code;
			return true;
		}
		fits = room || choose(arena, &run, smi_pool_addresses, &choice);
		if (!fits)
			choose_beyond(arena, &run, wanted->size, &choice);
		if (again || (room && errno != ENOMEM)
		    || !make_way(arena, own, &choice, fits))
			break;
	}
	if (room)
		smi_no_room_explain(arena, wanted->size, choice.least);
	else
		smi_no_room_refuse(arena, wanted->size, choice.least);
	errno = ENOMEM;
	return false;
}
