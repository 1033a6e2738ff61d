/*
 * cell_list.h - the free guarded cells, and those that are being freed
 *
 * Cells of the ordinary size are in one list, and larger cells in another. The
 * cell that has been free for longest comes first. The caller holds the arena's
 * lock.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SMI_CELL_LIST_H
#define SMI_CELL_LIST_H

#include "base/base.h"
#include "chunk/cell_access.h"
#include "space/pool.h"

/* A list, by the numbers of its cells. */
struct smi_cell_list {
	uint32_t first, last;
};

struct smi_free_cells {
	const struct smi_pools *pools;
	struct smi_cell *cells;
	struct smi_cell_list ordinary, larger;
	size_t count;
};

/* Start without cells in the lists. */
void smi_cell_list_start(struct smi_free_cells *free,
                         const struct smi_pools *pools, struct smi_cell *cells);

void smi_cell_list_append(struct smi_free_cells *free, uint32_t cell);
void smi_cell_list_remove(struct smi_free_cells *free, uint32_t cell);

/*
 * The first free cell of the ordinary size if that is at least `bytes`, or else
 * the smallest larger one that is. SMI_NONE if there is none; *busy is then set
 * if such a cell is being freed.
 */
uint32_t smi_cell_list_find(const struct smi_free_cells *free, size_t bytes,
                            bool *busy);

/* Whether the lists have `count` cells, each of its kind and free or damaged.
 */
bool smi_cell_list_audit(const struct smi_free_cells *free);

#endif /* SMI_CELL_LIST_H */
