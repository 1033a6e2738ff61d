/*
 * cell_list.c - the free guarded cells, and those that are being freed
 *
 * SPDX-License-Identifier: ISC
 */
#include "chunk/cell_list.h"

void smi_cell_list_start(struct smi_free_cells *free,
                         const struct smi_pools *pools, struct smi_cell *cells)
{
	free->pools = pools;
	free->cells = cells;
	free->ordinary = (struct smi_cell_list){SMI_NONE, SMI_NONE};
	free->larger = free->ordinary;
	free->count = 0;
}

static bool is_ordinary(const struct smi_free_cells *free, uint32_t cell)
{
	return smi_pool_bytes(free->pools, cell)
	       == free->pools->geometry.pool_bytes;
}

static struct smi_cell_list *list_of(struct smi_free_cells *free, uint32_t cell)
{
	return is_ordinary(free, cell) ? &free->ordinary : &free->larger;
}

void smi_cell_list_append(struct smi_free_cells *free, uint32_t cell)
{
	struct smi_cell_list *list = list_of(free, cell);

	free->cells[cell].next = SMI_NONE;
	if (list->first == SMI_NONE)
		list->first = cell;
	else
		free->cells[list->last].next = cell;
	list->last = cell;
	free->count++;
}

void smi_cell_list_remove(struct smi_free_cells *free, uint32_t cell)
{
	struct smi_cell_list *list = list_of(free, cell);
	uint32_t before = SMI_NONE;

	for (uint32_t i = list->first; i != cell; i = free->cells[i].next)
		before = i;
	if (before == SMI_NONE)
		list->first = free->cells[cell].next;
	else
		free->cells[before].next = free->cells[cell].next;
	if (list->last == cell)
		list->last = before;
	free->count--;
}

/* Whether a cell can be used at once. *busy is set if it soon can. */
static bool is_free(const struct smi_cell *cell, bool *busy)
{
	if (smi_cell_is_busy(cell))
		*busy = true;
	return smi_cell_state(cell) == SMI_CELL_FREE;
}

static uint32_t find_ordinary(const struct smi_free_cells *free, bool *busy)
{
	uint32_t i = free->ordinary.first;

	while (i != SMI_NONE && !is_free(&free->cells[i], busy))
		i = free->cells[i].next;
	return i;
}

static uint32_t find_larger(const struct smi_free_cells *free, size_t bytes,
                            bool *busy)
{
	uint32_t best = SMI_NONE;
	size_t best_bytes = SIZE_MAX;

	for (uint32_t i = free->larger.first; i != SMI_NONE;
	     i = free->cells[i].next) {
		size_t has = smi_pool_bytes(free->pools, i);

		if (has >= bytes && has < best_bytes
		    && is_free(&free->cells[i], busy)) {
			best = i;
			best_bytes = has;
		}
	}
	return best;
}

uint32_t smi_cell_list_find(const struct smi_free_cells *free, size_t bytes,
                            bool *busy)
{
	uint32_t cell = SMI_NONE;

	if (bytes <= free->pools->geometry.pool_bytes)
		cell = find_ordinary(free, busy);
	return cell != SMI_NONE ? cell : find_larger(free, bytes, busy);
}

/* How many cells a list has, or SIZE_MAX if one of them does not belong there.
 */
static size_t count(const struct smi_free_cells *free,
                    const struct smi_cell_list *list)
{
	size_t cells = 0;

	for (uint32_t i = list->first; i != SMI_NONE;
	     i = free->cells[i].next, cells++) {
		enum smi_cell_state state = smi_cell_state(&free->cells[i]);

		if ((state != SMI_CELL_FREE && state != SMI_CELL_DAMAGED)
		    || is_ordinary(free, i) != (list == &free->ordinary)
		    || cells > free->count)
			return SIZE_MAX;
	}
	return cells;
}

bool smi_cell_list_audit(const struct smi_free_cells *free)
{
	return count(free, &free->ordinary) + count(free, &free->larger)
	       == free->count;
}
