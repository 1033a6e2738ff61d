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

/* ---- Free cells --------------------------------------------------------- */

static struct smi_cell_list *list_of(struct smi_guarded *guarded, uint32_t cell)
{
	return cell_bytes(guarded, cell) == guarded->pools.geometry.pool_bytes
	               ? &guarded->ordinary
	               : &guarded->larger;
}

static void list_append(struct smi_guarded *guarded, uint32_t cell)
{
	struct smi_cell_list *list = list_of(guarded, cell);

	guarded->cells[cell].next = SMI_NONE;
	if (list->first == SMI_NONE)
		list->first = cell;
	else
		guarded->cells[list->last].next = cell;
	list->last = cell;
}

static void list_remove(struct smi_guarded *guarded, uint32_t cell)
{
	struct smi_cell_list *list = list_of(guarded, cell);
	uint32_t before = SMI_NONE;

	for (uint32_t i = list->first; i != cell; i = guarded->cells[i].next)
		before = i;
	if (before == SMI_NONE)
		list->first = guarded->cells[cell].next;
	else
		guarded->cells[before].next = guarded->cells[cell].next;
	if (list->last == cell)
		list->last = before;
}

/* Free a cell (G1, G2). Its last chunk had `size` bytes. */
static void set_free(struct smi_guarded *guarded, uint32_t cell, size_t size)
{
	guarded->cells[cell] = (struct smi_cell){
		.size = size,
		.base = SECMALLOC_READWRITE,
		.access = SECMALLOC_READWRITE,
	};
	guarded->free++;
	list_append(guarded, cell);
}

uint32_t smi_guarded_vacancy(const struct smi_guarded *guarded, size_t size)
{
	const struct smi_geometry *g = &guarded->pools.geometry;
	size_t bytes = smi_guarded_cell_bytes(size, g->page_bytes);
	uint32_t best = SMI_NONE;

	if (bytes <= g->pool_bytes && guarded->ordinary.first != SMI_NONE)
		return guarded->ordinary.first;
	for (uint32_t i = guarded->larger.first; i != SMI_NONE;
	     i = guarded->cells[i].next)
		if (cell_bytes(guarded, i) >= bytes
		    && (best == SMI_NONE
		        || cell_bytes(guarded, i) < cell_bytes(guarded, best)))
			best = i;
	return best;
}

void smi_guarded_start(struct smi_guarded *guarded,
                       const struct smi_canary_key *key)
{
	guarded->key = key;
	guarded->ordinary = (struct smi_cell_list){SMI_NONE, SMI_NONE};
	guarded->larger = guarded->ordinary;
	guarded->free = 0;
	guarded->chunks = 0;
	guarded->chunks_peak = 0;
	guarded->chunk_bytes = 0;
}

bool smi_guarded_add(struct smi_guarded *guarded, size_t bytes)
{
	uint32_t cell = smi_pool_lock(&guarded->pools, bytes, bytes);

	if (cell == SMI_NONE)
		return false;
	smi_pool_publish(&guarded->pools);
	set_free(guarded, cell, 0);
	return true;
}

/* ---- Chunks ------------------------------------------------------------- */

/* Write the canaries around the chunk of a cell (G3). */
static void *surround(struct smi_guarded *guarded, uint32_t cell)
{
	unsigned char *start = cell_start(guarded, cell);
	unsigned char *chunk = smi_guarded_chunk(guarded, cell);
	size_t front = (size_t)(chunk - start);

	smi_canary_fill(guarded->key, start, 0, front);
	smi_canary_fill(guarded->key, start, front + guarded->cells[cell].size,
	                cell_bytes(guarded, cell));
	return chunk;
}

void *smi_guarded_take(struct smi_guarded *guarded, uint32_t cell, size_t size,
                       struct smi_misuse *misuse)
{
	unsigned char *start = cell_start(guarded, cell);
	size_t bytes = cell_bytes(guarded, cell);
	size_t at = smi_wipe_first_nonzero(start, bytes);

	if (at != bytes) {
		found(guarded, cell, misuse, SMI_FREE_WRITTEN, start, bytes,
		      at);
		return NULL;
	}
	list_remove(guarded, cell);
	guarded->free--;
	guarded->cells[cell].live = true;
	guarded->cells[cell].size = size;
	if (++guarded->chunks > guarded->chunks_peak)
		guarded->chunks_peak = guarded->chunks;
	guarded->chunk_bytes += size;
	return surround(guarded, cell);
}

void *smi_guarded_resize(struct smi_guarded *guarded, uint32_t cell,
                         size_t size)
{
	struct smi_cell *c = &guarded->cells[cell];
	unsigned char *from = smi_guarded_chunk(guarded, cell), *to;
	size_t had = c->size, kept = size < had ? size : had;

	c->size = size;
	c->base = SECMALLOC_READWRITE;
	c->opened = SECMALLOC_NOACCESS;
	c->opens = 0;
	guarded->chunk_bytes += size - had;
	to = smi_guarded_chunk(guarded, cell);
	memmove(to, from, kept);
	smi_wipe_bytes(to + kept, size - kept);
	/* The canaries overwrite what is left of the chunk's bytes at the old
	 * address. */
	return surround(guarded, cell);
}

bool smi_guarded_find(const struct smi_guarded *guarded, uintptr_t address,
                      uint32_t *cell, struct smi_misuse *misuse)
{
	const struct smi_cell *c;
	uintptr_t start;

	*misuse = (struct smi_misuse){.kind = SMI_SOUND, .pool = SMI_NONE};
	if (smi_pool_find(&guarded->pools, address, cell) != SMI_PLACE_POOL) {
		misuse->kind = SMI_IN_GUARD;
		return false;
	}
	c = &guarded->cells[*cell];
	start = (uintptr_t)smi_guarded_chunk(guarded, *cell);
	if (!c->live && address == start)
		return found(guarded, *cell, misuse, SMI_DOUBLE_FREE,
		             (void *)start, c->size, 0);
	if (!c->live) {
		start = smi_pool_start(&guarded->pools, *cell);
		return found(guarded, *cell, misuse, SMI_IN_FREE_PLACE,
		             (void *)start, cell_bytes(guarded, *cell),
		             address - start);
	}
	if (address == start)
		return true;
	if (address < start)
		return found(guarded, *cell, misuse, SMI_BEFORE_CHUNK,
		             (void *)start, c->size, start - address);
	if (address - start < c->size)
		return found(guarded, *cell, misuse, SMI_INNER, (void *)start,
		             c->size, address - start);
	return found(guarded, *cell, misuse, SMI_IN_CANARY, (void *)start,
	             c->size, address - start - c->size);
}

bool smi_guarded_check(const struct smi_guarded *guarded, uint32_t cell,
                       struct smi_misuse *misuse)
{
	const unsigned char *start = cell_start(guarded, cell);
	const unsigned char *chunk = smi_guarded_chunk(guarded, cell);
	size_t size = guarded->cells[cell].size;
	size_t front = (size_t)(chunk - start), end = front + size;
	size_t at = smi_canary_check_fill(guarded->key, start, end,
	                                  cell_bytes(guarded, cell));

	if (at != SIZE_MAX)
		return found(guarded, cell, misuse, SMI_OVERFLOW, chunk, size,
		             at - end);
	at = smi_canary_check_fill(guarded->key, start, 0, front);
	if (at != SIZE_MAX)
		return found(guarded, cell, misuse, SMI_FRONT_WRITTEN, chunk,
		             size, front - at);
	return true;
}

void smi_guarded_give(struct smi_guarded *guarded, uint32_t cell)
{
	size_t size = guarded->cells[cell].size;

	guarded->chunks--;
	guarded->chunk_bytes -= size;
	smi_wipe_bytes(cell_start(guarded, cell), cell_bytes(guarded, cell));
	/* The size of the last chunk tells a double free from a wild
	 * pointer. */
	set_free(guarded, cell, size);
}

/* ---- The end, forks, and audits ----------------------------------------- */

static int force(struct smi_guarded *guarded, uint32_t cell,
                 enum secmalloc_access access)
{
	return smi_cell_access_force(&guarded->pools, guarded->cells, cell,
	                             access);
}

void smi_guarded_wipe(struct smi_guarded *guarded)
{
	for (uint32_t i = smi_pool_next(&guarded->pools, SMI_NONE);
	     i < guarded->pools.owned; i = smi_pool_next(&guarded->pools, i))
		if (force(guarded, i, SECMALLOC_READWRITE) == 0)
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

/* Check G1 for a list: its cells are free and of its kind. Returns how many
 * there are, or SIZE_MAX if G1 does not hold. */
static size_t count_list(struct smi_guarded *guarded,
                         const struct smi_cell_list *list)
{
	size_t count = 0;

	for (uint32_t i = list->first; i != SMI_NONE;
	     i = guarded->cells[i].next, count++)
		if (guarded->cells[i].live || list_of(guarded, i) != list
		    || count > guarded->pools.used)
			return SIZE_MAX;
	return count;
}

/* Check G2 to G4 for a cell. */
static bool audit_cell(const struct smi_guarded *guarded, uint32_t cell,
                       struct smi_misuse *misuse)
{
	const struct smi_cell *c = &guarded->cells[cell];
	const unsigned char *start = cell_start(guarded, cell);
	size_t bytes = cell_bytes(guarded, cell), at;

	if (c->access != smi_cell_wanted(c)
	    || (c->opens == 0) != (c->opened == SECMALLOC_NOACCESS)
	    || (!c->live
	        && (c->access != SECMALLOC_READWRITE || c->opens != 0)))
		return smi_misuse_broken(misuse, SMI_NONE,
		                         "G4: the access of a cell is "
		                         "inconsistent");
	if (c->live)
		return c->access == SECMALLOC_NOACCESS
		       || smi_guarded_check(guarded, cell, misuse);
	at = smi_wipe_first_nonzero(start, bytes);
	return at == bytes
	       || found(guarded, cell, misuse, SMI_FREE_WRITTEN, start, bytes,
	                at);
}

bool smi_guarded_audit(struct smi_guarded *guarded, struct smi_misuse *misuse)
{
	size_t free = 0, live = 0, bytes = 0;
	const char *wrong = smi_pool_audit(&guarded->pools);

	if (wrong != NULL)
		return smi_misuse_broken(misuse, SMI_NONE, wrong);
	for (uint32_t i = smi_pool_next(&guarded->pools, SMI_NONE);
	     i != SMI_NONE; i = smi_pool_next(&guarded->pools, i)) {
		if (!audit_cell(guarded, i, misuse))
			return false;
		if (guarded->cells[i].live) {
			live++;
			bytes += guarded->cells[i].size;
		} else {
			free++;
		}
	}
	if (live != guarded->chunks || bytes != guarded->chunk_bytes
	    || free != guarded->free)
		return smi_misuse_broken(misuse, SMI_NONE,
		                         "G5: the guarded chunks do not add "
		                         "up");
	if (count_list(guarded, &guarded->ordinary)
	            + count_list(guarded, &guarded->larger)
	    != free)
		return smi_misuse_broken(misuse, SMI_NONE,
		                         "G1: the free cells do not add up");
	return true;
}
