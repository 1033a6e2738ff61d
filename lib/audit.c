/*
 * audit.c - whether an arena is sound
 *
 * SPDX-License-Identifier: ISC
 */
#include "audit.h"

#include "slab_audit.h"

static bool audit_invariant(const char *wrong, uint32_t pool,
                            struct smi_finding *finding)
{
	if (wrong == NULL)
		return true;
	return smi_finding_broken(finding, pool, wrong);
}

/* A1 */
static const char *audit_counts(const struct smi_arena_counts *counts,
                                const struct smi_slab_sums *sums)
{
	if (counts->chunks != sums->chunks
	    || counts->chunks != counts->allocations - counts->frees)
		return "A1: the count of chunks is off";
	if (counts->chunk_bytes != sums->chunk_bytes)
		return "A1: the count of chunk bytes is off";
	if (counts->place_bytes != sums->place_bytes)
		return "A1: the count of place bytes is off";
	return NULL;
}

bool smi_audit(const struct smi_arena *arena, struct smi_finding *finding)
{
	struct smi_slab_sums sums = {0};

	finding->kind = SMI_SOUND;
	if (!audit_invariant(smi_pools_audit(&arena->pools), 0, finding))
		return false;
	for (uint32_t pool = smi_pools_next(&arena->pools, SMI_NONE);
	     pool != SMI_NONE; pool = smi_pools_next(&arena->pools, pool))
		if (!audit_invariant(smi_runs_audit(&arena->runs, pool), pool,
		                     finding)
		    || !smi_slab_audit(&arena->slabs, pool, &sums, finding))
			return false;
	return smi_slab_audit_lists(&arena->slabs, &sums, finding)
	       && audit_invariant(audit_counts(&arena->counts, &sums), 0,
	                          finding);
}
