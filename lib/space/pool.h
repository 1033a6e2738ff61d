/*
 * pool.h - locked ranges in the reservation
 *
 * Owns the arena's reservation of address space, the locked pools and the
 * locked key page in it, and the strips of metadata outside it. It does not
 * know what a pool or a strip contains. The caller holds the arena's lock.
 *
 * Invariants:
 *   P1  Everything in the reservation that is accessible is locked: the key
 *       page and the pools. Everything else is inaccessible.
 *   P2  Locked memory stays locked and at its address until smi_pool_unmap(),
 *       except for what smi_pool_close() gives back. That is never a page
 *       that is kept.
 *   P3  All pools lie in the strides [0, used), and the last one of these is
 *       the last pool's.
 *   P4  table[i].first is the first stride of the pool that stride i belongs
 *       to, for i < used, or SMI_NONE if it belongs to none. table[i].pages is
 *       the size of the pool if i is its first stride, and 0 otherwise.
 *   P5  A pool counts as bytes / pool_bytes ordinary pools, rounded up. `count`
 *       is the sum of these and at most max_pools. `bytes` is the sum of their
 *       sizes and at most max_bytes.
 *   P6  If pools are joined, two of them never meet.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SMI_POOL_H
#define SMI_POOL_H

#include "base/base.h"
#include "os/words.h"
#include "space/geometry.h"

#include <stdatomic.h>

struct smi_pool {
	uint32_t first;
	uint32_t pages; /* there are fewer than 2^32 units, let alone pages */
};

/* Metadata with a fixed number of bytes for each stride. The part of a stride
 * is opened when the stride gets into use. A strip starts at a page. */
struct smi_strip {
	unsigned char *at;
	size_t stride_bytes;
};
#define SMI_STRIPS 2

struct smi_pools {
	struct smi_geometry geometry;
	void *reservation;   /* geometry.reserve_bytes of address space */
	size_t mapped_bytes; /* from `reservation` on; 0 if the mapping belongs
	                        to another smi_pools */
	uintptr_t base;      /* in the reservation, aligned to the stride */
	uintptr_t start;     /* address of the first pool */
	/* The number of bytes from `start` on in which pools lie. This is the
	 * one field that is read without the arena's lock: everything that
	 * belongs to a stride is set up before the stride is counted here. */
	_Atomic size_t span;
	uint32_t used;           /* in strides */
	uint32_t holes;          /* of these, those that belong to no pool */
	size_t count;            /* of pools, in ordinary ones (P5) */
	size_t bytes;            /* of all pools */
	size_t max_bytes;        /* set by the caller; SIZE_MAX: no limit */
	unsigned advice_missing; /* SECMALLOC_ADVICE_ bits */
	bool secret;             /* locked memory is secret memory, which only
	                            this process can read; set by the caller */
	bool in_children;        /* children get a copy; set by the caller */
	struct smi_refusal refused; /* the last failure of a call that asks the
	                               kernel; of several attempts, the smallest
	                             */
	struct smi_pool *table;     /* geometry.max_pools entries, owned by the
	                               caller */
	uint8_t *kept;              /* likewise, zeroed: how many pages of each
	                               stride are kept (P2), up to 255 */
	struct smi_strip strips[SMI_STRIPS]; /* owned by the caller */
	uint32_t strips_open; /* strides whose parts of the strips are open */
	uint32_t owned;       /* in a child: the pools from this stride on and
	                         the key page are still shared with the parent;
	                         SMI_NONE: nothing is shared */
};

/* The kinds of place in which an address can lie. */
enum smi_pool_place {
	SMI_PLACE_OUTSIDE, /* outside the reservation */
	SMI_PLACE_GUARD,   /* in the reservation, but in no pool */
	SMI_PLACE_POOL
};

/*
 * Reserve the address space for pools->geometry and, behind it, `more` bytes
 * for smi_pool_map_behind(). Give the advice for all of it. The caller has set
 * geometry, secret, in_children, table and strips. On failure nothing stays
 * mapped, and errno is that of smi_os_reserve() or smi_os_advise().
 */
int smi_pool_map(struct smi_pools *pools, size_t more);

/* Use the address space that smi_pool_map() reserved behind the pools of
 * `first`. */
void smi_pool_map_behind(struct smi_pools *pools,
                         const struct smi_pools *first);

/*
 * smi_pool_release() unmaps everything that smi_pool_map() mapped.
 * smi_pool_unmap() wipes the pools and the key page first; they must be
 * writable. It does not wipe memory that is still shared with a parent: writing
 * to it would only create a copy, and an unlocked one.
 */
void smi_pool_release(struct smi_pools *pools);
void smi_pool_unmap(struct smi_pools *pools);

/*
 * The key page holds the library's own secrets and nothing else.
 * smi_pool_lock_key_page() opens and locks it: -1 with errno as smi_os_open(),
 * smi_os_lock() or smi_os_open_secret().
 */
void *smi_pool_key_page(const struct smi_pools *pools);
int smi_pool_lock_key_page(struct smi_pools *pools);

/*
 * For a child, which inherits no locks and may share its pages with the parent.
 *
 * smi_pool_inherit() records that the pages may be shared. smi_pool_own_one()
 * gives the child a locked pool of its own with the same content; the pool must
 * be writable, and the pools are done in order. smi_pool_own_all() does that
 * for all pools and then for the key page. -1 with errno as smi_os_lock() or
 * smi_os_copy_secret().
 */
void smi_pool_inherit(struct smi_pools *pools);
int smi_pool_own_one(struct smi_pools *pools, uint32_t pool);
int smi_pool_own_all(struct smi_pools *pools);

/* A piece of memory: its offset from the start of the first pool, and its
 * size. Both are whole pages. */
struct smi_piece {
	size_t offset, bytes;
};

/*
 * The gaps are where memory can be locked without leaving room to an existing
 * pool's guard. A gap that starts where a pool ends makes that pool larger;
 * otherwise it makes a new one, which starts with a stride.
 *
 * smi_pool_next_gap() goes on to the next gap, in ascending order. The first
 * call is given a piece that is all zeros. False: there is no other. If pools
 * are joined, gaps are all that is between pools and after them. If not, an
 * ordinary pool has no gap at its end, and the others are whole strides without
 * the guard.
 */
bool smi_pool_next_gap(const struct smi_pools *pools, struct smi_piece *gap);

/* The gap for a new pool of `bytes`, if pools are not joined. Its size is 0 if
 * max_pools or max_bytes does not allow such a pool. */
struct smi_piece smi_pool_new_gap(const struct smi_pools *pools, size_t bytes);

/* How many bytes can be added at the start of a gap within max_pools and
 * max_bytes, up to the size of the gap; and within max_pools alone. */
size_t smi_pool_room(const struct smi_pools *pools,
                     const struct smi_piece *gap);
size_t smi_pool_addresses(const struct smi_pools *pools,
                          const struct smi_piece *gap);

/*
 * Lock memory at the start of a gap, `piece`, and open its metadata. If the
 * lock limit leaves less room, it is as many whole pages as still fit, but at
 * least `least`; piece->bytes is then that many. 0 < least <= piece->bytes <=
 * smi_pool_room(). -1 with errno: ENOMEM (limit or memory), EPERM (no
 * permission), or those of smi_os_open_secret().
 */
int smi_pool_lock(struct smi_pools *pools, struct smi_piece *piece,
                  size_t least);

/*
 * Narrow a range of free memory, which lies in one pool, to the first part of
 * it that smi_pool_close() may be given. It need not consist of whole pages.
 * False: there is no such part. If pools are joined, a part is at least a
 * stride, since each part between two that are in use is two more mappings, or
 * reaches to the end of the pool, or begins where what is kept ends. Otherwise
 * only whole pools are closed.
 */
bool smi_pool_closable(const struct smi_pools *pools, struct smi_piece *range);

/*
 * Give memory back: make it inaccessible, unlock it and discard its content,
 * which the caller has wiped. The piece is as smi_pool_closable() made it. A
 * pool that is divided by that becomes two. No thread may use a cache
 * meanwhile. -1 with errno, and nothing has changed.
 */
int smi_pool_close(struct smi_pools *pools, const struct smi_piece *piece);

/* Keep a piece that is locked (P2). It starts with a stride. */
void smi_pool_keep(struct smi_pools *pools, const struct smi_piece *piece);

/* Open the metadata of the first `strides` strides, at most max_pools, in one
 * step; one step is faster than one for each stride. -1 with errno. */
int smi_pool_open_strips(struct smi_pools *pools, uint32_t strides);

/* The bytes of the pools, without those that are still shared with the parent;
 * and of the largest pool. */
size_t smi_pool_owned_bytes(const struct smi_pools *pools);
size_t smi_pool_largest_bytes(const struct smi_pools *pools);

/*
 * Find out where an address lies. *pool is the pool for SMI_PLACE_POOL. For a
 * guard it is the pool in whose strides the guard lies or which ends where its
 * stride starts, or SMI_NONE. Any address may be passed.
 */
enum smi_pool_place smi_pool_find(const struct smi_pools *pools,
                                  uintptr_t address, uint32_t *pool);

/* Whether [address, address + bytes) touches the reservation; bytes > 0. */
bool smi_pool_touch(const struct smi_pools *pools, uintptr_t address,
                    size_t bytes);

/* Record memory that was locked in the table. */
void smi_pool_enter(struct smi_pools *pools, const struct smi_piece *piece);

/* Make the recorded strides visible to readers that do not hold the lock. */
void smi_pool_publish(struct smi_pools *pools);

static inline uintptr_t smi_pool_start(const struct smi_pools *pools,
                                       uint32_t pool)
{
	return pools->start + ((uintptr_t)pool << pools->geometry.stride_shift);
}

static inline size_t smi_pool_bytes(const struct smi_pools *pools,
                                    uint32_t pool)
{
	return pools->table[pool].pages * pools->geometry.page_bytes;
}

/* The offset at which the last pool ends, or 0. */
size_t smi_pool_end(const struct smi_pools *pools);

/* The pool after `pool`, or SMI_NONE. The pool after SMI_NONE is the first
 * one. */
uint32_t smi_pool_next(const struct smi_pools *pools, uint32_t pool);

/* Returns NULL, or a text that names the violated invariant. */
const char *smi_pool_audit(const struct smi_pools *pools);

#endif /* SMI_POOL_H */
