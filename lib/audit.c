/*
 * audit.c - whether an arena is sound
 *
 * SPDX-License-Identifier: ISC
 */
#include "audit.h"

#include "arena_cache.h"
#include "slab_audit.h"

static bool audit_invariant(const char *wrong, uint32_t pool,
                            struct smi_finding *finding)
{
	if (wrong == NULL)
		return true;
	return smi_finding_broken(finding, pool, wrong);
}

/* A1 */
static const char *audit_counts(const struct smi_arena *arena,
                                const struct smi_slab_sums *sums)
{
	size_t held;
	struct smi_arena_counts counts = smi_arena_counts(arena, &held);

	if (counts.allocations - counts.frees
	    != sums->chunks + arena->guarded.chunks)
		return "A1: the count of chunks is off";
	if (counts.chunk_bytes != sums->chunk_bytes)
		return "A1: the count of chunk bytes is off";
	return NULL;
}

/* K1 to K3: what is lent is what the caches hold. */
static bool audit_caches(const struct smi_caches *caches,
                         const struct smi_slab_sums *sums,
                         struct smi_finding *finding)
{
	size_t lent = 0;

	for (uint32_t i = 0; i < caches->ever; i++)
		if (!smi_cache_audit(&caches->all[i], &lent, finding))
			return false;
	return lent == sums->lent
	       || smi_finding_broken(finding, SMI_NONE,
	                             "K1: a slot is lent and in no cache");
}

static bool audit_stopped(struct smi_arena *arena, struct smi_finding *finding)
{
	struct smi_slab_sums sums = {0};
	size_t free_units = 0;

	if (!audit_invariant(smi_pools_audit(&arena->pools), SMI_NONE, finding))
		return false;
	for (uint32_t pool = smi_pools_next(&arena->pools, SMI_NONE);
	     pool != SMI_NONE; pool = smi_pools_next(&arena->pools, pool)) {
		if (!audit_invariant(smi_runs_audit(&arena->runs, pool), pool,
		                     finding)
		    || !smi_slab_audit(&arena->slabs, pool, &sums, finding))
			return false;
		free_units += smi_runs_buddy(&arena->runs, pool)->free_units;
	}
	if (free_units != arena->runs.free_units)
		return smi_finding_broken(finding, SMI_NONE,
		                          "R3: the free units do not add up");
	return smi_slab_audit_lists(&arena->slabs, &sums, finding)
	       && audit_caches(&arena->caches, &sums, finding)
	       && smi_guarded_audit(&arena->guarded, finding)
	       && audit_invariant(audit_counts(arena, &sums), SMI_NONE,
	                          finding);
}

bool smi_audit(struct smi_arena *arena, const struct smi_cache *cache,
               struct smi_finding *finding)
{
	bool sound;

	finding->kind = SMI_SOUND;
	smi_caches_stop(&arena->caches, cache);
	sound = audit_stopped(arena, finding);
	smi_caches_resume(&arena->caches);
	return sound;
}
