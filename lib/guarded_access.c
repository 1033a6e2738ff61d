/*
 * guarded_access.c - what may be done to a guarded chunk, and who has it open
 *
 * SPDX-License-Identifier: ISC
 */
#include "guarded.h"

#include <errno.h>

int smi_guarded_force(struct smi_guarded *guarded, uint32_t cell,
                      enum smi_access access)
{
	const struct smi_pools *pools = &guarded->pools;
	struct smi_cell *c = &guarded->cells[cell];

	if (access == c->access)
		return 0;
	if (smi_os_protect((void *)smi_pools_start(pools, cell),
	                   smi_pools_bytes(pools, cell), access)
	    != 0)
		return -1;
	c->access = (uint8_t)access;
	return 0;
}

/* G4 after a change of the fields, which `before` undoes. */
static int apply(struct smi_guarded *guarded, uint32_t cell,
                 struct smi_cell before)
{
	if (smi_guarded_force(guarded, cell,
	                      smi_cell_wanted(&guarded->cells[cell]))
	    == 0)
		return 0;
	guarded->cells[cell] = before;
	return -1;
}

int smi_guarded_protect(struct smi_guarded *guarded, uint32_t cell,
                        enum smi_access access)
{
	struct smi_cell before = guarded->cells[cell];

	guarded->cells[cell].base = (uint8_t)access;
	return apply(guarded, cell, before);
}

int smi_guarded_open(struct smi_guarded *guarded, uint32_t cell,
                     enum smi_access access)
{
	struct smi_cell *c = &guarded->cells[cell], before = *c;

	if (c->opens == UINT32_MAX) {
		errno = ERANGE;
		return -1;
	}
	c->opens++;
	if (access > c->opened)
		c->opened = (uint8_t)access;
	return apply(guarded, cell, before);
}

int smi_guarded_close(struct smi_guarded *guarded, uint32_t cell,
                      enum smi_access unused)
{
	struct smi_cell *c = &guarded->cells[cell], before = *c;

	(void)unused;
	if (c->opens == 0) {
		errno = EINVAL;
		return -1;
	}
	if (--c->opens == 0)
		c->opened = SMI_NOACCESS;
	return apply(guarded, cell, before);
}
