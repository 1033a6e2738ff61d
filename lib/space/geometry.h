/*
 * geometry.h - where the pools of an arena lie (a leaf, pure arithmetic)
 *
 *     | lead: one stride, holds the key page | pool 0 | guard | pool 1 | ...
 *     ^ base                                 ^ base + stride
 *
 * Pool i starts at (i + 1) strides from the base. The stride is a power of two
 * and at least one page wider than a pool, so that a guard follows each pool
 * and the lead is the guard before pool 0; the base is a multiple of it, so
 * that a pool is aligned to the stride. A pool that is larger than others takes
 * several strides. All lengths are bytes.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SMI_GEOMETRY_H
#define SMI_GEOMETRY_H

#include "base/base.h"

struct smi_geometry {
	size_t page_bytes;
	size_t pool_bytes;     /* of an ordinary pool, whole pages */
	unsigned stride_shift; /* a stride is 1 << stride_shift bytes */
	uint32_t max_pools;    /* strides after the lead */
	size_t reserve_bytes;  /* lead, strides, and one more to align in */
};

/* What smi_geometry_plan() finds wrong. */
enum smi_geometry_fault {
	SMI_GEOMETRY_FITS,
	SMI_GEOMETRY_POOL_PAGES, /* pool_bytes is 0 or not whole pages */
	SMI_GEOMETRY_TOO_LARGE   /* it does not fit the address space */
};

/*
 * Plan max_pools strides (> 0) for pools of pool_bytes. page_bytes is a power
 * of two, at least 4 units.
 */
enum smi_geometry_fault smi_geometry_plan(struct smi_geometry *geometry,
                                          size_t page_bytes, size_t pool_bytes,
                                          size_t max_pools);

/* The pool size that 0 stands for. */
size_t smi_geometry_default_pool(size_t page_bytes);

/*
 * The max_pools that 0 stands for: what fits in the largest reservation that is
 * made unasked, but at least `least` and 1.
 */
size_t smi_geometry_default_max(size_t page_bytes, size_t pool_bytes,
                                size_t least);

static inline size_t smi_geometry_stride(const struct smi_geometry *g)
{
	return (size_t)1 << g->stride_shift;
}

/* The units that lie in one stride. */
static inline uint32_t smi_geometry_stride_units(const struct smi_geometry *g)
{
	return (uint32_t)1 << (g->stride_shift - SMI_UNIT_SHIFT);
}

/* How far pool i starts from the base. */
static inline size_t smi_geometry_pool_offset(const struct smi_geometry *g,
                                              uint32_t pool)
{
	return ((size_t)pool + 1) << g->stride_shift;
}

/* The key page: alone in the lead, guards on both sides. */
static inline size_t smi_geometry_key_offset(const struct smi_geometry *g)
{
	return g->page_bytes;
}

/*
 * The stride in which an offset from the base lies: SIZE_MAX in the lead, and
 * max_pools or more past the last.
 */
static inline size_t smi_geometry_stride_of(const struct smi_geometry *g,
                                            size_t offset)
{
	return (offset >> g->stride_shift) - 1;
}

/* The ordinary pools that a pool of `bytes` > 0 counts as. Their strides are
 * enough for it, as each has room for a guard too. */
static inline size_t smi_geometry_pools_for(const struct smi_geometry *g,
                                            size_t bytes)
{
	return (bytes - 1) / g->pool_bytes + 1;
}

/* The strides that a pool of `bytes` and the guard after it take. */
static inline size_t smi_geometry_strides_for(const struct smi_geometry *g,
                                              size_t bytes)
{
	return ((bytes + g->page_bytes - 1) >> g->stride_shift) + 1;
}

#endif /* SMI_GEOMETRY_H */
