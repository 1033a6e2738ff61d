/*
 * pool.c - locked ranges in the reservation
 *
 * SPDX-License-Identifier: ISC
 */
#include "space/pool.h"

#include "base/wipe.h"
#include "os/os.h"

#include <errno.h>

/* Note a step that the kernel refused. Returns -1, with errno as it was. */
static int refuse(struct smi_pools *pools, enum smi_step step, size_t bytes)
{
	pools->refused = (struct smi_refusal){.step = step, .bytes = bytes};
	return -1;
}

/* Advice is given once, to the whole reservation. Pools that are opened later
 * keep it, so growing needs no further call that could fail. */
static int advise_all(struct smi_pools *pools)
{
	static const unsigned all[] = {
		SECMALLOC_ADVICE_DONTDUMP,
		SECMALLOC_ADVICE_DONTFORK,
		SECMALLOC_ADVICE_UNMERGEABLE,
		SECMALLOC_ADVICE_NOHUGEPAGE,
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (all[i] == SECMALLOC_ADVICE_DONTFORK && pools->in_children)
			continue;
		if (smi_os_advise(pools->reservation, pools->mapped_bytes,
		                  all[i])
		    == 0)
			continue;
		if (errno != ENOTSUP)
			return -1;
		pools->advice_missing |= all[i];
	}
	return 0;
}

/* Open and lock a range. On failure nothing has changed but `refused`. */
static int open_locked(struct smi_pools *pools, void *at, size_t bytes)
{
	enum smi_step step = SMI_STEP_OPEN;
	int code;

	if (pools->secret)
		return smi_os_open_secret(at, bytes, pools->in_children) == 0
		               ? 0
		               : refuse(pools, SMI_STEP_LOCK, bytes);
	if (smi_os_open(at, bytes) == 0) {
		if (smi_os_lock(at, bytes) == 0)
			return 0;
		step = SMI_STEP_LOCK;
	}
	code = errno;
	smi_os_close(at, bytes);
	errno = code;
	return refuse(pools, step, bytes);
}

static void start(struct smi_pools *pools, void *reservation)
{
	const struct smi_geometry *g = &pools->geometry;

	pools->reservation = reservation;
	pools->base = smi_round_up((uintptr_t)reservation,
	                           smi_geometry_stride(g));
	pools->start = pools->base + smi_geometry_pool_offset(g, 0);
	pools->used = 0;
	pools->strips_open = 0;
	pools->owned = SMI_NONE;
	atomic_init(&pools->span, 0);
	pools->count = 0;
	pools->bytes = 0;
	pools->advice_missing = 0;
}

int smi_pool_map(struct smi_pools *pools, size_t more)
{
	void *reservation;
	int code;

	if (smi_add_overflows(pools->geometry.reserve_bytes, more,
	                      &pools->mapped_bytes)) {
		errno = ENOMEM;
		return -1;
	}
	reservation = smi_os_reserve(pools->mapped_bytes);
	if (reservation == NULL)
		return refuse(pools, SMI_STEP_RESERVE, pools->mapped_bytes);
	start(pools, reservation);
	if (advise_all(pools) == 0)
		return 0;
	code = errno;
	smi_pool_release(pools);
	errno = code;
	return refuse(pools, SMI_STEP_RESERVE, pools->mapped_bytes);
}

void smi_pool_map_behind(struct smi_pools *pools, const struct smi_pools *first)
{
	pools->mapped_bytes = 0;
	start(pools, (unsigned char *)first->reservation
	                     + first->geometry.reserve_bytes);
}

int smi_pool_lock_key_page(struct smi_pools *pools)
{
	return open_locked(pools, smi_pool_key_page(pools),
	                   pools->geometry.page_bytes);
}

static int own(struct smi_pools *pools, void *at, size_t bytes)
{
	int result = pools->secret
	                     ? smi_os_copy_secret(at, bytes, pools->in_children)
	                     : smi_os_lock(at, bytes);

	return result == 0 ? 0 : refuse(pools, SMI_STEP_LOCK, bytes);
}

void smi_pool_inherit(struct smi_pools *pools)
{
	if (pools->secret || !smi_os_fork_copies())
		pools->owned = 0;
}

int smi_pool_own_one(struct smi_pools *pools, uint32_t pool)
{
	if (own(pools, (void *)smi_pool_start(pools, pool),
	        smi_pool_bytes(pools, pool))
	    != 0)
		return -1;
	if (pools->owned != SMI_NONE)
		pools->owned = pool + 1;
	return 0;
}

int smi_pool_own_all(struct smi_pools *pools)
{
	uint32_t pool = SMI_NONE;

	while ((pool = smi_pool_next(pools, pool)) != SMI_NONE)
		if (smi_pool_own_one(pools, pool) != 0)
			return -1;
	if (own(pools, smi_pool_key_page(pools), pools->geometry.page_bytes)
	    != 0)
		return -1;
	pools->owned = SMI_NONE;
	return 0;
}

void smi_pool_release(struct smi_pools *pools)
{
	smi_os_release(pools->reservation, pools->mapped_bytes);
}

void smi_pool_unmap(struct smi_pools *pools)
{
	for (uint32_t i = smi_pool_next(pools, SMI_NONE); i < pools->owned;
	     i = smi_pool_next(pools, i))
		smi_wipe_bytes((void *)smi_pool_start(pools, i),
		               smi_pool_bytes(pools, i));
	if (pools->owned == SMI_NONE)
		smi_wipe_bytes(smi_pool_key_page(pools),
		               pools->geometry.page_bytes);
	smi_pool_release(pools);
}

void *smi_pool_key_page(const struct smi_pools *pools)
{
	return (void *)(pools->base
	                + smi_geometry_key_offset(&pools->geometry));
}

bool smi_pool_have_room(const struct smi_pools *pools, size_t bytes)
{
	const struct smi_geometry *g = &pools->geometry;

	return smi_geometry_pools_for(g, bytes) <= g->max_pools - pools->count;
}

/*
 * Lock `most` bytes at `at`, or as many pages as the limit has room for, but at
 * least `least`. The room is found by trying to lock: a computed figure would
 * be a guess if other threads lock too, or if another kind of limit applies.
 * Returns the number of bytes, or 0 with errno if not even `least` could be
 * locked.
 */
static size_t lock_most(struct smi_pools *pools, unsigned char *at, size_t most,
                        size_t least)
{
	size_t page_bytes = pools->geometry.page_bytes;
	size_t fits = 0, fails = most + page_bytes;
	int code = ENOMEM;

	/* Invariant: `fits` bytes are open and locked, and `fails` bytes cannot
	 * be. */
	for (size_t try = most; fails - fits > page_bytes;
	     try = fits + smi_round_down((fails - fits) / 2, page_bytes)) {
		if (try < least)
			try = least;
		if (try <= fits || try >= fails)
			break;
		if (open_locked(pools, at + fits, try - fits) == 0) {
			fits = try;
			continue;
		}
		code = errno;
		fails = try;
		if (code != ENOMEM)
			break;
	}
	if (fits == 0)
		errno = code;
	return fits;
}

void smi_pool_enter(struct smi_pools *pools, size_t bytes)
{
	size_t page = pools->geometry.page_bytes;
	uint32_t first = pools->used;
	uint32_t strides = (uint32_t)smi_geometry_strides_for(&pools->geometry,
	                                                      bytes);

	for (uint32_t i = 0; i < strides; i++)
		pools->table[first + i] = (struct smi_pool){
			.first = first,
			.pages = i == 0 ? (uint32_t)(bytes / page) : 0,
		};
	pools->used += strides;
	pools->count += smi_geometry_pools_for(&pools->geometry, bytes);
	pools->bytes += bytes;
}

void smi_pool_publish(struct smi_pools *pools)
{
	atomic_store_explicit(&pools->span,
	                      (size_t)pools->used
	                              << pools->geometry.stride_shift,
	                      memory_order_release);
}

/*
 * Strips that are open stay open even if the pool then cannot be locked: unused
 * metadata take no memory. Two strides may share a page, which is then opened
 * twice.
 */
int smi_pool_open_strips(struct smi_pools *pools, uint32_t strides)
{
	size_t page = pools->geometry.page_bytes;

	if (strides <= pools->strips_open)
		return 0;
	for (unsigned i = 0; i < SMI_STRIPS; i++) {
		const struct smi_strip *strip = &pools->strips[i];
		size_t from = smi_round_down(pools->strips_open
		                                     * strip->stride_bytes,
		                             page);
		size_t to = smi_round_up(strides * strip->stride_bytes, page);

		if (to != from && smi_os_open(strip->at + from, to - from) != 0)
			return refuse(pools, SMI_STEP_OPEN, to - from);
	}
	pools->strips_open = strides;
	return 0;
}

uint32_t smi_pool_lock(struct smi_pools *pools, size_t bytes, size_t least)
{
	const struct smi_geometry *g = &pools->geometry;
	uint32_t pool = pools->used;
	size_t locked;

	if (!smi_pool_have_room(pools, bytes)) {
		errno = ENOMEM;
		return SMI_NONE;
	}
	if (smi_pool_open_strips(
		    pools, pool + (uint32_t)smi_geometry_strides_for(g, bytes))
	    != 0)
		return SMI_NONE;
	locked = lock_most(pools, (unsigned char *)smi_pool_start(pools, pool),
	                   bytes, least);
	if (locked == 0)
		return SMI_NONE;
	smi_pool_enter(pools, locked);
	return pool;
}

enum smi_pool_place smi_pool_find(const struct smi_pools *pools,
                                  uintptr_t address, uint32_t *pool)
{
	size_t stride;

	*pool = SMI_NONE;
	if (address - (uintptr_t)pools->reservation
	    >= pools->geometry.reserve_bytes)
		return SMI_PLACE_OUTSIDE;
	/* For an address in or before the lead, this is a large number. */
	stride = smi_geometry_stride_of(&pools->geometry,
	                                address - pools->base);
	if (stride >= pools->used)
		return SMI_PLACE_GUARD;
	*pool = pools->table[stride].first;
	return address - smi_pool_start(pools, *pool)
	                       < smi_pool_bytes(pools, *pool)
	               ? SMI_PLACE_POOL
	               : SMI_PLACE_GUARD;
}

bool smi_pool_touch(const struct smi_pools *pools, uintptr_t address,
                    size_t bytes)
{
	return smi_range_touches((uintptr_t)pools->reservation,
	                         pools->geometry.reserve_bytes, address, bytes);
}

uint32_t smi_pool_next(const struct smi_pools *pools, uint32_t pool)
{
	uint32_t next = 0;

	if (pool != SMI_NONE)
		for (next = pool + 1;
		     next < pools->used && pools->table[next].pages == 0;
		     next++)
			;
	return next < pools->used ? next : SMI_NONE;
}

size_t smi_pool_owned_bytes(const struct smi_pools *pools)
{
	size_t bytes = 0;

	for (uint32_t i = smi_pool_next(pools, SMI_NONE); i < pools->owned;
	     i = smi_pool_next(pools, i))
		bytes += smi_pool_bytes(pools, i);
	return bytes;
}

size_t smi_pool_largest_bytes(const struct smi_pools *pools)
{
	size_t bytes = 0;

	for (uint32_t i = smi_pool_next(pools, SMI_NONE); i != SMI_NONE;
	     i = smi_pool_next(pools, i))
		if (smi_pool_bytes(pools, i) > bytes)
			bytes = smi_pool_bytes(pools, i);
	return bytes;
}

const char *smi_pool_audit(const struct smi_pools *pools)
{
	const struct smi_geometry *g = &pools->geometry;
	uint32_t first = 0;
	size_t bytes = 0, count = 0;

	if (pools->used > g->max_pools)
		return "P3: more strides are used than exist";
	for (uint32_t i = 0; i < pools->used; i++) {
		if (pools->table[i].pages != 0) {
			size_t pool_bytes = smi_pool_bytes(pools, i);

			first = i;
			count += smi_geometry_pools_for(g, pool_bytes);
			bytes += pool_bytes;
		}
		if (pools->table[i].first != first)
			return "P4: a stride names the wrong pool";
	}
	if (count != pools->count || count > g->max_pools
	    || bytes != pools->bytes)
		return "P5: the pools do not add up";
	return NULL;
}
