/*
 * audit.c - whether an arena is sound
 *
 * SPDX-License-Identifier: ISC
 */
#include "arena/audit.h"

#include "arena/cached.h"
#include "chunk/guarded_audit.h"
#include "chunk/slab_audit.h"

static bool audit_invariant(const char *wrong, uint32_t pool,
                            struct smi_misuse *misuse)
{
	if (wrong == NULL)
		return true;
	return smi_misuse_broken(misuse, pool, wrong);
}

/* Check A1. */
static const char *audit_counts(const struct smi_arena *arena,
                                const struct smi_slab_sums *sums)
{
	size_t held;
	struct smi_arena_counts counts = smi_cached_counts(arena, &held);

	if (counts.allocations - counts.frees
	    != sums->chunks + arena->guarded.chunks)
		return "A1: the number of chunks is wrong";
	if (counts.chunk_bytes != sums->chunk_bytes)
		return "A1: the number of chunk bytes is wrong";
	return NULL;
}

/* Check K1 to K4 and A2, and that the slots lent by slabs are those in the
 * caches. */
static bool audit_caches(const struct smi_arena *arena,
                         const struct smi_slab_sums *sums,
                         struct smi_misuse *misuse)
{
	const struct smi_tcaches *caches = &arena->caches;
	size_t lent = 0, granted = 0;

	for (uint32_t i = 0; i < caches->ever; i++) {
		if (!smi_tcache_audit(&caches->all[i], &lent, misuse))
			return false;
		granted += caches->all[i].granted;
	}
	if (granted != caches->granted)
		return smi_misuse_broken(misuse, SMI_NONE,
		                         "K4: the bytes granted to caches do "
		                         "not add up");
	if (granted > arena->pools.bytes / SMI_TCACHES_PART)
		return smi_misuse_broken(misuse, SMI_NONE,
		                         "A2: the caches were granted too "
		                         "much");
	return lent == sums->lent
	       || smi_misuse_broken(misuse, SMI_NONE,
	                            "K1: a lent slot is in no cache");
}

static bool audit_stopped(struct smi_arena *arena, struct smi_misuse *misuse)
{
	struct smi_slab_sums sums = {0};
	struct smi_run_sums free = {0};

	if (!audit_invariant(smi_pool_audit(&arena->pools), SMI_NONE, misuse))
		return false;
	for (uint32_t pool = smi_pool_next(&arena->pools, SMI_NONE);
	     pool != SMI_NONE; pool = smi_pool_next(&arena->pools, pool)) {
		if (!audit_invariant(smi_run_audit(&arena->runs, pool, &free),
		                     pool, misuse)
		    || !smi_slab_audit_run(&arena->slabs, pool, &sums, misuse))
			return false;
	}
	return audit_invariant(smi_run_audit_sums(&arena->runs, &free),
	                       SMI_NONE, misuse)
	       && smi_slab_audit_lists(&arena->slabs, &sums, misuse)
	       && audit_caches(arena, &sums, misuse)
	       && smi_guarded_audit_cells(&arena->guarded, misuse)
	       && audit_invariant(audit_counts(arena, &sums), SMI_NONE, misuse);
}

bool smi_audit_arena(struct smi_arena *arena, const struct smi_tcache *cache,
                     struct smi_misuse *misuse)
{
	bool sound, certain;
	unsigned times = 0;

	do {
		misuse->kind = SMI_SOUND;
		certain = smi_tcaches_stop(&arena->caches, cache);
		sound = audit_stopped(arena, misuse);
		smi_tcaches_resume(&arena->caches);
	} while (!smi_tcaches_is_final(sound, certain, &times));
	return sound;
}
