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

static size_t least_of(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Give all advice for a range. -1 with errno if some was refused. */
static int advise(struct smi_pools *pools, const void *at, size_t bytes)
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
		if (smi_os_advise(at, bytes, all[i]) == 0)
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
	pools->holes = 0;
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
	/* Pools that are opened later keep the advice, so growing needs no
	 * further call that could fail. */
	if (advise(pools, reservation, pools->mapped_bytes) == 0)
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

/* ---- The table ---------------------------------------------------------- */

/* The offset of a stride; and the end of a pool, as an offset. */
static size_t offset_of(const struct smi_pools *pools, uint32_t stride)
{
	return (size_t)stride << pools->geometry.stride_shift;
}

static size_t end_of(const struct smi_pools *pools, uint32_t pool)
{
	return offset_of(pools, pool) + smi_pool_bytes(pools, pool);
}

static uint32_t strides_for(const struct smi_pools *pools, size_t bytes)
{
	return bytes == 0 ? 0
	                  : (uint32_t)smi_geometry_strides_for(&pools->geometry,
	                                                       bytes);
}

static size_t count_for(const struct smi_pools *pools, size_t bytes)
{
	return bytes == 0 ? 0 : smi_geometry_pools_for(&pools->geometry, bytes);
}

/* The pool of a stride, or SMI_NONE. */
static uint32_t pool_at(const struct smi_pools *pools, uint32_t stride)
{
	return stride < pools->used ? pools->table[stride].first : SMI_NONE;
}

/* The pool that ends at an offset, or SMI_NONE. */
static uint32_t pool_before(const struct smi_pools *pools, size_t offset)
{
	uint32_t pool =
		offset == 0
			? SMI_NONE
			: pool_at(pools,
	                          (uint32_t)((offset - 1)
	                                     >> pools->geometry.stride_shift));

	return pool != SMI_NONE && end_of(pools, pool) == offset ? pool
	                                                         : SMI_NONE;
}

/* Record that a pool has `bytes` (P4, P5); 0: that it is gone. */
static void set_bytes(struct smi_pools *pools, uint32_t pool, size_t bytes)
{
	size_t had = pool_at(pools, pool) == pool ? smi_pool_bytes(pools, pool)
	                                          : 0;
	uint32_t from = pool + strides_for(pools, had);
	uint32_t to = pool + strides_for(pools, bytes);

	pools->count += count_for(pools, bytes) - count_for(pools, had);
	pools->bytes += bytes - had;
	for (; pools->used < to; pools->used++, pools->holes++)
		pools->table[pools->used] = (struct smi_pool){SMI_NONE, 0};
	pools->holes += from - to;
	for (uint32_t i = from; i < to; i++)
		pools->table[i] = (struct smi_pool){pool, 0};
	for (uint32_t i = to; i < from; i++)
		pools->table[i] = (struct smi_pool){SMI_NONE, 0};
	if (bytes > 0)
		pools->table[pool].pages =
			(uint32_t)(bytes / pools->geometry.page_bytes);
}

/* Let the last used stride be one of a pool (P3). */
static void forget_last_hole(struct smi_pools *pools)
{
	while (pools->used > 0 && pool_at(pools, pools->used - 1) == SMI_NONE) {
		pools->used--;
		pools->holes--;
	}
}

void smi_pool_enter(struct smi_pools *pools, const struct smi_piece *piece)
{
	uint32_t pool = pool_before(pools, piece->offset), next;
	size_t end = piece->offset + piece->bytes, more = 0;

	if (pool == SMI_NONE)
		pool = (uint32_t)(piece->offset
		                  >> pools->geometry.stride_shift);
	/* If it meets the next pool, the two become one (P6). */
	next = (uint32_t)(end >> pools->geometry.stride_shift);
	if (offset_of(pools, next) == end && pool_at(pools, next) == next) {
		more = smi_pool_bytes(pools, next);
		set_bytes(pools, next, 0);
	}
	set_bytes(pools, pool, end + more - offset_of(pools, pool));
}

void smi_pool_keep(struct smi_pools *pools, const struct smi_piece *piece)
{
	size_t stride = smi_geometry_stride(&pools->geometry);

	for (size_t at = 0; at < piece->bytes; at += stride) {
		size_t pages = least_of(piece->bytes - at, stride)
		               / pools->geometry.page_bytes;

		pools->kept[(piece->offset + at) / stride] =
			(uint8_t)least_of(pages, UINT8_MAX);
	}
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

/* The stride after those of a pool. */
static uint32_t end_of_strides(const struct smi_pools *pools, uint32_t pool)
{
	return pool + strides_for(pools, smi_pool_bytes(pools, pool));
}

/* ---- Growing and shrinking ---------------------------------------------- */

/* The first stride from `stride` on that is in a pool or was never used. */
static uint32_t skip_hole(const struct smi_pools *pools, uint32_t stride)
{
	while (stride < pools->used && pool_at(pools, stride) == SMI_NONE)
		stride++;
	return stride;
}

/* The first stride from `stride` on that is in no pool. */
static uint32_t skip_pools(const struct smi_pools *pools, uint32_t stride)
{
	uint32_t pool;

	while ((pool = pool_at(pools, stride)) != SMI_NONE)
		stride = end_of_strides(pools, pool);
	return stride;
}

/* The gap between the strides [from, to), of which the last may be the last one
 * of all. False if there is none. */
static bool set_gap(const struct smi_pools *pools, size_t offset, uint32_t to,
                    struct smi_piece *gap)
{
	const struct smi_geometry *g = &pools->geometry;
	size_t end;

	end = offset_of(pools, to < pools->used ? to : g->max_pools);
	end -= smi_geometry_guard_bytes(g);
	*gap = (struct smi_piece){offset, end > offset ? end - offset : 0};
	return end > offset;
}

/* The gap after the last pool. */
static bool last_gap(const struct smi_pools *pools, bool in_place,
                     struct smi_piece *gap)
{
	uint32_t last = pool_at(pools, pools->used - 1);

	return set_gap(pools,
	               in_place ? end_of(pools, last)
	                        : offset_of(pools, pools->used),
	               pools->used, gap);
}

static bool next_joined_gap(const struct smi_pools *pools,
                            struct smi_piece *gap)
{
	unsigned shift = pools->geometry.stride_shift;
	bool is_first = gap->bytes == 0;
	/* Every gap ends with a stride, and a pool follows it. */
	uint32_t stride = (uint32_t)((gap->offset + gap->bytes) >> shift);
	uint32_t pool;

	if (!is_first && stride >= pools->geometry.max_pools)
		return false;
	pool = pool_at(pools, stride);
	if (pool == SMI_NONE)
		return set_gap(pools, offset_of(pools, stride),
		               skip_hole(pools, stride), gap);
	/* The next pool may begin in the stride after that in which this one
	 * ends. */
	stride = end_of_strides(pools, pool);
	return set_gap(pools, end_of(pools, pool), skip_hole(pools, stride),
	               gap);
}

/* Only a pool that is larger than an ordinary one grows in place. */
static bool next_apart_gap(const struct smi_pools *pools, struct smi_piece *gap)
{
	unsigned shift = pools->geometry.stride_shift;
	uint32_t stride = pools->used, last;

	if (gap->bytes > 0 && gap->offset >= offset_of(pools, pools->used))
		return false;
	if (pools->used == 0)
		return last_gap(pools, false, gap);
	if (pools->holes > 0) {
		stride = (uint32_t)((gap->offset + gap->bytes) >> shift);
		if (gap->bytes > 0)
			stride++;
		stride = skip_pools(pools, stride);
		if (stride < pools->used)
			return set_gap(pools, offset_of(pools, stride),
			               skip_hole(pools, stride), gap);
	}
	last = pool_at(pools, pools->used - 1);
	return last_gap(pools,
	                smi_pool_bytes(pools, last) > pools->geometry.pool_bytes
	                        && gap->offset < end_of(pools, last),
	                gap);
}

bool smi_pool_next_gap(const struct smi_pools *pools, struct smi_piece *gap)
{
	return pools->geometry.joined ? next_joined_gap(pools, gap)
	                              : next_apart_gap(pools, gap);
}

size_t smi_pool_addresses(const struct smi_pools *pools,
                          const struct smi_piece *gap)
{
	const struct smi_geometry *g = &pools->geometry;
	uint32_t pool = pool_before(pools, gap->offset);
	size_t has = pool != SMI_NONE ? smi_pool_bytes(pools, pool) : 0;
	size_t left = g->max_pools - pools->count + count_for(pools, has);

	return least_of(gap->bytes, left * g->pool_bytes - has);
}

size_t smi_pool_room(const struct smi_pools *pools, const struct smi_piece *gap)
{
	return least_of(smi_pool_addresses(pools, gap),
	                smi_round_down(pools->max_bytes - pools->bytes,
	                               pools->geometry.page_bytes));
}

struct smi_piece smi_pool_new_gap(const struct smi_pools *pools, size_t bytes)
{
	struct smi_piece gap = {0, 0};

	/* A large pool, which may end with a stride, would grow. */
	while (smi_pool_next_gap(pools, &gap))
		if (pool_before(pools, gap.offset) == SMI_NONE
		    && smi_pool_room(pools, &gap) >= bytes)
			return gap;
	return (struct smi_piece){0, 0};
}

int smi_pool_lock(struct smi_pools *pools, struct smi_piece *piece,
                  size_t least)
{
	unsigned char *start = (unsigned char *)pools->start;
	size_t end = piece->offset + piece->bytes;

	if (smi_pool_open_strips(pools, strides_for(pools, end)) != 0)
		return -1;
	piece->bytes = lock_most(pools, start + piece->offset, piece->bytes,
	                         least);
	if (piece->bytes == 0)
		return -1;
	smi_pool_enter(pools, piece);
	return 0;
}

/* The offset up to which a stride of joined pools is kept. */
static size_t kept_to(const struct smi_pools *pools, size_t stride)
{
	return (stride << pools->geometry.stride_shift)
	       + pools->kept[stride] * pools->geometry.page_bytes;
}

/* smi_pool_closable() if pools are joined. `end` is that of the pool. */
static bool joined_closable(const struct smi_pools *pools, size_t end,
                            struct smi_piece *range)
{
	const struct smi_geometry *g = &pools->geometry;
	size_t from = smi_round_up(range->offset, g->page_bytes);
	size_t to = range->offset + range->bytes;
	size_t stride_bytes = smi_geometry_stride(g);

	if (to != end)
		to = smi_round_down(to, stride_bytes);
	while (from < to) {
		size_t stride = from >> g->stride_shift;
		bool after_kept;

		if (kept_to(pools, stride) > from)
			from = kept_to(pools, stride);
		after_kept = from == kept_to(pools, stride);
		do
			stride++;
		while (stride << g->stride_shift < to
		       && pools->kept[stride] == 0);
		range->offset = from;
		range->bytes = least_of(stride << g->stride_shift, to);
		range->bytes -= least_of(from, range->bytes);
		if (range->bytes >= stride_bytes
		    || (range->bytes > 0
		        && (after_kept || from + range->bytes == end)))
			return true;
		from = stride << g->stride_shift;
	}
	return false;
}

bool smi_pool_closable(const struct smi_pools *pools, struct smi_piece *range)
{
	uint32_t pool = pool_at(pools,
	                        (uint32_t)(range->offset
	                                   >> pools->geometry.stride_shift));

	if (pools->geometry.joined)
		return joined_closable(pools, end_of(pools, pool), range);
	return pools->kept[pool] == 0
	       && range->bytes == smi_pool_bytes(pools, pool);
}

/* Cover a range by addresses that are reserved anew. */
static int cover(struct smi_pools *pools, void *at, size_t bytes)
{
	void *made = smi_os_reserve(bytes);
	int code;

	if (made == NULL)
		return -1;
	if (advise(pools, made, bytes) == 0
	    && smi_os_move(made, bytes, at) == 0)
		return 0;
	code = errno;
	smi_os_release(made, bytes);
	errno = code;
	return -1;
}

/*
 * Make a range inaccessible in one step that can be refused, before the steps
 * that cannot. A range that is covered is one mapping with the addresses beside
 * it, and is no longer charged as memory that could be written to. Without
 * that, ordinary memory is at least unlocked; secret memory cannot be discarded
 * otherwise.
 */
static int give_back(struct smi_pools *pools, void *at, size_t bytes)
{
	if (cover(pools, at, bytes) == 0)
		return 0;
	if (pools->secret || smi_os_protect(at, bytes, SECMALLOC_NOACCESS) != 0)
		return -1;
	smi_os_close(at, bytes);
	return 0;
}

int smi_pool_close(struct smi_pools *pools, const struct smi_piece *piece)
{
	unsigned shift = pools->geometry.stride_shift;
	uint32_t pool = pool_at(pools, (uint32_t)(piece->offset >> shift));
	size_t end = end_of(pools, pool), to = piece->offset + piece->bytes;

	if (give_back(pools, (unsigned char *)pools->start + piece->offset,
	              piece->bytes)
	    != 0)
		return -1;
	set_bytes(pools, pool, piece->offset - offset_of(pools, pool));
	if (to < end)
		set_bytes(pools, (uint32_t)(to >> shift), end - to);
	forget_last_hole(pools);
	smi_pool_publish(pools);
	return 0;
}

/* ---- Questions ---------------------------------------------------------- */

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
	if (stride >= pools->geometry.max_pools)
		return SMI_PLACE_GUARD;
	*pool = pool_at(pools, (uint32_t)stride);
	if (*pool == SMI_NONE) {
		*pool = pool_before(pools, offset_of(pools, (uint32_t)stride));
		return SMI_PLACE_GUARD;
	}
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
		next = end_of_strides(pools, pool);
	next = skip_hole(pools, next);
	return next < pools->used ? next : SMI_NONE;
}

size_t smi_pool_end(const struct smi_pools *pools)
{
	return pools->used == 0
	               ? 0
	               : end_of(pools, pool_at(pools, pools->used - 1));
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
	uint32_t first = SMI_NONE, end = 0, holes = 0;
	size_t bytes = 0, count = 0;

	if (pools->used > g->max_pools
	    || (pools->used > 0
	        && pools->table[pools->used - 1].first == SMI_NONE))
		return "P3: the strides that are used are not the pools'";
	for (uint32_t i = 0; i < pools->used; i++) {
		if (pools->table[i].pages != 0) {
			size_t pool_bytes = smi_pool_bytes(pools, i);

			if (g->joined && i > 0
			    && pool_before(pools, offset_of(pools, i))
			               != SMI_NONE)
				return "P6: two pools meet";
			first = i;
			end = end_of_strides(pools, i);
			count += smi_geometry_pools_for(g, pool_bytes);
			bytes += pool_bytes;
		}
		if (i >= end)
			holes++;
		if (pools->table[i].first != (i < end ? first : SMI_NONE))
			return "P4: a stride names the wrong pool";
	}
	if (holes != pools->holes)
		return "P4: the strides without a pool do not add up";
	if (count != pools->count || count > g->max_pools
	    || bytes != pools->bytes || bytes > pools->max_bytes)
		return "P5: the pools do not add up";
	return NULL;
}
