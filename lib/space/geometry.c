/*
 * geometry.c - where the pools of an arena lie
 *
 * SPDX-License-Identifier: ISC
 */
#include "space/geometry.h"

#define POOL_BYTES ((size_t)64 * 1024)
#define POOL_PAGES ((size_t)16)

/* The address space that is reserved by default. It is more than enough, and
 * costs nothing. */
#if SIZE_MAX > UINT32_MAX
#define RESERVE_BYTES ((size_t)8 << 30)
#else
#define RESERVE_BYTES ((size_t)128 << 20)
#endif

/* Besides the max_pools strides: the lead, and one stride to align the base. */
#define EXTRA_STRIDES ((size_t)2)

enum smi_geometry_fault smi_geometry_plan(struct smi_geometry *g,
                                          size_t page_bytes, size_t pool_bytes,
                                          bool joined, size_t max_pools)
{
	size_t strides, stride_units, with_guard;

	if (pool_bytes == 0 || pool_bytes % page_bytes != 0)
		return SMI_GEOMETRY_POOL_PAGES;
	g->page_bytes = page_bytes;
	g->pool_bytes = pool_bytes;
	g->joined = joined;
	if (smi_add_overflows(pool_bytes, smi_geometry_guard_bytes(g),
	                      &with_guard)
	    || with_guard > PTRDIFF_MAX)
		return SMI_GEOMETRY_TOO_LARGE;

	/* The lead holds guard, key page and guard: four pages are enough. */
	if (with_guard < 4 * page_bytes)
		with_guard = 4 * page_bytes;
	g->stride_shift = smi_log2_ceil(with_guard);

	/* The units of the whole arena are numbered with 32 bits. */
	stride_units = (size_t)1 << (g->stride_shift - SMI_UNIT_SHIFT);
	if (smi_add_overflows(max_pools, EXTRA_STRIDES, &strides)
	    || strides > (SMI_NONE - 1) / stride_units
	    || strides > (size_t)PTRDIFF_MAX >> g->stride_shift)
		return SMI_GEOMETRY_TOO_LARGE;
	g->max_pools = (uint32_t)max_pools;
	g->reserve_bytes = strides << g->stride_shift;
	return SMI_GEOMETRY_FITS;
}

size_t smi_geometry_default_pool(size_t page_bytes)
{
	return POOL_PAGES * page_bytes > POOL_BYTES ? POOL_PAGES * page_bytes
	                                            : POOL_BYTES;
}

size_t smi_geometry_default_max(size_t page_bytes, size_t pool_bytes,
                                bool joined, size_t least)
{
	struct smi_geometry one;
	size_t max = 1;

	if (smi_geometry_plan(&one, page_bytes, pool_bytes, joined, 1)
	    == SMI_GEOMETRY_FITS)
		max = RESERVE_BYTES >> one.stride_shift;
	max = max > EXTRA_STRIDES ? max - EXTRA_STRIDES : 1;
	return max > least ? max : least > 0 ? least : 1;
}
