/*
 * guarded.h - guarded chunks: each is alone between guards
 *
 *     | guard | zeros | canary, up to a page | chunk | canary | guard |
 *
 * Each guarded chunk has a cell: whole locked pages that are a mapping of their
 * own, so that changing their access splits no mapping. Cells are the pools of
 * a second reservation. A chunk ends at the guard after the cell, except for up
 * to 15 bytes that align its start; these are canary. Before it lies a page of
 * canary, or less if the cell begins there. All other bytes of the cell are
 * zero, and a free cell is all zero and writable. So what a chunk costs depends
 * on its own size, and not on that of the cell. A cell stays locked, since it
 * might be impossible to lock it again. The cell that has been free for longest
 * is used first.
 *
 * Without `check_whole`, the zeros before the canary are checked only when a
 * larger chunk comes to lie there, and by an audit.
 *
 * The caller holds the arena's lock, except in the two functions that take
 * longest: smi_guarded_make() and smi_guarded_end(). In between, the cell
 * belongs to the thread that calls them:
 *
 *     FREE --smi_guarded_take()--> TAKING --smi_guarded_make()--> LIVE
 *     LIVE --smi_guarded_give()--> GIVING --smi_guarded_end()--> FREE
 *
 * That thread does not wait for anything, so whoever holds the lock may wait
 * for it: smi_guarded_settle(). A function that finds damage reports it and
 * changes nothing, except that the cell is then used for nothing else.
 *
 * Invariants:
 *   G1  A cell is in the list of free cells of its kind, once, if it is FREE or
 *       GIVING. No other cell is in a list.
 *   G2  A FREE cell reads as zero, and its access is SECMALLOC_READWRITE.
 *   G3  Of a LIVE cell, the bytes up to a page before the chunk, and all bytes
 *       after it, are canary. The bytes before the canary are zero.
 *   G4  `access` is what the kernel was last told. It is the greater of `base`
 *       and `opened`. `opened` is the most access that was asked for since the
 *       chunk was last not open.
 *   G5  `chunks` and `chunk_bytes` are the number and the bytes of the chunks
 *       in cells that are LIVE or TAKING. `free.count` is the number of the
 *       other cells.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SMI_GUARDED_H
#define SMI_GUARDED_H

#include "base/base.h"
#include "chunk/canary.h"
#include "chunk/cell_list.h"
#include "report/misuse.h"
#include "space/pool.h"

struct smi_guarded {
	struct smi_pools pools; /* each is a cell, numbered by its first
	                           stride */
	struct smi_cell *cells; /* zeroed, one for each stride, owned by the
	                           caller */
	const struct smi_canary_key *key;
	bool check_whole; /* check the zeros before each canary, too */
	struct smi_free_cells free;
	size_t chunks, chunk_bytes; /* live */
	size_t chunks_peak;         /* the most at one time */
};

/* The size of a cell for a chunk of `size`, or SIZE_MAX if there is none. */
size_t smi_guarded_cell_bytes(size_t size, size_t page_bytes);

/* Start without cells. The caller has set up `pools` and `cells`. */
void smi_guarded_start(struct smi_guarded *guarded,
                       const struct smi_canary_key *key, bool check_whole);

/* Wipe all cells, except those that are still shared with a parent. To be
 * called before smi_pool_release(). */
void smi_guarded_wipe(struct smi_guarded *guarded);

/* smi_pool_own_all() for cells, whatever their access. -1 with errno as
 * smi_os_protect() or smi_pool_own_one(). */
int smi_guarded_own(struct smi_guarded *guarded);

/* Lock another cell, of `bytes`, which is free. smi_pool_new_gap() has found
 * room for it. False with errno as smi_pool_lock(). */
bool smi_guarded_add(struct smi_guarded *guarded, size_t bytes);

/* Whether an address lies in the reservation of the cells. */
static inline bool smi_guarded_holds(const struct smi_guarded *guarded,
                                     const void *ptr)
{
	return smi_pool_touch(&guarded->pools, (uintptr_t)ptr, 1);
}

/* A free cell that is large enough for a chunk of `size`, or SMI_NONE. If the
 * last such cells are still being freed by other threads, this waits for one of
 * them. */
uint32_t smi_guarded_vacancy(const struct smi_guarded *guarded, size_t size);

/* Take the cell that smi_guarded_vacancy() returned for a chunk of `size`. */
void smi_guarded_take(struct smi_guarded *guarded, uint32_t cell, size_t size);

/* Make the chunk in a cell that the calling thread took for it. NULL with
 * *misuse: the cell was written to while it was free. */
void *smi_guarded_make(struct smi_guarded *guarded, uint32_t cell, size_t size,
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
 * not open. NULL with *misuse: the bytes that the chunk and its canary were to
 * take had been written to.
 */
void *smi_guarded_resize(struct smi_guarded *guarded, uint32_t cell,
                         size_t size, struct smi_misuse *misuse);

/* The start of the chunk of a cell that has one. */
void *smi_guarded_chunk(const struct smi_guarded *guarded, uint32_t cell);

/* Whether a cell has a chunk: a live one, or one that has not been wiped. */
bool smi_guarded_has_chunk(const struct smi_guarded *guarded, uint32_t cell);

/* Where an address in a cell that has a chunk lies: true if at the start of the
 * chunk, and false with *misuse otherwise. */
bool smi_guarded_relate(const struct smi_guarded *guarded, uintptr_t address,
                        uint32_t cell, struct smi_misuse *misuse);

/* Check G3 for a cell that has a chunk and is readable. Without `whole`, the
 * zeros are not checked. False with *misuse. */
bool smi_guarded_check(const struct smi_guarded *guarded, uint32_t cell,
                       bool whole, struct smi_misuse *misuse);

/* Check G2 for a cell without a chunk, from the byte `from` on. False with
 * *misuse. */
bool smi_guarded_check_free(const struct smi_guarded *guarded, uint32_t cell,
                            size_t from, struct smi_misuse *misuse);

/* Give back the cell of a live chunk, which is writable. */
void smi_guarded_give(struct smi_guarded *guarded, uint32_t cell);

/* Check and wipe the chunk of a cell that the calling thread gave back. False
 * with *misuse: smi_guarded_check() failed. */
bool smi_guarded_end(struct smi_guarded *guarded, uint32_t cell,
                     struct smi_misuse *misuse);

/* Wait until no thread is between smi_guarded_take() and smi_guarded_make(), or
 * between smi_guarded_give() and smi_guarded_end(). */
void smi_guarded_settle(const struct smi_guarded *guarded);

#endif /* SMI_GUARDED_H */
