/*
 * guarded.h - chunks that are alone between guards
 *
 *     | guard | canary ... canary | chunk | canary, up to 15 bytes | guard |
 *
 * Each has a cell: whole pages that are locked, a mapping of their own, so that
 * their access can be changed without splitting one. Cells are pools of another
 * reservation. The chunk ends at the guard, but for what aligns it; every other
 * byte of the cell is canary. A free cell is all zero and can be written: it is
 * kept, as its lock could not be had again, and the one that was free for the
 * longest is used first.
 *
 * The caller holds the arena's lock. What this module finds wrong it reports,
 * and then changes nothing.
 *
 * Invariants:
 *   G1  A cell is live, or in the list of those of its kind, once.
 *   G2  A free cell reads as zero, and its access is SECMALLOC_READWRITE.
 *   G3  All bytes of a live cell that are not its chunk's are canary.
 *   G4  `access` is what the kernel was told last: `base`, or what those want
 *       who have opened the chunk, if that is more.
 *   G5  `chunks` and `chunk_bytes` are those of the live cells, `free` is the
 *       number of the others.
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

/* Free cells, by number. */
struct smi_cell_list {
	uint32_t first, last;
};

struct smi_guarded {
	struct smi_pools pools; /* each is a cell, by its first stride */
	struct smi_cell *cells; /* of each stride, the caller's, zeroed */
	const struct smi_canary_key *key;
	struct smi_cell_list ordinary, larger;
	size_t free;                /* cells */
	size_t chunks, chunk_bytes; /* live */
	size_t chunks_peak;         /* the most at one time */
};

/* The bytes of a cell for a chunk of `size`, or SIZE_MAX if there is none. */
size_t smi_guarded_cell_bytes(size_t size, size_t page_bytes);

/* Begin with no cell; pools and cells were made by the caller. */
void smi_guarded_start(struct smi_guarded *guarded,
                       const struct smi_canary_key *key);

/* Wipe all cells, before smi_pool_release(), but what is shared. */
void smi_guarded_wipe(struct smi_guarded *guarded);

/* smi_pool_own_all() for cells, whatever their access. */
int smi_guarded_own(struct smi_guarded *guarded);

/* Lock a further cell, of so many bytes; it is free. False with errno as
 * smi_pool_lock(). */
bool smi_guarded_add(struct smi_guarded *guarded, size_t bytes);

/* Whether an address lies in the reservation. */
static inline bool smi_guarded_holds(const struct smi_guarded *guarded,
                                     const void *ptr)
{
	return smi_pool_touch(&guarded->pools, (uintptr_t)ptr, 1);
}

/* A free cell with room for a chunk of `size`, or SMI_NONE. */
uint32_t smi_guarded_vacancy(const struct smi_guarded *guarded, size_t size);

/*
 * Make a chunk of `size` in the cell that smi_guarded_vacancy() gave. NULL with
 * *misuse: the cell was written to while it was free.
 */
void *smi_guarded_take(struct smi_guarded *guarded, uint32_t cell, size_t size,
                       struct smi_misuse *misuse);

/*
 * The cell of the live chunk that starts at an address of the reservation.
 * False with *misuse: there is none. Only metadata are read.
 */
bool smi_guarded_find(const struct smi_guarded *guarded, uintptr_t address,
                      uint32_t *cell, struct smi_misuse *misuse);

/*
 * Give the chunk of a cell that was checked and can be written another size,
 * for which the cell is large enough. Returns where it is then; it can be
 * written, and is not open.
 */
void *smi_guarded_resize(struct smi_guarded *guarded, uint32_t cell,
                         size_t size);

/* The start of the chunk of a live cell. */
void *smi_guarded_chunk(const struct smi_guarded *guarded, uint32_t cell);

/* G3, for a live cell that can be read. False with *misuse. */
bool smi_guarded_check(const struct smi_guarded *guarded, uint32_t cell,
                       struct smi_misuse *misuse);

/* Wipe the chunk of a cell that was checked and can be written; it is free. */
void smi_guarded_give(struct smi_guarded *guarded, uint32_t cell);

/* Check G1 to G5; a cell that cannot be read is not looked into. False with
 * *misuse. */
bool smi_guarded_audit(struct smi_guarded *guarded, struct smi_misuse *misuse);

#endif /* SMI_GUARDED_H */
