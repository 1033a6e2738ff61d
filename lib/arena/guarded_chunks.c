/*
 * guarded_chunks.c - an arena's guarded chunks
 *
 * SPDX-License-Identifier: ISC
 */
#include "arena/guarded_chunks.h"

#include "report/fatal.h"
#include "report/last_error.h"
#include "report/shortage.h"

#include <errno.h>
#include <string.h>

bool smi_guarded_chunks_prepare(struct smi_arena *arena, size_t count)
{
	struct smi_guarded *guarded = &arena->guarded;

	while (guarded->pools.count < count)
		if (!smi_guarded_add(guarded,
		                     guarded->pools.geometry.pool_bytes))
			return false;
	return true;
}

/* The limit on cells does not allow one of `bytes`. False, with words. */
static bool refuse_cell(const struct smi_arena *arena, size_t size,
                        size_t bytes)
{
	const struct smi_pools *cells = &arena->guarded.pools;
	const struct smi_geometry *pools = &arena->pools.geometry;
	const struct smi_geometry *g = &cells->geometry;
	size_t most = cells->count + smi_geometry_pools_for(g, bytes);
	size_t enough = most - arena->initial_cells;
	struct smi_geometry larger;
	struct smi_text *text;

	smi_last_error_set(ENOMEM,
	                   "%s: no room for %zu bytes in %zu guarded cells, "
	                   "and the limit of %zu (from guarded_chunks and "
	                   "max_pools) does not allow another of %zu bytes: ",
	                   arena->call, size, cells->count,
	                   (size_t)g->max_pools, bytes);
	text = smi_last_error_more();
	if (enough < pools->max_pools)
		enough = pools->max_pools;
	if (smi_geometry_plan(&larger, g->page_bytes, g->pool_bytes, false,
	                      most)
	            == SMI_GEOMETRY_FITS
	    && smi_geometry_plan(&larger, pools->page_bytes, pools->pool_bytes,
	                         pools->joined, enough)
	               == SMI_GEOMETRY_FITS)
		smi_text_add(text, "raise max_pools to %zu, or ", enough);
	else
		smi_text_add(text, "divide the data, or ");
	smi_text_add(text, "free guarded chunks");
	return false;
}

/* Lock one more cell for a chunk of `size`. False with errno ENOMEM and words.
 */
static bool grow(struct smi_arena *arena, size_t size)
{
	struct smi_guarded *guarded = &arena->guarded;
	const struct smi_geometry *g = &guarded->pools.geometry;
	size_t bytes = smi_guarded_cell_bytes(size, g->page_bytes);
	struct smi_lock_shortage shortage = {
		.call = arena->call,
		.what = "guarded cells",
		.moment = SMI_AT_GROWTH,
		.secret = guarded->pools.secret,
		.size = size,
		.pools_locked = guarded->pools.count,
		.bytes_locked = smi_arena_locked_bytes(arena),
	};

	if (bytes < g->pool_bytes)
		bytes = g->pool_bytes;
	if (smi_pool_new_gap(&guarded->pools, bytes).bytes == 0)
		return refuse_cell(arena, size, bytes);
	if (smi_guarded_add(guarded, bytes))
		return true;
	shortage.refused = guarded->pools.refused;
	shortage.bytes_wanted = shortage.bytes_locked + bytes;
	shortage.largest_bytes = bytes;
	if (bytes == g->pool_bytes) {
		shortage.field = "guarded_chunks";
		shortage.field_value = guarded->pools.count + 1;
	}
	smi_shortage_explain(&shortage);
	errno = ENOMEM;
	return false;
}

uint32_t smi_guarded_chunks_take(struct smi_arena *arena, size_t size)
{
	struct smi_guarded *guarded = &arena->guarded;
	uint32_t cell;

	if (size > PTRDIFF_MAX) {
		smi_last_error_set(
			ENOMEM,
			"%s: %zu bytes is larger than any object can be",
			arena->call, size);
		return SMI_NONE;
	}
	cell = smi_guarded_vacancy(guarded, size);
	if (cell == SMI_NONE) {
		if (!grow(arena, size)) {
			arena->counts.failures++;
			return SMI_NONE;
		}
		cell = smi_guarded_vacancy(guarded, size);
	}
	smi_guarded_take(guarded, cell, size);
	arena->counts.allocations++;
	return cell;
}

/* Find the cell of the chunk at ptr. Aborts if no guarded chunk starts there.
 */
static uint32_t cell_of(struct smi_arena *arena, const void *ptr)
{
	struct smi_misuse misuse;
	uint32_t cell;

	if (!smi_guarded_find(&arena->guarded, (uintptr_t)ptr, &cell, &misuse))
		smi_arena_die(arena, ptr, 0, &misuse);
	return cell;
}

/*
 * Make a chunk readable and writable. The kernel refuses only if a system call
 * filter or a smaller RLIMIT_DATA was set after the chunk was closed. The chunk
 * can then be neither wiped nor freed, so the process aborts.
 */
static void open_cell(struct smi_arena *arena, void *ptr, uint32_t cell)
{
	if (smi_cell_access_force(&arena->guarded.pools, arena->guarded.cells,
	                          cell, SECMALLOC_READWRITE)
	    != 0)
		smi_fatal_die(arena->on_fault,
		              "%s(%p): the guarded chunk could "
		              "not be made accessible (errno %d)",
		              arena->call, ptr, errno);
}

uint32_t smi_guarded_chunks_give(struct smi_arena *arena, void *ptr)
{
	uint32_t cell = cell_of(arena, ptr);

	open_cell(arena, ptr, cell);
	smi_guarded_give(&arena->guarded, cell);
	arena->counts.frees++;
	return cell;
}

/* Move a chunk that has been checked to another cell. NULL with errno ENOMEM
 * and words: the chunk is untouched. */
static void *move(struct smi_arena *arena, void *ptr, uint32_t from,
                  size_t size)
{
	struct smi_guarded *guarded = &arena->guarded;
	size_t had = guarded->cells[from].size;
	struct smi_misuse misuse;
	uint32_t to = smi_guarded_chunks_take(arena, size);
	void *chunk;

	if (to == SMI_NONE)
		return NULL;
	chunk = smi_guarded_make(guarded, to, size, &misuse);
	if (chunk == NULL)
		smi_arena_die(arena, NULL, size, &misuse);
	memcpy(chunk, ptr, had);
	smi_guarded_give(guarded, from);
	if (!smi_guarded_end(guarded, from, &misuse))
		smi_arena_die(arena, ptr, 0, &misuse);
	arena->counts.frees++;
	return chunk;
}

void *smi_guarded_chunks_resize(struct smi_arena *arena, void *ptr, size_t size)
{
	struct smi_guarded *guarded = &arena->guarded;
	uint32_t cell = cell_of(arena, ptr);
	enum secmalloc_access access = guarded->cells[cell].access;
	struct smi_misuse misuse;
	void *chunk;
	int code;

	open_cell(arena, ptr, cell);
	if (!smi_guarded_check(guarded, cell, guarded->check_whole, &misuse))
		smi_arena_die(arena, ptr, 0, &misuse);
	if (smi_guarded_cell_bytes(size, guarded->pools.geometry.page_bytes)
	    <= smi_pool_bytes(&guarded->pools, cell)) {
		chunk = smi_guarded_resize(guarded, cell, size, &misuse);
		if (chunk == NULL)
			smi_arena_die(arena, ptr, 0, &misuse);
		arena->counts.allocations++;
		arena->counts.frees++;
		return chunk;
	}
	chunk = move(arena, ptr, cell, size);
	if (chunk != NULL)
		return chunk;
	code = errno;
	/* The kernel allowed this access a moment ago. */
	smi_cell_access_force(&guarded->pools, guarded->cells, cell, access);
	errno = code;
	return NULL;
}

int smi_guarded_chunks_change(struct smi_arena *arena, void *ptr,
                              smi_cell_access_change *change,
                              enum secmalloc_access access)
{
	struct smi_misuse misuse;
	uint32_t cell;

	if (!smi_guarded_holds(&arena->guarded, ptr)
	    || !smi_guarded_find(&arena->guarded, (uintptr_t)ptr, &cell,
	                         &misuse))
		return smi_last_error_set(EINVAL,
		                          "%s: no guarded chunk starts at %p",
		                          arena->call, ptr);
	if (change(&arena->guarded.pools, arena->guarded.cells, cell, access)
	    == 0)
		return 0;
	if (errno == EINVAL)
		return smi_last_error_set(EINVAL,
		                          "%s: the chunk at %p is not open",
		                          arena->call, ptr);
	return smi_last_error_set(errno,
	                          "%s: access to the chunk at %p could not be "
	                          "changed (errno %d)",
	                          arena->call, ptr, errno);
}
