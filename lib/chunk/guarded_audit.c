/*
 * guarded_audit.c - whether the guarded cells are sound
 *
 * SPDX-License-Identifier: ISC
 */
#include "chunk/guarded_audit.h"

/* Check G2 to G4 for a cell. */
static bool audit_cell(const struct smi_guarded *guarded, uint32_t cell,
                       struct smi_misuse *misuse)
{
	const struct smi_cell *c = &guarded->cells[cell];
	bool has_chunk = smi_guarded_has_chunk(guarded, cell);

	if (c->access != smi_cell_wanted(c)
	    || (c->opens == 0) != (c->opened == SECMALLOC_NOACCESS)
	    || (!has_chunk
	        && (c->access != SECMALLOC_READWRITE || c->opens != 0)))
		return smi_misuse_broken(misuse, SMI_NONE,
		                         "G4: the access of a cell is "
		                         "inconsistent");
	if (!has_chunk)
		return smi_guarded_check_free(guarded, cell, 0, misuse);
	return c->access == SECMALLOC_NOACCESS
	       || smi_guarded_check(guarded, cell, true, misuse);
}

bool smi_guarded_audit_cells(const struct smi_guarded *guarded,
                             struct smi_misuse *misuse)
{
	size_t free = 0, live = 0, bytes = 0;
	const char *wrong = smi_pool_audit(&guarded->pools);

	if (wrong != NULL)
		return smi_misuse_broken(misuse, SMI_NONE, wrong);
	smi_guarded_settle(guarded);
	for (uint32_t i = smi_pool_next(&guarded->pools, SMI_NONE);
	     i != SMI_NONE; i = smi_pool_next(&guarded->pools, i)) {
		if (!audit_cell(guarded, i, misuse))
			return false;
		if (smi_guarded_has_chunk(guarded, i)) {
			live++;
			bytes += guarded->cells[i].size;
		} else {
			free++;
		}
	}
	if (live != guarded->chunks || bytes != guarded->chunk_bytes
	    || free != guarded->free.count)
		return smi_misuse_broken(misuse, SMI_NONE,
		                         "G5: the guarded chunks do not add "
		                         "up");
	return smi_cell_list_audit(&guarded->free)
	       || smi_misuse_broken(misuse, SMI_NONE,
	                            "G1: the free cells do not add up");
}
