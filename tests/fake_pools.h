/*
 * fake_pools.h - pools of ordinary memory, for suites that do not need locks
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TESTS_FAKE_POOLS_H
#define TESTS_FAKE_POOLS_H

#include "space/run.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

struct fake {
	struct smi_pools pools;
	struct smi_runs runs;
};

/* Reserve room for max_pools strides. There are no pools yet. */
static inline void fake_start(struct fake *fake, size_t page_bytes,
                              size_t pool_bytes, size_t max_pools)
{
	struct smi_pools *pools = &fake->pools;
	struct smi_geometry *g = &pools->geometry;

	memset(fake, 0, sizeof(*fake));
	ck_assert_int_eq(smi_geometry_plan(g, page_bytes, pool_bytes,
	                                   max_pools),
	                 SMI_GEOMETRY_FITS);
	pools->reservation = aligned_alloc(smi_geometry_stride(g),
	                                   g->reserve_bytes);
	ck_assert_ptr_nonnull(pools->reservation);
	memset(pools->reservation, 0, g->reserve_bytes);
	pools->base = (uintptr_t)pools->reservation;
	pools->table = calloc(max_pools, sizeof(*pools->table));
	pools->start = pools->base + smi_geometry_pool_offset(g, 0);
	smi_run_plan_strips(pools);
	for (int i = 0; i < SMI_STRIPS; i++)
		pools->strips[i].at = calloc(max_pools,
		                             pools->strips[i].stride_bytes);
	smi_run_start(&fake->runs, pools);
	fake->runs.best = calloc(max_pools, 1);
}

/* Add a pool of `bytes`, as smi_pool_lock() would. */
static inline uint32_t fake_add(struct fake *fake, size_t bytes)
{
	struct smi_pools *pools = &fake->pools;
	uint32_t pool = pools->used;

	ck_assert(smi_pool_have_room(pools, bytes));
	smi_pool_enter(pools, bytes);
	smi_run_add_pool(&fake->runs, pool);
	smi_pool_publish(pools);
	return pool;
}

static inline void fake_end(struct fake *fake)
{
	free(fake->pools.reservation);
	free(fake->pools.table);
	for (int i = 0; i < SMI_STRIPS; i++)
		free(fake->pools.strips[i].at);
	free(fake->runs.best);
}

#endif /* TESTS_FAKE_POOLS_H */
