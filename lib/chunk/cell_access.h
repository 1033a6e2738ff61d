/*
 * cell_access.h - the access of the cells of guarded chunks, and who has one
 * open
 *
 * A cell is a pool of its own, whose number is that of its first stride. The
 * caller passes the pools, and the table of what each cell holds.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SMI_CELL_ACCESS_H
#define SMI_CELL_ACCESS_H

#include "base/base.h"
#include "os/os.h"
#include "space/pool.h"

struct smi_cell {
	size_t size;    /* of the chunk, if it is live */
	uint32_t next;  /* in its list, if it is free */
	uint32_t opens; /* how often it was opened, and not yet closed */
	bool live;
	uint8_t base, opened, access; /* enum secmalloc_access */
};

/* The access that a cell is to have. */
static inline enum secmalloc_access smi_cell_wanted(const struct smi_cell *cell)
{
	return cell->base > cell->opened ? cell->base : cell->opened;
}

/*
 * Have the kernel give a cell this access, whatever access it is to have. -1
 * with errno ENOMEM or EPERM: nothing has changed.
 */
int smi_cell_access_force(const struct smi_pools *pools, struct smi_cell *cells,
                          uint32_t number, enum secmalloc_access access);

/* What is to be done to the access of a live cell. */
typedef int smi_cell_access_change(const struct smi_pools *pools,
                                   struct smi_cell *cells, uint32_t number,
                                   enum secmalloc_access access);

/*
 * smi_cell_access_protect() sets the access that the cell has while nobody has
 * it open. smi_cell_access_open() lets it be read, or written too, until it has
 * been closed as often as it was opened. smi_cell_access_close() undoes one
 * opening, whatever access that asked for, and ignores its own.
 *
 * -1 with errno as above, or ERANGE (opened too often) or EINVAL (not open):
 * nothing has changed.
 */
smi_cell_access_change smi_cell_access_protect, smi_cell_access_open,
	smi_cell_access_close;

#endif /* SMI_CELL_ACCESS_H */
