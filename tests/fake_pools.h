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
                              size_t pool_bytes, bool joined, size_t max_pools)
{
	struct smi_pools *pools = &fake->pools;
	struct smi_geometry *g = &pools->geometry;

	memset(fake, 0, sizeof(*fake));
	ck_assert_int_eq(smi_geometry_plan(g, page_bytes, pool_bytes, joined,
	                                   max_pools),
	                 SMI_GEOMETRY_FITS);
	pools->reservation = aligned_alloc(smi_geometry_stride(g),
	                                   g->reserve_bytes);
	ck_assert_ptr_nonnull(pools->reservation);
	memset(pools->reservation, 0, g->reserve_bytes);
	pools->base = (uintptr_t)pools->reservation;
	pools->max_bytes = SIZE_MAX;
	pools->owned = SMI_NONE;
	pools->table = calloc(max_pools, sizeof(*pools->table));
	pools->kept = calloc(max_pools, 1);
	pools->start = pools->base + smi_geometry_pool_offset(g, 0);
	smi_run_plan_strips(pools);
	for (int i = 0; i < SMI_STRIPS; i++)
		pools->strips[i].at = calloc(max_pools,
		                             pools->strips[i].stride_bytes);
	smi_run_start(&fake->runs, pools);
}

/* Add memory at the start of a gap, as smi_pool_lock() would. */
static inline void fake_add_piece(struct fake *fake, struct smi_piece piece)
{
	ck_assert_uint_le(piece.bytes, smi_pool_room(&fake->pools, &piece));
	smi_pool_enter(&fake->pools, &piece);
	smi_run_add(&fake->runs, &piece);
	smi_pool_publish(&fake->pools);
}

/* Add a pool of `bytes`. Pools are apart. */
static inline uint32_t fake_add(struct fake *fake, size_t bytes)
{
	struct smi_piece piece = smi_pool_new_gap(&fake->pools, bytes);

	ck_assert_uint_ge(piece.bytes, bytes);
	piece.bytes = bytes;
	fake_add_piece(fake, piece);
	return (uint32_t)(piece.offset >> fake->pools.geometry.stride_shift);
}

static inline void fake_end(struct fake *fake)
{
	free(fake->pools.reservation);
	free(fake->pools.table);
	for (int i = 0; i < SMI_STRIPS; i++)
		free(fake->pools.strips[i].at);
	free(fake->pools.kept);
}

#endif /* TESTS_FAKE_POOLS_H */
