/*
 * cell_access.c - the access rights of guarded cells, and who has one open
 *
 * SPDX-License-Identifier: ISC
 */
#include "chunk/cell_access.h"

#include <errno.h>

int smi_cell_access_force(const struct smi_pools *pools, struct smi_cell *cells,
                          uint32_t number, enum secmalloc_access access)
{
	struct smi_cell *cell = &cells[number];

	if (access == cell->access)
		return 0;
	if (smi_os_protect((void *)smi_pool_start(pools, number),
	                   smi_pool_bytes(pools, number), access)
	    != 0)
		return -1;
	cell->access = (uint8_t)access;
	return 0;
}

/* The fields that a change of the access changes. */
struct fields {
	uint32_t opens;
	uint8_t base, opened;
};

static struct fields fields_of(const struct smi_cell *cell)
{
	return (struct fields){cell->opens, cell->base, cell->opened};
}

/* Restore G4 after a change of the fields. On failure, `before` undoes the
 * change. */
static int apply(const struct smi_pools *pools, struct smi_cell *cells,
                 uint32_t number, struct fields before)
{
	struct smi_cell *cell = &cells[number];

	if (smi_cell_access_force(pools, cells, number, smi_cell_wanted(cell))
	    == 0)
		return 0;
	cell->opens = before.opens;
	cell->base = before.base;
	cell->opened = before.opened;
	return -1;
}

int smi_cell_access_protect(const struct smi_pools *pools,
                            struct smi_cell *cells, uint32_t number,
                            enum secmalloc_access access)
{
	struct fields before = fields_of(&cells[number]);

	cells[number].base = (uint8_t)access;
	return apply(pools, cells, number, before);
}

int smi_cell_access_open(const struct smi_pools *pools, struct smi_cell *cells,
                         uint32_t number, enum secmalloc_access access)
{
	struct smi_cell *cell = &cells[number];
	struct fields before = fields_of(cell);

	if (cell->opens == UINT32_MAX) {
		errno = ERANGE;
		return -1;
	}
	cell->opens++;
	if (access > cell->opened)
		cell->opened = (uint8_t)access;
	return apply(pools, cells, number, before);
}

int smi_cell_access_close(const struct smi_pools *pools, struct smi_cell *cells,
                          uint32_t number, enum secmalloc_access unused)
{
	struct smi_cell *cell = &cells[number];
	struct fields before = fields_of(cell);

	(void)unused;
	if (cell->opens == 0) {
		errno = EINVAL;
		return -1;
	}
	if (--cell->opens == 0)
		cell->opened = SECMALLOC_NOACCESS;
	return apply(pools, cells, number, before);
}
