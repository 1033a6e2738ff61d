/*
 * pool.h - locked ranges in the reservation
 *
 * Owns the arena's reservation of addresses, the locked pools and the locked
 * key page in it, and the metadata block beside each pool. It knows nothing of
 * what a pool or its metadata holds. The caller holds the arena's lock.
 *
 * Invariants:
 *   P1  What is accessible in the reservation is locked: the key page and the
 *       pools. All else is inaccessible.
 *   P2  A locked pool stays locked and where it is until smi_pools_unmap().
 *   P3  Strides are taken in order: pools lie in [0, used), none after it.
 *   P4  table[i] says of stride i < used which pool it belongs to: the same of
 *       each of a pool's strides.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SMI_POOL_H
#define SMI_POOL_H

#include "base.h"
#include "geometry.h"

#include <stdatomic.h>

struct smi_pool {
	uintptr_t start, end;
	unsigned char *metadata;
	uint32_t first; /* its first stride, which is its number */
	uint32_t units;
};

struct smi_pools {
	struct smi_geometry geometry;
	void *reservation;       /* geometry.reserve_bytes */
	uintptr_t base;          /* in it, aligned to the stride */
	/* Strides. The one field that is read without the arena's lock: what
	 * the table has for a stride was written before it is counted here. */
	_Atomic uint32_t used;
	uint32_t count;          /* pools */
	size_t bytes;            /* of all pools */
	unsigned advice_missing; /* bit n: enum smi_advice n */
	struct smi_pool *table;  /* geometry.max_pools entries, the caller's */
	unsigned char *metadata; /* of stride 0, in the caller's reservation */
	size_t metadata_bytes;   /* from one stride's to the next: pages */
};

/* Where an address lies. */
enum smi_pool_place {
	SMI_PLACE_OUTSIDE, /* not in the reservation */
	SMI_PLACE_GUARD,   /* in it, in no pool */
	SMI_PLACE_POOL
};

/*
 * Reserve the addresses for pools->geometry, give them their advice, and lock
 * the key page. The fields from table on were set by the caller. On failure,
 * with errno from smi_os_reserve(), smi_os_open(), smi_os_lock() or
 * smi_os_advise(), nothing stays mapped.
 */
int smi_pools_map(struct smi_pools *pools);

/* Wipe and unmap everything. */
void smi_pools_unmap(struct smi_pools *pools);

/* The locked page that only the library's secrets live in. */
void *smi_pools_key_page(const struct smi_pools *pools);

/*
 * Lock a further pool, of `bytes` or, if the lock limit leaves less room, of as
 * many whole pages as still fit, but at least `least`; and open its metadata.
 * Both are whole pages, 0 < least <= bytes. Returns the pool, or SMI_NONE with
 * errno: ENOMEM (limit, memory, or no stride left), EPERM (no right).
 */
uint32_t smi_pools_lock(struct smi_pools *pools, size_t bytes, size_t least);

/* Whether strides are left for a pool of `bytes`. */
bool smi_pools_have_strides(const struct smi_pools *pools, size_t bytes);

/* Where an address lies; *pool is set in SMI_PLACE_POOL, and for a guard to the
 * pool before it, or SMI_NONE if there is none. Any address may be asked. */
enum smi_pool_place smi_pools_find(const struct smi_pools *pools,
                                   uintptr_t address, uint32_t *pool);

/* Whether [address, address + bytes) touches the reservation; bytes > 0. */
bool smi_pools_touch(const struct smi_pools *pools, uintptr_t address,
                     size_t bytes);

/* Enter a pool of `bytes` in the table, at the strides that come next. */
void smi_pools_enter(struct smi_pools *pools, size_t bytes);

static inline uintptr_t smi_pools_start(const struct smi_pools *pools,
                                        uint32_t pool)
{
	return pools->base + smi_geometry_pool_offset(&pools->geometry, pool);
}

static inline size_t smi_pools_bytes(const struct smi_pools *pools,
                                     uint32_t pool)
{
	return pools->table[pool].end - pools->table[pool].start;
}

static inline void *smi_pools_metadata(const struct smi_pools *pools,
                                       uint32_t pool)
{
	return pools->metadata + pool * pools->metadata_bytes;
}

/* The pool that an address lies in, or NULL. Needs no lock. */
static inline const struct smi_pool *smi_pools_locate(
	const struct smi_pools *pools, uintptr_t address)
{
	/* Of an address before the base it is a large number. */
	size_t stride = smi_geometry_stride_of(&pools->geometry,
	                                       address - pools->base);
	const struct smi_pool *pool = &pools->table[stride];

	return stride < atomic_load_explicit(&pools->used,
	                                     memory_order_acquire)
	                       && address < pool->end
	               ? pool
	               : NULL;
}

/* The pool after `pool`, or SMI_NONE; the pool after SMI_NONE is the first. */
uint32_t smi_pools_next(const struct smi_pools *pools, uint32_t pool);

/* NULL, or the invariant that does not hold. */
const char *smi_pools_audit(const struct smi_pools *pools);

#endif /* SMI_POOL_H */
