/* The address arithmetic, including page sizes that this machine does not
 * have. */
/* SPDX-License-Identifier: ISC */
#include "space/geometry.h"

#include "unit.h"

#define KIB ((size_t)1024)

static const size_t pages[] = {4 * KIB, 16 * KIB, 64 * KIB};
#define PAGES (sizeof(pages) / sizeof(*pages))

START_TEST(a_guard_follows_every_pool)
{
	for (size_t i = 0; i < PAGES; i++)
		for (size_t count = 1; count < 200; count++) {
			size_t page = pages[i], pool = count * page;
			struct smi_geometry g;

			ck_assert_int_eq(smi_geometry_plan(&g, page, pool,
			                                   false, 10),
			                 SMI_GEOMETRY_FITS);
			ck_assert(smi_is_pow2(smi_geometry_stride(&g)));
			ck_assert_uint_ge(smi_geometry_stride(&g), pool + page);
			ck_assert_uint_eq(g.reserve_bytes,
			                  12 * smi_geometry_stride(&g));
			/* Guard, key page, and a guard before pool 0. */
			ck_assert_uint_ge(smi_geometry_key_offset(&g), page);
			ck_assert_uint_le(smi_geometry_key_offset(&g)
			                          + 2 * page,
			                  smi_geometry_pool_offset(&g, 0));
		}
}
END_TEST

START_TEST(every_offset_finds_its_stride)
{
	struct smi_geometry g;
	size_t stride;

	ck_assert_int_eq(smi_geometry_plan(&g, 4 * KIB, 64 * KIB, false, 5),
	                 SMI_GEOMETRY_FITS);
	stride = smi_geometry_stride(&g);
	ck_assert_uint_gt(stride, 0);
	for (size_t offset = 0; offset < g.reserve_bytes; offset += 512) {
		size_t got = smi_geometry_stride_of(&g, offset);

		if (offset < stride)
			ck_assert_uint_eq(got, SIZE_MAX);
		else
			ck_assert_uint_eq(got, offset / stride - 1);
	}
	for (uint32_t pool = 0; pool < 5; pool++)
		ck_assert_uint_eq(smi_geometry_stride_of(
					  &g,
					  smi_geometry_pool_offset(&g, pool)),
		                  pool);
	ck_assert_uint_ge(smi_geometry_stride_of(&g, SIZE_MAX), 5);
}
END_TEST

START_TEST(a_large_pool_takes_strides_with_a_guard_after_it)
{
	struct smi_geometry g;

	ck_assert_int_eq(smi_geometry_plan(&g, 4 * KIB, 64 * KIB, false, 50),
	                 SMI_GEOMETRY_FITS);
	for (size_t bytes = 4 * KIB; bytes < 2048 * KIB; bytes += 4 * KIB) {
		size_t room = smi_geometry_strides_for(&g, bytes)
		              * smi_geometry_stride(&g);

		ck_assert_uint_ge(room, bytes + g.page_bytes);
		ck_assert_uint_lt(room - smi_geometry_stride(&g),
		                  bytes + g.page_bytes);
	}
}
END_TEST

/* Joined pools have no guard of their own. Guards are before the first stride
 * and after the last one. */
START_TEST(joined_pools_take_all_of_their_strides)
{
	for (size_t i = 0; i < PAGES; i++) {
		size_t page = pages[i], pool = smi_geometry_default_pool(page);
		struct smi_geometry g;
		size_t behind;

		ck_assert_int_eq(smi_geometry_plan(&g, page, pool, true, 10),
		                 SMI_GEOMETRY_FITS);
		ck_assert_uint_eq(smi_geometry_stride(&g), pool);
		ck_assert_uint_eq(smi_geometry_guard_bytes(&g), 0);
		ck_assert_uint_le(smi_geometry_key_offset(&g) + 2 * page,
		                  smi_geometry_pool_offset(&g, 0));
		/* The base may be a page less than a stride after the start. */
		behind = g.reserve_bytes - smi_geometry_pool_offset(&g, 10);
		ck_assert_uint_ge(behind, pool);
		for (size_t bytes = page; bytes < 5 * pool; bytes += page) {
			size_t strides = (bytes + pool - 1) / pool;

			ck_assert_uint_eq(smi_geometry_strides_for(&g, bytes),
			                  strides);
			ck_assert_uint_eq(smi_geometry_pools_for(&g, bytes),
			                  strides);
		}
		ck_assert_uint_eq((size_t)smi_geometry_stride_units(&g)
		                          * SMI_UNIT_BYTES,
		                  pool);
	}
}
END_TEST

/* The units of all strides have numbers of 32 bits, up to the last plan that
 * fits. */
START_TEST(the_largest_plan_numbers_its_units)
{
	for (int joined = 0; joined < 2; joined++) {
		size_t fits = 1, fails = (size_t)1 << 31;
		struct smi_geometry g;

		while (fails - fits > 1) {
			size_t max = fits + (fails - fits) / 2;

			if (smi_geometry_plan(&g, 4096, 65536, joined != 0, max)
			    == SMI_GEOMETRY_FITS)
				fits = max;
			else
				fails = max;
		}
		ck_assert_int_eq(smi_geometry_plan(&g, 4096, 65536, joined != 0,
		                                   fits),
		                 SMI_GEOMETRY_FITS);
		ck_assert_uint_lt((uint64_t)smi_geometry_stride_units(&g)
		                          * (fits + 2),
		                  SMI_NONE);
		ck_assert_uint_le(g.reserve_bytes, PTRDIFF_MAX);
	}
}
END_TEST

START_TEST(sizes_that_do_not_fit_are_refused)
{
	struct smi_geometry g;

	ck_assert_int_eq(smi_geometry_plan(&g, 4096, 0, false, 1),
	                 SMI_GEOMETRY_POOL_PAGES);
	ck_assert_int_eq(smi_geometry_plan(&g, 4096, 4097, false, 1),
	                 SMI_GEOMETRY_POOL_PAGES);
	ck_assert_int_eq(smi_geometry_plan(&g, 4096, SIZE_MAX - 4095, false, 1),
	                 SMI_GEOMETRY_TOO_LARGE);
	ck_assert_int_eq(smi_geometry_plan(&g, 4096, (SIZE_MAX >> 1) - 4095,
	                                   false, 1),
	                 SMI_GEOMETRY_TOO_LARGE);
	ck_assert_int_eq(smi_geometry_plan(&g, 4096, 65536, false, SIZE_MAX),
	                 SMI_GEOMETRY_TOO_LARGE);
	ck_assert_int_eq(smi_geometry_plan(&g, 4096, 65536, false,
	                                   SIZE_MAX / 65536),
	                 SMI_GEOMETRY_TOO_LARGE);
	/* Units have 32-bit numbers: 2^24 strides of 256 units are too many. */
	ck_assert_int_eq(smi_geometry_plan(&g, 4096, 65536, false, 1u << 24),
	                 SMI_GEOMETRY_TOO_LARGE);
}
END_TEST

START_TEST(the_defaults_fit)
{
	for (size_t i = 0; i < PAGES; i++) {
		size_t page = pages[i];
		size_t pool = smi_geometry_default_pool(page);
		struct smi_geometry g;

		ck_assert_uint_eq(pool, page == 4096 ? 64 * KIB : 16 * page);
		for (size_t bytes = page;
		     bytes < (size_t)1 << 30 && bytes < PTRDIFF_MAX / 16;
		     bytes *= 4) {
			size_t max = smi_geometry_default_max(page, bytes,
			                                      false, 3);

			ck_assert_uint_ge(max, 3);
			ck_assert_int_eq(smi_geometry_plan(&g, page, bytes,
			                                   false, max),
			                 SMI_GEOMETRY_FITS);
			ck_assert_uint_le(g.reserve_bytes, (uint64_t)8 << 30);
		}
		ck_assert_int_eq(
			smi_geometry_plan(&g, page, pool, true,
		                          smi_geometry_default_max(page, pool,
		                                                   true, 3)),
			SMI_GEOMETRY_FITS);
		ck_assert_uint_le(g.reserve_bytes, (uint64_t)8 << 30);
	}
	ck_assert_uint_eq(smi_geometry_default_max(4096, 65536, false,
	                                           1u << 20),
	                  1u << 20);
}
END_TEST

UNIT_MAIN("geometry", a_guard_follows_every_pool, every_offset_finds_its_stride,
          a_large_pool_takes_strides_with_a_guard_after_it,
          joined_pools_take_all_of_their_strides,
          the_largest_plan_numbers_its_units, sizes_that_do_not_fit_are_refused,
          the_defaults_fit)
