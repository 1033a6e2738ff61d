/*
 * geometry.h - where the pools of an arena lie (a leaf, pure arithmetic)
 *
 *     | lead: one stride, holds the key page | pool 0 | guard | pool 1 | ...
 *     ^ base                                 ^ base + stride
 *
 * Each pool starts at a multiple of the stride, a power of two; the first one
 * starts a stride after the base. The lead is the guard before it. A pool that
 * is larger than the ordinary size takes several strides. There are two ways to
 * lay out pools:
 *
 * apart   The stride is at least one page longer than an ordinary pool, so a
 *         guard follows each pool.
 * joined  The stride is the size of an ordinary pool. A pool grows over the
 *         strides that follow it, and two pools that meet become one. What is
 *         not in a pool is a guard.
 *
 * After the last stride there is at least a page that is never used. All
 * lengths are bytes.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SMI_GEOMETRY_H
#define SMI_GEOMETRY_H

#include "base/base.h"

struct smi_geometry {
	size_t page_bytes;
	size_t pool_bytes;     /* of an ordinary pool; whole pages */
	bool joined;           /* pool_bytes is then a power of two */
	unsigned stride_shift; /* a stride is 1 << stride_shift bytes */
	uint32_t max_pools;    /* the number of strides after the lead */
	size_t reserve_bytes;  /* lead, strides, and one stride to align the
	                          base */
};

/* The result of smi_geometry_plan(). */
enum smi_geometry_fault {
	SMI_GEOMETRY_FITS,
	SMI_GEOMETRY_POOL_PAGES, /* pool_bytes is 0 or not whole pages */
	SMI_GEOMETRY_TOO_LARGE   /* the plan does not fit the address space */
};

/* Plan max_pools strides (> 0) for pools of pool_bytes. page_bytes is a power
 * of two, and at least 4 units. Pools can be joined if pool_bytes is
 * smi_geometry_default_pool(). */
enum smi_geometry_fault smi_geometry_plan(struct smi_geometry *geometry,
                                          size_t page_bytes, size_t pool_bytes,
                                          bool joined, size_t max_pools);

/* The pool size that is used if pool_size is 0. */
size_t smi_geometry_default_pool(size_t page_bytes);

/* The number that is used if max_pools is 0: as many as fit in the default
 * reservation, but at least `least` and at least 1. */
size_t smi_geometry_default_max(size_t page_bytes, size_t pool_bytes,
                                bool joined, size_t least);

static inline size_t smi_geometry_stride(const struct smi_geometry *g)
{
	return (size_t)1 << g->stride_shift;
}

/* The number of units in one stride. */
static inline uint32_t smi_geometry_stride_units(const struct smi_geometry *g)
{
	return (uint32_t)1 << (g->stride_shift - SMI_UNIT_SHIFT);
}

/* The offset of pool number `pool` from the base. */
static inline size_t smi_geometry_pool_offset(const struct smi_geometry *g,
                                              uint32_t pool)
{
	return ((size_t)pool + 1) << g->stride_shift;
}

/* The offset of the key page from the base. The key page is alone in the lead,
 * with guards on both sides. */
static inline size_t smi_geometry_key_offset(const struct smi_geometry *g)
{
	return g->page_bytes;
}

/* The stride in which an offset from the base lies: SIZE_MAX for an offset in
 * the lead, and max_pools or more past the last stride. */
static inline size_t smi_geometry_stride_of(const struct smi_geometry *g,
                                            size_t offset)
{
	return (offset >> g->stride_shift) - 1;
}

/* How many ordinary pools a pool of `bytes` > 0 counts as. That many strides
 * are enough for it and for the guard after it, if it needs one. */
static inline size_t smi_geometry_pools_for(const struct smi_geometry *g,
                                            size_t bytes)
{
	return (bytes - 1) / g->pool_bytes + 1;
}

/* The bytes of the guard that ends a stride whose pool reaches as far as it
 * can. */
static inline size_t smi_geometry_guard_bytes(const struct smi_geometry *g)
{
	return g->joined ? 0 : g->page_bytes;
}

/* How many strides a pool of `bytes` > 0 takes, with the guard after it if it
 * needs one. */
static inline size_t smi_geometry_strides_for(const struct smi_geometry *g,
                                              size_t bytes)
{
	return ((bytes + smi_geometry_guard_bytes(g) - 1) >> g->stride_shift)
	       + 1;
}

#endif /* SMI_GEOMETRY_H */
