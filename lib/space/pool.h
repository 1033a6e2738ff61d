/*
 * pool.h - locked ranges in the reservation
 *
 * Owns the arena's reservation of addresses, the locked pools and the locked
 * key page in it, and the strips of metadata beside them. It knows nothing of
 * what a pool or a strip holds. The caller holds the arena's lock.
 *
 * Invariants:
 *   P1  What is accessible in the reservation is locked: the key page and the
 *       pools. All else is inaccessible.
 *   P2  A locked pool stays locked and where it is until smi_pool_unmap().
 *   P3  Strides are taken in order: pools lie in [0, used), none after it.
 *   P4  table[i].first is the first stride of the pool that stride i belongs
 *       to, for i < used; bytes is set there and 0 in the others.
 *   P5  A pool counts as the ordinary ones whose bytes it has, rounded up;
 *       count is their sum and at most max_pools. So many strides suffice.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SMI_POOL_H
#define SMI_POOL_H

#include "base/base.h"
#include "space/geometry.h"

#include <stdatomic.h>

struct smi_pool {
	uint32_t first;
	size_t bytes;
};

/* Memory that goes with the strides, so many bytes with each one, and is opened
 * with it. It starts at a page. */
struct smi_strip {
	unsigned char *at;
	size_t stride_bytes;
};
#define SMI_STRIPS 3

struct smi_pools {
	struct smi_geometry geometry;
	void *reservation;   /* geometry.reserve_bytes of it */
	size_t mapped_bytes; /* from there on; 0: they are another's */
	uintptr_t base;      /* in it, aligned to the stride */
	uintptr_t start;     /* of the first pool */
	/* The bytes from there on in which pools lie. The one field that is
	 * read without the arena's lock: what belongs to a stride was made
	 * before it is counted here. */
	_Atomic size_t span;
	uint32_t used;           /* strides */
	size_t count;            /* pools, in ordinary ones (P5) */
	size_t bytes;            /* of all pools */
	unsigned advice_missing; /* SECMALLOC_ADVICE_ bits */
	bool secret;             /* locked memory is such that only this
	                            process can read it; the caller's */
	bool in_children;        /* children have a copy; the caller's */
	struct smi_pool *table;  /* geometry.max_pools entries, the caller's */
	struct smi_strip strips[SMI_STRIPS]; /* the caller's */
	uint32_t strips_open; /* strides whose parts of them are */
	uint32_t owned;       /* from this stride on, what a child has it
	                         shares with its parent, and so has the key
	                         page; SMI_NONE: nothing */
};

/* Where an address lies. */
enum smi_pool_place {
	SMI_PLACE_OUTSIDE, /* not in the reservation */
	SMI_PLACE_GUARD,   /* in it, in no pool */
	SMI_PLACE_POOL
};

/*
 * Reserve the addresses for pools->geometry, and `more` bytes for others behind
 * them, and give all of it its advice. The fields from secret on were set by
 * the caller. On failure, with errno from smi_os_reserve() or smi_os_advise(),
 * nothing stays mapped.
 */
int smi_pool_map(struct smi_pools *pools, size_t more);

/* Begin in what is reserved behind the pools of another. */
void smi_pool_map_behind(struct smi_pools *pools,
                         const struct smi_pools *first);

/*
 * Unmap all that smi_pool_map() has mapped; or wipe the pools and the key page
 * first, which can be written. What is shared with a parent is not wiped: to
 * write to it would only make a copy, and not a locked one.
 */
void smi_pool_release(struct smi_pools *pools);
void smi_pool_unmap(struct smi_pools *pools);

/* The page that only the library's secrets live in, and locking it. -1 with
 * errno as smi_os_open(), smi_os_lock() or smi_os_open_secret(). */
void *smi_pool_key_page(const struct smi_pools *pools);
int smi_pool_lock_key_page(struct smi_pools *pools);

/*
 * In a child, which has no locks, and which may share its pages with the
 * parent: say so; then let it have pages of its own, with the same bytes,
 * locked: a pool that can be written, in order, or all of them, and then the
 * key page. -1 with errno as above.
 */
void smi_pool_inherit(struct smi_pools *pools);
int smi_pool_own_one(struct smi_pools *pools, uint32_t pool);
int smi_pool_own_all(struct smi_pools *pools);

/*
 * Lock a further pool, of `bytes` or, if the lock limit leaves less room, of as
 * many whole pages as still fit, but at least `least`; and open its metadata.
 * Both are whole pages, 0 < least <= bytes. Returns the pool, or SMI_NONE with
 * errno: ENOMEM (limit, memory, or no room left), EPERM (no right), and those
 * of smi_os_open_secret().
 */
uint32_t smi_pool_lock(struct smi_pools *pools, size_t bytes, size_t least);

/* Open the metadata of so many strides from the first on, no more than there
 * are: one by one it takes longer. -1 with errno. */
int smi_pool_open_strips(struct smi_pools *pools, uint32_t strides);

/* Whether max_pools has room for a pool of `bytes`. */
bool smi_pool_have_room(const struct smi_pools *pools, size_t bytes);

/* Where an address lies; *pool is set in SMI_PLACE_POOL, and for a guard to the
 * pool before it, or SMI_NONE if there is none. Any address may be asked. */
enum smi_pool_place smi_pool_find(const struct smi_pools *pools,
                                  uintptr_t address, uint32_t *pool);

/* Whether [address, address + bytes) touches the reservation; bytes > 0. */
bool smi_pool_touch(const struct smi_pools *pools, uintptr_t address,
                    size_t bytes);

/* Enter a pool of `bytes` in the table, at the strides that come next. */
void smi_pool_enter(struct smi_pools *pools, size_t bytes);

/* Let those see the strides that have been entered who hold no lock. */
void smi_pool_publish(struct smi_pools *pools);

static inline uintptr_t smi_pool_start(const struct smi_pools *pools,
                                       uint32_t pool)
{
	return pools->start + ((uintptr_t)pool << pools->geometry.stride_shift);
}

static inline size_t smi_pool_bytes(const struct smi_pools *pools,
                                    uint32_t pool)
{
	return pools->table[pool].bytes;
}

/* The pool after `pool`, or SMI_NONE; the pool after SMI_NONE is the first. */
uint32_t smi_pool_next(const struct smi_pools *pools, uint32_t pool);

/* NULL, or the invariant that does not hold. */
const char *smi_pool_audit(const struct smi_pools *pools);

#endif /* SMI_POOL_H */
