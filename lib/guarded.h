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
 *   G2  A free cell reads as zero, and its access is SMI_READWRITE.
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

#include "base.h"
#include "canary.h"
#include "finding.h"
#include "os.h"
#include "pool.h"

struct smi_cell {
	size_t size;    /* of the chunk, if it is live */
	uint32_t next;  /* in its list, if it is free */
	uint32_t opens; /* how often it was opened, and not yet closed */
	bool live;
	uint8_t base, opened, access; /* enum smi_access */
};

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

/* Wipe all cells, before smi_pools_release(), but what is shared. */
void smi_guarded_wipe(struct smi_guarded *guarded);

/* smi_pools_own_all() for cells, whatever their access. */
int smi_guarded_own(struct smi_guarded *guarded);

/* Lock a further cell, of so many bytes; it is free. False with errno as
 * smi_pools_lock(). */
bool smi_guarded_add(struct smi_guarded *guarded, size_t bytes);

/* Whether an address lies in the reservation. */
static inline bool smi_guarded_holds(const struct smi_guarded *guarded,
                                     const void *ptr)
{
	return smi_pools_touch(&guarded->pools, (uintptr_t)ptr, 1);
}

/* A free cell with room for a chunk of `size`, or SMI_NONE. */
uint32_t smi_guarded_spot(const struct smi_guarded *guarded, size_t size);

/*
 * Make a chunk of `size` in the cell that smi_guarded_spot() gave. NULL with
 * *finding: the cell was written to while it was free.
 */
void *smi_guarded_take(struct smi_guarded *guarded, uint32_t cell, size_t size,
                       struct smi_finding *finding);

/*
 * The cell of the live chunk that starts at an address of the reservation.
 * False with *finding: there is none. Only metadata are read.
 */
bool smi_guarded_find(const struct smi_guarded *guarded, uintptr_t address,
                      uint32_t *cell, struct smi_finding *finding);

/*
 * Give the chunk of a cell that was checked and can be written another size,
 * for which the cell is large enough. Returns where it is then; it can be
 * written, and is not open.
 */
void *smi_guarded_resize(struct smi_guarded *guarded, uint32_t cell,
                         size_t size);

/* The start of the chunk of a live cell. */
void *smi_guarded_chunk(const struct smi_guarded *guarded, uint32_t cell);

/* G3, for a live cell that can be read. False with *finding. */
bool smi_guarded_check(const struct smi_guarded *guarded, uint32_t cell,
                       struct smi_finding *finding);

/* Wipe the chunk of a cell that was checked and can be written; it is free. */
void smi_guarded_give(struct smi_guarded *guarded, uint32_t cell);

/* The access that a cell is to have. */
static inline enum smi_access smi_cell_wanted(const struct smi_cell *cell)
{
	return cell->base > cell->opened ? cell->base : cell->opened;
}

/* Have the kernel give a cell this access, whatever it is to have. -1 with
 * errno ENOMEM or EPERM: nothing has changed. */
int smi_guarded_force(struct smi_guarded *guarded, uint32_t cell,
                      enum smi_access access);

/* Set the access that a live cell has while nobody has it open. -1 with errno
 * as above: nothing has changed. */
int smi_guarded_protect(struct smi_guarded *guarded, uint32_t cell,
                        enum smi_access access);

/* Let a live cell be read, or written too, until it has been closed as often as
 * it was opened. -1 with errno as above, or ERANGE: nothing has changed. */
int smi_guarded_open(struct smi_guarded *guarded, uint32_t cell,
                     enum smi_access access);

/* Undo one smi_guarded_open(), whatever access it asked for. -1 with errno as
 * above, or EINVAL: it is not open. */
int smi_guarded_close(struct smi_guarded *guarded, uint32_t cell,
                      enum smi_access unused);

/* Check G1 to G5; a cell that cannot be read is not looked into. False with
 * *finding. */
bool smi_guarded_audit(struct smi_guarded *guarded,
                       struct smi_finding *finding);

#endif /* SMI_GUARDED_H */
