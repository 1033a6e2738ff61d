/*
 * passing.c - an arena across a fork
 *
 * SPDX-License-Identifier: ISC
 */
#include "arena/passing.h"

#include "arena/cached.h"
#include "os/os.h"
#include "report/last_error.h"
#include "report/shortage.h"

#include <errno.h>

static int advise_metadata(const struct smi_arena *arena, unsigned advice)
{
	return smi_os_advise(arena->metadata, arena->metadata_bytes, advice);
}

int smi_passing_share(struct smi_arena *arena, bool share)
{
	if (arena->pools.in_children)
		return 0;
	if (share && advise_metadata(arena, SMI_ADVICE_DOFORK) != 0)
		return -1;
	if (smi_os_advise(arena->pools.reservation, arena->pools.mapped_bytes,
	                  share ? SMI_ADVICE_DOFORK : SECMALLOC_ADVICE_DONTFORK)
	    != 0)
		return -1;
	return share ? 0 : advise_metadata(arena, SECMALLOC_ADVICE_DONTFORK);
}

/* Say why the copy could not be locked. `failed` is the part that failed. */
static void explain(const struct smi_arena *arena,
                    const struct smi_pools *failed)
{
	const struct smi_pools *pools = &arena->pools;
	const struct smi_pools *cells = &arena->guarded.pools;
	size_t pool_bytes = smi_pool_largest_bytes(pools);
	size_t cell_bytes = smi_pool_largest_bytes(cells);
	struct smi_lock_shortage shortage = {
		.call = "fork",
		.moment = SMI_AT_FORK,
		.refused = failed->refused,
		.secret = pools->secret,
		.pools_locked = pools->count,
		.pool_bytes = pools->bytes,
		.bytes_locked = smi_pool_owned_bytes(pools)
	                        + smi_pool_owned_bytes(cells),
		.bytes_wanted = smi_arena_locked_bytes(arena),
		.largest_bytes = pool_bytes,
	};

	/* The key page comes after the last pool. */
	if (pools->owned == SMI_NONE)
		shortage.bytes_locked += pools->geometry.page_bytes;
	if (cell_bytes > pool_bytes)
		shortage.largest_bytes = cell_bytes;
	smi_shortage_explain(&shortage);
}

static int lock_copy(struct smi_arena *arena)
{
	const struct smi_pools *failed = &arena->pools;

	if (smi_pool_own_all(&arena->pools) == 0) {
		failed = &arena->guarded.pools;
		if (smi_guarded_own(&arena->guarded) == 0)
			return 0;
	}
	explain(arena, failed);
	return -1;
}

/*
 * Take back the caches of threads that the child does not have. When the fork
 * happened, such a thread was not using its cache, but may just have set `busy`
 * in order to find the cache stopped.
 */
static void end_other_threads(struct smi_arena *arena,
                              const struct smi_tcache *own)
{
	struct smi_tcaches *caches = &arena->caches;

	for (uint32_t i = 0; i < caches->ever; i++) {
		struct smi_tcache *cache = &caches->all[i];

		if (cache == own || !cache->attached)
			continue;
		smi_tcache_leave(cache);
		smi_cached_detach(arena, cache);
	}
	smi_tcaches_resume(caches);
}

/* The copy is locked. Once the parent has gone on, its writes to secret memory
 * show in the child's copy, too. */
static int tell_parent(struct smi_passing *passing)
{
	if (smi_os_gate_open(passing->gate, "", 1))
		return 0;
	return smi_last_error_set(ETIMEDOUT,
	                          "fork: this child was stopped or very slow, "
	                          "and the parent went on before the child's "
	                          "copy was locked, so the copy was wiped");
}

static int make_own(struct smi_passing *passing, struct smi_arena *arena,
                    const struct smi_tcache *own)
{
	struct smi_random *random = &arena->slabs.secrets->random;

	if (lock_copy(arena) != 0 || tell_parent(passing) != 0)
		return -1;
	if (smi_os_entropy(random, sizeof(*random)) != 0)
		return smi_last_error_set(errno, "fork: the kernel provided no "
		                                 "random bytes for the child");
	if (smi_passing_share(arena, false) != 0)
		return smi_last_error_set(errno,
		                          "fork: the pools could not be kept "
		                          "out of later children (errno %d)",
		                          errno);
	smi_tcaches_renew(&arena->caches);
	end_other_threads(arena, own);
	return 0;
}

void smi_passing_begin(struct smi_passing *passing, struct smi_arena *arena,
                       const struct smi_tcache *own)
{
	passing->gate_code = smi_os_gate_make(passing->gate) == 0 ? 0 : errno;
	passing->at_rest = smi_tcaches_stop(&arena->caches, own);
	smi_guarded_settle(&arena->guarded);
}

/* Locking a copy takes a millisecond per MiB or less. The child gets more than
 * ten times as long, and then ten seconds. */
#define PATIENCE_BYTES ((size_t)1 << 23)

void smi_passing_wait(struct smi_passing *passing, struct smi_arena *arena,
                      const sigset_t *mask)
{
	size_t more = smi_arena_locked_bytes(arena) / PATIENCE_BYTES;
	char done;

	if (passing->gate_code == 0)
		smi_os_gate_wait(passing->gate, &done, sizeof(done),
		                 SMI_GATE_PATIENCE + (unsigned)more, mask);
	smi_tcaches_resume(&arena->caches);
}

void smi_passing_enter(struct smi_passing *passing)
{
	if (passing->gate_code == 0)
		smi_os_gate_enter(passing->gate);
}

void smi_passing_inherit(struct smi_arena *arena)
{
	smi_pool_inherit(&arena->pools);
	smi_pool_inherit(&arena->guarded.pools);
}

int smi_passing_adopt(struct smi_passing *passing, struct smi_arena *arena,
                      const struct smi_tcache *own)
{
	if (passing->gate_code != 0)
		return smi_last_error_set(
			passing->gate_code,
			"fork: no socket to the child could be created "
			"(errno %d), so the child's copy was wiped",
			passing->gate_code);
	if (!passing->at_rest)
		return smi_last_error_set(
			EPERM, "fork: membarrier was allowed in "
			       "secmalloc_init() but is now refused, so "
			       "other threads' caches could not be stopped "
			       "and the child's copy was wiped: allow "
			       "membarrier, or set SECMALLOC_NO_MEMBARRIER");
	return make_own(passing, arena, own);
}

void smi_passing_end(struct smi_passing *passing)
{
	if (passing->gate_code == 0)
		smi_os_gate_drop(passing->gate);
}
