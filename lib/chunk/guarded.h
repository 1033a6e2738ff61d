/*
 * guarded.h - guarded chunks: each is alone between guards
 *
 *     | guard | canary ... canary | chunk | canary, up to 15 bytes | guard |
 *
 * Each guarded chunk has a cell: whole locked pages that are a mapping of their
 * own, so that changing their access splits no mapping. Cells are the pools of
 * a second reservation. A chunk ends at the guard after the cell, except for up
 * to 15 bytes that align its start. All other bytes of the cell are canary. A
 * free cell is all zero and writable. It stays locked, since it might be
 * impossible to lock it again. The cell that has been free for longest is used
 * first.
 *
 * The caller holds the arena's lock. A function that finds damage reports it
 * and changes nothing.
 *
 * Invariants:
 *   G1  A cell is either live or in the list of free cells of its kind, once.
 *   G2  A free cell reads as zero, and its access is SECMALLOC_READWRITE.
 *   G3  All bytes of a live cell that are not its chunk's are canary.
 *   G4  `access` is what the kernel was last told. It is the greater of `base`
 *       and `opened`. `opened` is the most access that was asked for since the
 *       chunk was last not open.
 *   G5  `chunks` and `chunk_bytes` are the number and the bytes of the chunks
 *       in live cells. `free` is the number of the other cells.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SMI_GUARDED_H
#define SMI_GUARDED_H

#include "base/base.h"
#include "chunk/canary.h"
#include "chunk/cell_access.h"
#include "report/misuse.h"
#include "space/pool.h"

/* A list of free cells, by their numbers. */
struct smi_cell_list {
	uint32_t first, last;
};

struct smi_guarded {
	struct smi_pools pools; /* each is a cell, numbered by its first
	                           stride */
	struct smi_cell *cells; /* zeroed, one for each stride, owned by the
	                           caller */
	const struct smi_canary_key *key;
	struct smi_cell_list ordinary, larger;
	size_t free;                /* cells */
	size_t chunks, chunk_bytes; /* live */
	size_t chunks_peak;         /* the most at one time */
};

/* The size of a cell for a chunk of `size`, or SIZE_MAX if there is none. */
size_t smi_guarded_cell_bytes(size_t size, size_t page_bytes);

/* Start without cells. The caller has set up `pools` and `cells`. */
void smi_guarded_start(struct smi_guarded *guarded,
                       const struct smi_canary_key *key);

/* Wipe all cells, except those that are still shared with a parent. To be
 * called before smi_pool_release(). */
void smi_guarded_wipe(struct smi_guarded *guarded);

/* smi_pool_own_all() for cells, whatever their access. -1 with errno as
 * smi_os_protect() or smi_pool_own_one(). */
int smi_guarded_own(struct smi_guarded *guarded);

/* Lock another cell, of `bytes`, which is free. False with errno as
 * smi_pool_lock(). */
bool smi_guarded_add(struct smi_guarded *guarded, size_t bytes);

/* Whether an address lies in the reservation of the cells. */
static inline bool smi_guarded_holds(const struct smi_guarded *guarded,
                                     const void *ptr)
{
	return smi_pool_touch(&guarded->pools, (uintptr_t)ptr, 1);
}

/* A free cell that is large enough for a chunk of `size`, or SMI_NONE. */
uint32_t smi_guarded_vacancy(const struct smi_guarded *guarded, size_t size);

/* Make a chunk of `size` in the cell that smi_guarded_vacancy() returned. NULL
 * with *misuse: the cell was written to while it was free. */
void *smi_guarded_take(struct smi_guarded *guarded, uint32_t cell, size_t size,
                       struct smi_misuse *misuse);

/*
 * Find the cell of the live chunk that starts at an address in the reservation
 * of the cells. False with *misuse if no live chunk starts there. Only metadata
 * are read.
 */
bool smi_guarded_find(const struct smi_guarded *guarded, uintptr_t address,
                      uint32_t *cell, struct smi_misuse *misuse);

/*
 * Resize the chunk of a cell that is large enough, has been checked and is
 * writable. Returns the new address of the chunk, which is then writable and
 * not open.
 */
void *smi_guarded_resize(struct smi_guarded *guarded, uint32_t cell,
                         size_t size);

/* The start of the chunk of a live cell. */
void *smi_guarded_chunk(const struct smi_guarded *guarded, uint32_t cell);

/* Check G3 for a live cell that is readable. False with *misuse. */
bool smi_guarded_check(const struct smi_guarded *guarded, uint32_t cell,
                       struct smi_misuse *misuse);

/* Wipe and free the chunk of a cell that has been checked and is writable. */
void smi_guarded_give(struct smi_guarded *guarded, uint32_t cell);

/* Check G1 to G5. The content of a cell that is not readable is not checked.
 * False with *misuse. */
bool smi_guarded_audit(struct smi_guarded *guarded, struct smi_misuse *misuse);

#endif /* SMI_GUARDED_H */
