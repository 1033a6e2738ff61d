/*
 * explain.c - what an address is, in words
 *
 * SPDX-License-Identifier: ISC
 */
#include "arena/explain.h"

#include "chunk/slab_find.h"

/* Describe the start of a live chunk as byte 0 of that chunk. */
static void find_start(struct smi_misuse *misuse, size_t size)
{
	misuse->kind = SMI_INNER;
	misuse->size = size;
	misuse->at = 0;
}

/* ---- Pools -------------------------------------------------------------- */

static void explain_guard(const struct smi_pools *pools, uintptr_t address,
                          uint32_t pool, struct smi_text *text)
{
	if (address - (uintptr_t)smi_pool_key_page(pools)
	    < pools->geometry.page_bytes)
		smi_text_add(text, "in the page of the canary key");
	else if (address < smi_pool_start(pools, 0))
		smi_text_add(text, "in the guard before pool 0");
	else if (pool != SMI_NONE)
		smi_text_add(text, "in the guard after pool %zu", (size_t)pool);
	else
		smi_text_add(text, "in addresses reserved for further pools");
}

static void explain_in_pool(const struct smi_arena *arena, uintptr_t address,
                            struct smi_text *text)
{
	struct smi_misuse misuse;
	struct smi_place place;
	uint32_t pool;

	if (smi_pool_find(&arena->pools, address, &pool) != SMI_PLACE_POOL) {
		explain_guard(&arena->pools, address, pool, text);
		return;
	}
	if (smi_slab_find_chunk(&arena->slabs, address, &place, &misuse))
		find_start(&misuse, place.size);
	switch (misuse.kind) {
	case SMI_INNER:
		smi_text_add(text, "byte %zu of a chunk of %zu bytes",
		             misuse.at, misuse.size);
		break;
	case SMI_IN_CANARY:
		smi_text_add(text,
		             "%zu bytes past the end of a chunk of %zu bytes",
		             misuse.at, misuse.size);
		break;
	case SMI_DOUBLE_FREE:
	case SMI_IN_FREE_PLACE:
		smi_text_add(text, "inside a free slot of %zu bytes",
		             misuse.size);
		break;
	default:
		smi_text_add(text, "inside free memory");
	}
	smi_text_add(text, ", pool %zu", (size_t)pool);
}

/* ---- Guarded chunks ----------------------------------------------------- */

static void add_behind(struct smi_text *text, size_t by, size_t size)
{
	smi_text_add(text,
	             "%zu bytes past the end of a guarded chunk of %zu bytes",
	             by, size);
}

static void add_before(struct smi_text *text, size_t by, size_t size)
{
	smi_text_add(text, "%zu bytes before a guarded chunk of %zu bytes", by,
	             size);
}

/* Describe an address in a guard: as one behind the cell before it, unless the
 * next chunk is less than a page away. */
static void explain_by_cell(const struct smi_guarded *guarded,
                            uintptr_t address, uint32_t before,
                            struct smi_text *text)
{
	const struct smi_pools *pools = &guarded->pools;
	uint32_t next = smi_pool_next(pools, before);
	uintptr_t chunk;

	if (next != SMI_NONE && smi_guarded_has_chunk(guarded, next)
	    && smi_pool_start(pools, next) - address
	               <= pools->geometry.page_bytes) {
		chunk = (uintptr_t)smi_guarded_chunk(guarded, next);
		add_before(text, chunk - address, guarded->cells[next].size);
	} else if (before != SMI_NONE
	           && smi_guarded_has_chunk(guarded, before)) {
		chunk = (uintptr_t)smi_guarded_chunk(guarded, before);
		add_behind(text, address - chunk - guarded->cells[before].size,
		           guarded->cells[before].size);
	} else {
		smi_text_add(text, "in a guard of the guarded cells");
	}
}

static void explain_in_cell(const struct smi_guarded *guarded,
                            uintptr_t address, struct smi_text *text)
{
	static const char *const access[] = {
		[SECMALLOC_NOACCESS] = ", which is closed",
		[SECMALLOC_READONLY] = ", which is open for reading only",
		[SECMALLOC_READWRITE] = "",
	};
	struct smi_misuse misuse;
	uint32_t cell;

	if (smi_pool_find(&guarded->pools, address, &cell) != SMI_PLACE_POOL) {
		explain_by_cell(guarded, address, cell, text);
		return;
	}
	if (!smi_guarded_has_chunk(guarded, cell)) {
		smi_text_add(text, "inside a free guarded cell");
		return;
	}
	if (smi_guarded_relate(guarded, address, cell, &misuse))
		find_start(&misuse, guarded->cells[cell].size);
	if (misuse.kind == SMI_BEFORE_CHUNK)
		add_before(text, misuse.at, misuse.size);
	else if (misuse.kind == SMI_IN_CANARY)
		add_behind(text, misuse.at, misuse.size);
	else
		smi_text_add(text, "byte %zu of a guarded chunk of %zu bytes",
		             misuse.at, misuse.size);
	smi_text_add(text, "%s", access[guarded->cells[cell].access]);
}

bool smi_explain_address(const struct smi_arena *arena, const void *ptr,
                         struct smi_text *text)
{
	uintptr_t address = (uintptr_t)ptr;

	if (smi_guarded_holds(&arena->guarded, ptr))
		explain_in_cell(&arena->guarded, address, text);
	else if (smi_pool_touch(&arena->pools, address, 1))
		explain_in_pool(arena, address, text);
	else if (address - (uintptr_t)arena->metadata < arena->metadata_bytes)
		smi_text_add(text, "in the library's metadata");
	else
		return false;
	return true;
}
