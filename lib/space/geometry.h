/*
 * geometry.h - where the pools of an arena lie (a leaf, pure arithmetic)
 *
 *     | lead: one stride, holds the key page | pool 0 | guard | pool 1 | ...
 *     ^ base                                 ^ base + stride
 *
 * Pool i starts i + 1 strides after the base. The stride is a power of two and
 * at least one page longer than a pool, so a guard follows each pool; the lead
 * is the guard before pool 0. The base is a multiple of the stride, so each
 * pool is aligned to the stride. A pool that is larger than the ordinary size
 * takes several strides. All lengths are bytes.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SMI_GEOMETRY_H
#define SMI_GEOMETRY_H

#include "base/base.h"

struct smi_geometry {
	size_t page_bytes;
	size_t pool_bytes;     /* of an ordinary pool; whole pages */
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
 * of two, and at least 4 units. */
enum smi_geometry_fault smi_geometry_plan(struct smi_geometry *geometry,
                                          size_t page_bytes, size_t pool_bytes,
                                          size_t max_pools);

/* The pool size that is used if pool_size is 0. */
size_t smi_geometry_default_pool(size_t page_bytes);

/* The number that is used if max_pools is 0: as many as fit in the default
 * reservation, but at least `least` and at least 1. */
size_t smi_geometry_default_max(size_t page_bytes, size_t pool_bytes,
                                size_t least);

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
 * are enough for it, since each stride also has room for a guard. */
static inline size_t smi_geometry_pools_for(const struct smi_geometry *g,
                                            size_t bytes)
{
	return (bytes - 1) / g->pool_bytes + 1;
}

/* How many strides a pool of `bytes` and the guard after it take. */
static inline size_t smi_geometry_strides_for(const struct smi_geometry *g,
                                              size_t bytes)
{
	return ((bytes + g->page_bytes - 1) >> g->stride_shift) + 1;
}

#endif /* SMI_GEOMETRY_H */
