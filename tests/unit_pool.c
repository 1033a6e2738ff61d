/* The reservation and the pools in it, on the real kernel. */
/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "os/os.h"
#include "space/pool.h"

#include "unit.h"

#include <string.h>

#define STRIDES 12

static struct smi_pools pools;
static struct smi_pool table[STRIDES];
static size_t page;

/* A pool has three pages, a stride four. */
static void start(void)
{
	page = smi_os_page_bytes();
	memset(&pools, 0, sizeof(pools));
	ck_assert_int_eq(smi_geometry_plan(&pools.geometry, page, 3 * page,
	                                   STRIDES),
	                 SMI_GEOMETRY_FITS);
	pools.table = table;
	/* The strips differ in whether strides share no page, some pages or
	 * all. */
	for (size_t i = 0; i < SMI_STRIPS; i++) {
		pools.strips[i].stride_bytes = (page >> i) + (i == 1 ? 8 : 0);
		pools.strips[i].at = smi_os_reserve((STRIDES + 1) * page);
		ck_assert_ptr_nonnull(pools.strips[i].at);
	}
	ck_assert_int_eq(smi_pool_map(&pools, 0), 0);
	ck_assert_int_eq(smi_pool_lock_key_page(&pools), 0);
}

static void end(void)
{
	ck_assert_ptr_null(smi_pool_audit(&pools));
	smi_pool_unmap(&pools);
	for (size_t i = 0; i < SMI_STRIPS; i++)
		smi_os_release(pools.strips[i].at, (STRIDES + 1) * page);
}

static enum smi_pool_place find(uintptr_t address, uint32_t *pool)
{
	return smi_pool_find(&pools, address, pool);
}

START_TEST(every_address_is_classified)
{
	uint32_t first, large, pool;
	uintptr_t from, to;

	start();
	first = smi_pool_lock(&pools, 3 * page, 3 * page);
	large = smi_pool_lock(&pools, 9 * page, 9 * page);
	ck_assert_uint_eq(first, 0);
	ck_assert_uint_eq(large, 1);
	/* Nine pages and a guard page take three strides of four pages, and
	 * count as three pools of three pages. */
	ck_assert_uint_eq(pools.used, 4);
	ck_assert_uint_eq(pools.count, 4);
	from = (uintptr_t)pools.reservation;
	to = from + pools.geometry.reserve_bytes;
	for (uintptr_t at = from; at < to; at += page / 2) {
		uintptr_t in_first = at - smi_pool_start(&pools, first);
		uintptr_t in_large = at - smi_pool_start(&pools, large);
		enum smi_pool_place place = find(at, &pool);

		if (in_first < 3 * page) {
			ck_assert_int_eq(place, SMI_PLACE_POOL);
			ck_assert_uint_eq(pool, first);
		} else if (in_large < 9 * page) {
			ck_assert_int_eq(place, SMI_PLACE_POOL);
			ck_assert_uint_eq(pool, large);
		} else {
			ck_assert_int_eq(place, SMI_PLACE_GUARD);
		}
	}
	ck_assert_int_eq(find(from - 1, &pool), SMI_PLACE_OUTSIDE);
	ck_assert_int_eq(find(to, &pool), SMI_PLACE_OUTSIDE);
	ck_assert_int_eq(find(0, &pool), SMI_PLACE_OUTSIDE);
	ck_assert_int_eq(find(UINTPTR_MAX, &pool), SMI_PLACE_OUTSIDE);
	end();
}
END_TEST

START_TEST(pools_can_be_written_and_walked)
{
	uint32_t pool = SMI_NONE;
	size_t count = 0, ordinary = 0;

	start();
	/* Pools of more than three pages count as two. */
	while (smi_pool_lock(&pools, (1 + count % 6) * page, page) != SMI_NONE)
		ordinary += count++ % 6 < 3 ? 1 : 2;
	ck_assert_uint_eq(ordinary, pools.count);
	ck_assert_uint_ge(ordinary + 1, STRIDES);
	while ((pool = smi_pool_next(&pools, pool)) != SMI_NONE) {
		memset((void *)smi_pool_start(&pools, pool), 1,
		       smi_pool_bytes(&pools, pool));
		for (size_t i = 0; i < SMI_STRIPS; i++) {
			const struct smi_strip *strip = &pools.strips[i];

			memset(strip->at + pool * strip->stride_bytes, 1,
			       strip->stride_bytes);
		}
		count--;
	}
	ck_assert_uint_eq(count, 0);
	ck_assert(!smi_pool_have_room(&pools, 12 * page));
	ck_assert(!smi_pool_have_room(&pools, SIZE_MAX));
	end();
}
END_TEST

START_TEST(any_overlap_with_the_reservation_is_noticed)
{
	uintptr_t from, to;

	start();
	from = (uintptr_t)pools.reservation;
	to = from + pools.geometry.reserve_bytes;
	ck_assert(smi_pool_touch(&pools, from, 1));
	ck_assert(smi_pool_touch(&pools, to - 1, 1));
	ck_assert(smi_pool_touch(&pools, from - 10, 11));
	ck_assert(smi_pool_touch(&pools, 0, SIZE_MAX));
	ck_assert(!smi_pool_touch(&pools, from - 10, 10));
	ck_assert(!smi_pool_touch(&pools, to, 1));
	ck_assert(!smi_pool_touch(&pools, 0, 1));
	end();
}
END_TEST

START_TEST(the_audit_detects_damage)
{
	start();
	smi_pool_lock(&pools, 3 * page, 3 * page);
	smi_pool_lock(&pools, 9 * page, 9 * page);
	ck_assert_ptr_null(smi_pool_audit(&pools));
	table[2].first = 0;
	ck_assert_ptr_nonnull(smi_pool_audit(&pools));
	table[2].first = 1;
	table[1].pages -= 1;
	ck_assert_ptr_nonnull(smi_pool_audit(&pools));
	table[1].pages += 1;
	pools.count++;
	ck_assert_ptr_nonnull(smi_pool_audit(&pools));
	pools.count--;
	pools.used = STRIDES + 1;
	ck_assert_ptr_nonnull(smi_pool_audit(&pools));
	pools.used = 4;
	end();
}
END_TEST

UNIT_MAIN_LOCKING("pool", 256, every_address_is_classified,
                  pools_can_be_written_and_walked,
                  any_overlap_with_the_reservation_is_noticed,
                  the_audit_detects_damage)
