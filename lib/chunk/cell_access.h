/*
 * cell_access.h - the access rights of guarded cells, and who has one open
 *
 * A cell is a pool of its own, and its number is that of its first stride. The
 * caller passes the pools and the table of cells, and holds the arena's lock.
 * The state of a cell is for guarded.h.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SMI_CELL_ACCESS_H
#define SMI_CELL_ACCESS_H

#include "base/base.h"
#include "os/os.h"
#include "space/pool.h"

#include <stdatomic.h>

/* The states of a cell. guarded.h describes the transitions between them. */
enum smi_cell_state {
	SMI_CELL_FREE,
	SMI_CELL_TAKING, /* a thread makes a chunk in it */
	SMI_CELL_LIVE,   /* it holds a chunk */
	SMI_CELL_GIVING, /* a thread checks and wipes its chunk */
	SMI_CELL_DAMAGED /* that thread found damage, and aborts the process */
};

struct smi_cell {
	size_t size;    /* of the chunk; of a free cell: of its last chunk */
	uint32_t next;  /* in the list of free cells */
	uint32_t opens; /* how many times it is open */
	_Atomic uint8_t state;        /* enum smi_cell_state */
	uint8_t base, opened, access; /* enum secmalloc_access */
};

static inline enum smi_cell_state smi_cell_state(const struct smi_cell *cell)
{
	return (enum smi_cell_state)atomic_load_explicit(&cell->state,
	                                                 memory_order_acquire);
}

/* Whether a thread works in a cell without the arena's lock. */
static inline bool smi_cell_is_busy(const struct smi_cell *cell)
{
	enum smi_cell_state state = smi_cell_state(cell);

	return state == SMI_CELL_TAKING || state == SMI_CELL_GIVING;
}

static inline void smi_cell_enter_state(struct smi_cell *cell,
                                        enum smi_cell_state state)
{
	atomic_store_explicit(&cell->state, (uint8_t)state,
	                      memory_order_release);
}

/* The access that a cell should have. */
static inline enum secmalloc_access smi_cell_wanted(const struct smi_cell *cell)
{
	return cell->base > cell->opened ? cell->base : cell->opened;
}

/* Set the kernel's access for a cell, whatever access it should have. -1 with
 * errno ENOMEM or EPERM: nothing has changed. */
int smi_cell_access_force(const struct smi_pools *pools, struct smi_cell *cells,
                          uint32_t number, enum secmalloc_access access);

/* A change of the access of a live cell. */
typedef int smi_cell_access_change(const struct smi_pools *pools,
                                   struct smi_cell *cells, uint32_t number,
                                   enum secmalloc_access access);

/*
 * smi_cell_access_protect() sets the access that the cell has while nobody has
 * it open. smi_cell_access_open() makes the cell readable, or writable too,
 * until it has been closed as many times as it was opened.
 * smi_cell_access_close() undoes one opening, whatever access that asked for;
 * its last argument is ignored.
 *
 * -1 with errno ENOMEM, EPERM, ERANGE (opened too many times) or EINVAL (not
 * open): nothing has changed.
 */
smi_cell_access_change smi_cell_access_protect, smi_cell_access_open,
	smi_cell_access_close;

#endif /* SMI_CELL_ACCESS_H */
