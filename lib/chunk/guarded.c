/*
 * guarded.c - guarded chunks: each is alone between guards
 *
 * SPDX-License-Identifier: ISC
 */
#include "chunk/guarded.h"

#include "base/wipe.h"

#include <string.h>

/* The least number of canary bytes before a chunk. */
#define FRONT_BYTES SMI_ALIGN_BYTES

/* ---- Where chunks lie --------------------------------------------------- */

/* The bytes from the start of a chunk to the guard after it. The start is
 * aligned; a chunk of 0 bytes needs an address too. */
static size_t place_bytes(size_t size)
{
	return size > 0 ? smi_round_up(size, SMI_ALIGN_BYTES) : SMI_ALIGN_BYTES;
}

size_t smi_guarded_cell_bytes(size_t size, size_t page_bytes)
{
	if (size > PTRDIFF_MAX - 2 * page_bytes)
		return SIZE_MAX;
	return smi_round_up(place_bytes(size) + FRONT_BYTES, page_bytes);
}

static unsigned char *cell_start(const struct smi_guarded *guarded,
                                 uint32_t cell)
{
	return (unsigned char *)smi_pool_start(&guarded->pools, cell);
}

static size_t cell_bytes(const struct smi_guarded *guarded, uint32_t cell)
{
	return smi_pool_bytes(&guarded->pools, cell);
}

static unsigned char *cell_end(const struct smi_guarded *guarded, uint32_t cell)
{
	return cell_start(guarded, cell) + cell_bytes(guarded, cell);
}

/* The offset of the first canary byte of a cell with a chunk of `size`. */
static size_t canary_start(const struct smi_guarded *guarded, uint32_t cell,
                           size_t size)
{
	size_t chunk = cell_bytes(guarded, cell) - place_bytes(size);
	size_t page = guarded->pools.geometry.page_bytes;

	return chunk > page ? chunk - page : 0;
}

void *smi_guarded_chunk(const struct smi_guarded *guarded, uint32_t cell)
{
	return cell_end(guarded, cell) - place_bytes(guarded->cells[cell].size);
}

static bool found(const struct smi_guarded *guarded, uint32_t cell,
                  struct smi_misuse *misuse, enum smi_misuse_kind kind,
                  const void *place, size_t size, size_t at)
{
	*misuse = (struct smi_misuse){
		.kind = kind,
		.guarded = true,
		.pool = cell,
		.place = (uintptr_t)place,
		.pool_offset = (uintptr_t)place
	                       - smi_pool_start(&guarded->pools, cell),
		.size = size,
		.at = at,
	};
	return false;
}

/* The offset of the first byte in [from, to) of a cell that is not zero, or
 * `to`. */
static size_t first_nonzero(const struct smi_guarded *guarded, uint32_t cell,
                            size_t from, size_t to)
{
	return from
	       + smi_wipe_first_nonzero(cell_start(guarded, cell) + from,
	                                to - from);
}

/*
 * All bytes from the last chunk's canary on were wiped when it was freed. Those
 * before it may have been written to while the chunk was live.
 */
bool smi_guarded_check_free(const struct smi_guarded *guarded, uint32_t cell,
                            size_t from, struct smi_misuse *misuse)
{
	size_t wiped = canary_start(guarded, cell, guarded->cells[cell].size);
	size_t bytes = cell_bytes(guarded, cell);
	size_t at = first_nonzero(guarded, cell, from, bytes);

	return at == bytes
	       || found(guarded, cell, misuse,
	                at < wiped ? SMI_BEFORE_WRITTEN : SMI_FREE_WRITTEN,
	                cell_start(guarded, cell), bytes, at);
}

/* ---- Cells -------------------------------------------------------------- */

void smi_guarded_start(struct smi_guarded *guarded,
                       const struct smi_canary_key *key, bool check_whole)
{
	guarded->key = key;
	guarded->check_whole = check_whole;
	smi_cell_list_start(&guarded->free, &guarded->pools, guarded->cells);
	guarded->chunks = 0;
	guarded->chunks_peak = 0;
	guarded->chunk_bytes = 0;
}

uint32_t smi_guarded_vacancy(const struct smi_guarded *guarded, size_t size)
{
	size_t bytes =
		smi_guarded_cell_bytes(size,
	                               guarded->pools.geometry.page_bytes);

	for (unsigned times = 0;; times++) {
		bool busy = false;
		uint32_t cell = smi_cell_list_find(&guarded->free, bytes,
		                                   &busy);

		if (cell != SMI_NONE || !busy)
			return cell;
		smi_os_pause(times);
	}
}

/* Give a cell the access that it has without a chunk, or with a fresh one. The
 * kernel knows that already. */
static void reset_access(struct smi_cell *cell)
{
	cell->base = SECMALLOC_READWRITE;
	cell->opened = SECMALLOC_NOACCESS;
	cell->opens = 0;
}

bool smi_guarded_add(struct smi_guarded *guarded, size_t bytes)
{
	struct smi_pools *pools = &guarded->pools;
	struct smi_piece gap = smi_pool_new_gap(pools, bytes);
	uint32_t cell;

	gap.bytes = bytes;
	if (smi_pool_lock(pools, &gap, bytes) != 0)
		return false;
	smi_pool_publish(pools);
	cell = (uint32_t)(gap.offset >> pools->geometry.stride_shift);
	guarded->cells[cell].access = SECMALLOC_READWRITE;
	reset_access(&guarded->cells[cell]);
	smi_cell_list_append(&guarded->free, cell);
	return true;
}

/* ---- Chunks ------------------------------------------------------------- */

/* Write the canaries around the chunk of a cell (G3). */
static void *surround(struct smi_guarded *guarded, uint32_t cell)
{
	unsigned char *start = cell_start(guarded, cell);
	unsigned char *chunk = smi_guarded_chunk(guarded, cell);
	size_t size = guarded->cells[cell].size;

	smi_canary_fill(guarded->key, start, canary_start(guarded, cell, size),
	                (size_t)(chunk - start));
	smi_canary_fill(guarded->key, start, (size_t)(chunk - start) + size,
	                cell_bytes(guarded, cell));
	return chunk;
}

void smi_guarded_take(struct smi_guarded *guarded, uint32_t cell, size_t size)
{
	smi_cell_list_remove(&guarded->free, cell);
	smi_cell_enter_state(&guarded->cells[cell], SMI_CELL_TAKING);
	if (++guarded->chunks > guarded->chunks_peak)
		guarded->chunks_peak = guarded->chunks;
	guarded->chunk_bytes += size;
}

void *smi_guarded_make(struct smi_guarded *guarded, uint32_t cell, size_t size,
                       struct smi_misuse *misuse)
{
	struct smi_cell *c = &guarded->cells[cell];
	size_t from = guarded->check_whole ? 0
	                                   : canary_start(guarded, cell, size);
	void *chunk;

	if (!smi_guarded_check_free(guarded, cell, from, misuse)) {
		smi_cell_enter_state(c, SMI_CELL_FREE);
		return NULL;
	}
	c->size = size;
	chunk = surround(guarded, cell);
	smi_cell_enter_state(c, SMI_CELL_LIVE);
	return chunk;
}

void *smi_guarded_resize(struct smi_guarded *guarded, uint32_t cell,
                         size_t size, struct smi_misuse *misuse)
{
	struct smi_cell *c = &guarded->cells[cell];
	unsigned char *start = cell_start(guarded, cell), *to;
	unsigned char *from = smi_guarded_chunk(guarded, cell);
	size_t had = c->size, kept = size < had ? size : had;
	size_t old_canary = canary_start(guarded, cell, had);
	size_t canary = canary_start(guarded, cell, size), at;

	if (canary < old_canary) {
		at = first_nonzero(guarded, cell, canary, old_canary);
		if (at != old_canary) {
			found(guarded, cell, misuse, SMI_FRONT_WRITTEN, from,
			      had, (size_t)(from - start) - at);
			return NULL;
		}
	}
	c->size = size;
	reset_access(c);
	guarded->chunk_bytes += size - had;
	to = smi_guarded_chunk(guarded, cell);
	memmove(to, from, kept);
	smi_wipe_bytes(to + kept, size - kept);
	if (old_canary < canary)
		smi_wipe_bytes(start + old_canary, canary - old_canary);
	/* The canaries overwrite what else is left of the chunk's bytes at the
	 * old address. */
	return surround(guarded, cell);
}

bool smi_guarded_has_chunk(const struct smi_guarded *guarded, uint32_t cell)
{
	enum smi_cell_state state = smi_cell_state(&guarded->cells[cell]);

	return state != SMI_CELL_FREE && state != SMI_CELL_TAKING;
}

bool smi_guarded_relate(const struct smi_guarded *guarded, uintptr_t address,
                        uint32_t cell, struct smi_misuse *misuse)
{
	uintptr_t start = (uintptr_t)smi_guarded_chunk(guarded, cell);
	size_t size = guarded->cells[cell].size;

	if (address == start)
		return true;
	if (address < start)
		return found(guarded, cell, misuse, SMI_BEFORE_CHUNK,
		             (void *)start, size, start - address);
	if (address - start < size)
		return found(guarded, cell, misuse, SMI_INNER, (void *)start,
		             size, address - start);
	return found(guarded, cell, misuse, SMI_IN_CANARY, (void *)start, size,
	             address - start - size);
}

bool smi_guarded_find(const struct smi_guarded *guarded, uintptr_t address,
                      uint32_t *cell, struct smi_misuse *misuse)
{
	enum smi_cell_state state;
	unsigned char *start;

	*misuse = (struct smi_misuse){.kind = SMI_SOUND, .pool = SMI_NONE};
	if (smi_pool_find(&guarded->pools, address, cell) != SMI_PLACE_POOL) {
		misuse->kind = SMI_IN_GUARD;
		return false;
	}
	state = smi_cell_state(&guarded->cells[*cell]);
	if (state == SMI_CELL_LIVE)
		return smi_guarded_relate(guarded, address, *cell, misuse);
	/* The size of the last chunk tells a double free from a wild pointer.
	 * While a chunk is being made, its size does not yet count. */
	if (state != SMI_CELL_TAKING
	    && (void *)address == smi_guarded_chunk(guarded, *cell))
		return found(guarded, *cell, misuse, SMI_DOUBLE_FREE,
		             (void *)address, guarded->cells[*cell].size, 0);
	start = cell_start(guarded, *cell);
	return found(guarded, *cell, misuse, SMI_IN_FREE_PLACE, start,
	             cell_bytes(guarded, *cell), address - (uintptr_t)start);
}

bool smi_guarded_check(const struct smi_guarded *guarded, uint32_t cell,
                       bool whole, struct smi_misuse *misuse)
{
	const unsigned char *start = cell_start(guarded, cell);
	const unsigned char *chunk = smi_guarded_chunk(guarded, cell);
	size_t size = guarded->cells[cell].size;
	size_t front = (size_t)(chunk - start), end = front + size;
	size_t canary = canary_start(guarded, cell, size);
	size_t at = smi_canary_check_fill(guarded->key, start, end,
	                                  cell_bytes(guarded, cell));

	if (at != SIZE_MAX)
		return found(guarded, cell, misuse, SMI_OVERFLOW, chunk, size,
		             at - end);
	at = whole ? first_nonzero(guarded, cell, 0, canary) : canary;
	if (at == canary)
		at = smi_canary_check_fill(guarded->key, start, canary, front);
	if (at != SIZE_MAX)
		return found(guarded, cell, misuse, SMI_FRONT_WRITTEN, chunk,
		             size, front - at);
	return true;
}

void smi_guarded_give(struct smi_guarded *guarded, uint32_t cell)
{
	struct smi_cell *c = &guarded->cells[cell];

	guarded->chunks--;
	guarded->chunk_bytes -= c->size;
	reset_access(c);
	smi_cell_enter_state(c, SMI_CELL_GIVING);
	smi_cell_list_append(&guarded->free, cell);
}

bool smi_guarded_end(struct smi_guarded *guarded, uint32_t cell,
                     struct smi_misuse *misuse)
{
	struct smi_cell *c = &guarded->cells[cell];
	size_t canary = canary_start(guarded, cell, c->size);

	if (!smi_guarded_check(guarded, cell, guarded->check_whole, misuse)) {
		smi_cell_enter_state(c, SMI_CELL_DAMAGED);
		return false;
	}
	smi_wipe_bytes(cell_start(guarded, cell) + canary,
	               cell_bytes(guarded, cell) - canary);
	smi_cell_enter_state(c, SMI_CELL_FREE);
	return true;
}

void smi_guarded_settle(const struct smi_guarded *guarded)
{
	for (uint32_t i = smi_pool_next(&guarded->pools, SMI_NONE);
	     i != SMI_NONE; i = smi_pool_next(&guarded->pools, i))
		for (unsigned times = 0; smi_cell_is_busy(&guarded->cells[i]);
		     times++)
			smi_os_pause(times);
}

/* ---- The end, and forks ------------------------------------------------- */

static int force(struct smi_guarded *guarded, uint32_t cell,
                 enum secmalloc_access access)
{
	return smi_cell_access_force(&guarded->pools, guarded->cells, cell,
	                             access);
}

/* The fork that made a copy may have interrupted a change of the access, so the
 * recorded access may be wrong. */
void smi_guarded_wipe(struct smi_guarded *guarded)
{
	for (uint32_t i = smi_pool_next(&guarded->pools, SMI_NONE);
	     i < guarded->pools.owned; i = smi_pool_next(&guarded->pools, i))
		if (smi_os_open(cell_start(guarded, i), cell_bytes(guarded, i))
		    == 0)
			smi_wipe_bytes(cell_start(guarded, i),
			               cell_bytes(guarded, i));
}

int smi_guarded_own(struct smi_guarded *guarded)
{
	for (uint32_t i = smi_pool_next(&guarded->pools, SMI_NONE);
	     i != SMI_NONE; i = smi_pool_next(&guarded->pools, i)) {
		guarded->pools.refused = (struct smi_refusal){
			.step = SMI_STEP_OPEN,
			.bytes = cell_bytes(guarded, i),
		};
		if (force(guarded, i, SECMALLOC_READWRITE) != 0
		    || smi_pool_own_one(&guarded->pools, i) != 0
		    || force(guarded, i, smi_cell_wanted(&guarded->cells[i]))
		               != 0)
			return -1;
	}
	guarded->pools.owned = SMI_NONE;
	return 0;
}
