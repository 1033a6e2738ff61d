/*
 * lifecycle.c - making an arena from a plan, and ending it
 *
 * SPDX-License-Identifier: ISC
 */
#include "arena/lifecycle.h"

#include "arena/guarded_chunks.h"
#include "os/os.h"
#include "report/last_error.h"
#include "report/shortage.h"

#include <errno.h>

/*
 * Where the parts of the metadata mapping begin, in bytes from its start. Each
 * group of tables is made accessible at once, up to its end. Core dumps contain
 * the first group and the beginnings of the strips that the gdb commands need.
 */
struct layout {
	size_t table, cell_table, cells, tables_end;
	size_t caches, kept, caches_end;
	size_t strips[SMI_STRIPS];
	size_t total;
};

/* Data of two threads are this far apart, so that they do not share a cache
 * line; processors fetch lines in pairs. */
#define LINE ((size_t)128)
_Static_assert(sizeof(struct smi_tcache) % LINE == 0,
               "a cache shares no line with the next one");

/* How the two parts of the reservation are divided. A cell for guarded chunks
 * is a pool of the second part. */
struct plans {
	struct smi_geometry pools, cells;
};

/* The end of a part that begins at `at` and has `bytes` for each pool or cell;
 * PTRDIFF_MAX if it, or a part before it, does not fit the address space. */
static size_t after(const struct smi_geometry *g, size_t at, size_t bytes)
{
	size_t size, end;

	if (smi_mul_overflows(g->max_pools, bytes, &size)
	    || smi_add_overflows(at, size, &end)
	    || end > PTRDIFF_MAX - g->page_bytes)
		return PTRDIFF_MAX;
	return end;
}

/* Plan the strips from `end` on. Returns their end. */
static size_t plan_strips(const struct smi_pools *pools, size_t end,
                          struct layout *layout)
{
	const struct smi_geometry *g = &pools->geometry;

	for (unsigned i = 0; i < SMI_STRIPS; i++) {
		layout->strips[i] = end;
		end = after(g, end, pools->strips[i].stride_bytes);
		end = smi_round_up(end, g->page_bytes);
	}
	return end;
}

/* False if the metadata do not fit the address space. */
static bool plan_layout(const struct smi_pools *pools,
                        const struct smi_geometry *cells, struct layout *layout)
{
	const struct smi_geometry *g = &pools->geometry;
	size_t page = g->page_bytes, end;

	layout->table = page + smi_round_up(sizeof(struct smi_arena), LINE);
	layout->cell_table = after(g, layout->table, sizeof(struct smi_pool));
	layout->cells = after(cells, layout->cell_table,
	                      sizeof(struct smi_pool));
	end = after(cells, layout->cells, sizeof(struct smi_cell));
	layout->tables_end = smi_round_up(end, page);
	layout->caches = plan_strips(pools, layout->tables_end, layout);
	layout->kept = layout->caches + SMI_TCACHES * sizeof(struct smi_tcache);
	end = smi_round_up(after(g, layout->kept, 1), page);
	layout->caches_end = end;
	layout->total = end + page;
	return end <= PTRDIFF_MAX - page;
}

/* Give advice if the kernel knows it. -1 with errno if it was refused. */
static int advise(const unsigned char *at, size_t bytes, unsigned advice)
{
	if (bytes == 0 || smi_os_advise(at, bytes, advice) == 0
	    || errno == ENOTSUP)
		return 0;
	return -1;
}

/*
 * How many strides have their metadata in core dumps: those of the initial
 * pools, and as many more as have so many bytes of them. Their metadata are
 * opened at once, because a part with other advice is a mapping of its own.
 */
#define CORE_BYTES ((size_t)1 << 20)
static uint32_t strides_in_cores(const struct smi_pools *pools,
                                 const struct smi_arena_plan *plan)
{
	size_t strides, bytes = 1; /* to be divided by */

	for (unsigned i = 0; i < SMI_STRIPS; i++)
		bytes += pools->strips[i].stride_bytes;
	strides = plan->initial_pools + CORE_BYTES / bytes;
	return strides < pools->geometry.max_pools ? (uint32_t)strides
	                                           : pools->geometry.max_pools;
}

/*
 * Keep everything else out of core dumps. Some programs that make them write
 * all of a reservation, and ours may have gigabytes. Advice could also be
 * revoked for a part that gets into use, but that would be one more system call
 * for each growth. -1 with errno.
 */
static int leave_out_of_cores(const struct smi_pools *pools,
                              const struct layout *layout, uint32_t strides,
                              const unsigned char *at)
{
	size_t page = pools->geometry.page_bytes;

	for (unsigned i = 0; i < SMI_STRIPS; i++) {
		const struct smi_strip *strip = &pools->strips[i];
		size_t from = layout->strips[i]
		              + smi_round_up(strides * strip->stride_bytes,
		                             page);
		size_t to = layout->strips[i]
		            + smi_round_up(pools->geometry.max_pools
		                                   * strip->stride_bytes,
		                           page);

		if (advise(at + from, to - from, SECMALLOC_ADVICE_DONTDUMP)
		    != 0)
			return -1;
	}
	return advise(at + layout->caches, layout->total - layout->caches,
	              SECMALLOC_ADVICE_DONTDUMP);
}

/*
 * Map the metadata in a reservation of their own, accessible as far as an empty
 * arena needs them. A child that does not get the pools does not get the
 * metadata either: it could not use them, and copying them would slow down each
 * fork. NULL with errno and *refused.
 */
static unsigned char *reserve_metadata(const struct smi_pools *pools,
                                       const struct layout *layout,
                                       const struct smi_arena_plan *plan,
                                       struct smi_refusal *refused)
{
	size_t page = pools->geometry.page_bytes;
	unsigned char *at = smi_os_reserve(layout->total);
	int code;

	*refused = (struct smi_refusal){
		.step = SMI_STEP_RESERVE,
		.bytes = layout->total,
	};
	if (at == NULL)
		return NULL;
	if (smi_os_open(at + page, layout->tables_end - page) == 0
	    && smi_os_open(at + layout->caches,
	                   layout->caches_end - layout->caches)
	               == 0
	    && leave_out_of_cores(pools, layout, strides_in_cores(pools, plan),
	                          at)
	               == 0
	    && (pools->in_children
	        || advise(at, layout->total, SECMALLOC_ADVICE_DONTFORK) == 0))
		return at;
	code = errno;
	smi_os_release(at, layout->total);
	errno = code;
	return NULL;
}

/* Map the metadata and set up the empty arena in it. NULL with errno and
 * *refused. */
static struct smi_arena *map_metadata(const struct plans *plans,
                                      const struct smi_arena_plan *plan,
                                      struct smi_refusal *refused)
{
	const struct smi_geometry *g = &plans->pools;
	struct smi_pools pools = {
		.geometry = *g,
		.secret = plan->secret,
		.in_children = plan->fork == SECMALLOC_FORK_KEEP,
		.max_bytes = plan->max_bytes > 0 ? plan->max_bytes : SIZE_MAX,
	};
	struct layout layout;
	struct smi_arena *arena;
	unsigned char *at;

	smi_run_plan_strips(&pools);
	if (!plan_layout(&pools, &plans->cells, &layout)) {
		*refused = (struct smi_refusal){
			.step = SMI_STEP_RESERVE,
			.bytes = PTRDIFF_MAX,
		};
		errno = ENOMEM;
		return NULL;
	}
	at = reserve_metadata(&pools, &layout, plan, refused);
	if (at == NULL)
		return NULL;
	for (unsigned i = 0; i < SMI_STRIPS; i++)
		pools.strips[i].at = at + layout.strips[i];
	pools.table = (struct smi_pool *)(void *)(at + layout.table);
	pools.kept = at + layout.kept;
	arena = (struct smi_arena *)(void *)(at + g->page_bytes);
	arena->metadata = at;
	arena->metadata_bytes = layout.total;
	arena->pools = pools;
	arena->guarded.pools.geometry = plans->cells;
	arena->guarded.pools.secret = pools.secret;
	arena->guarded.pools.in_children = pools.in_children;
	arena->guarded.pools.max_bytes = SIZE_MAX;
	arena->guarded.pools.table =
		(struct smi_pool *)(void *)(at + layout.cell_table);
	arena->guarded.cells = (struct smi_cell *)(void *)(at + layout.cells);
	arena->caches.all = (struct smi_tcache *)(void *)(at + layout.caches);
	return arena;
}

static void unmap_metadata(struct smi_arena *arena)
{
	pthread_mutex_destroy(&arena->lock);
	smi_os_release(arena->metadata, arena->metadata_bytes);
}

/* Map the reservation, whose end is for guarded cells, and lock the key page.
 * -1 with errno, and neither is there. */
static int map_reservation(struct smi_arena *arena)
{
	struct smi_pools *pools = &arena->pools, *cells = &arena->guarded.pools;
	int code;

	if (smi_pool_map(pools, cells->geometry.reserve_bytes) != 0)
		return -1;
	smi_pool_map_behind(cells, pools);
	if (smi_pool_lock_key_page(pools) == 0)
		return 0;
	code = errno;
	smi_pool_release(pools);
	errno = code;
	return -1;
}

/* Map metadata, reservation and key page. NULL with errno and *refused. */
static struct smi_arena *map_all(const struct plans *plans,
                                 const struct smi_arena_plan *plan,
                                 struct smi_refusal *refused)
{
	struct smi_arena *arena = map_metadata(plans, plan, refused);

	if (arena == NULL)
		return NULL;
	smi_os_start_lock(&arena->lock);
	if (map_reservation(arena) != 0) {
		int code = errno;

		*refused = arena->pools.refused;
		unmap_metadata(arena);
		errno = code;
		return NULL;
	}
	return arena;
}

/*
 * As map_all(), but a default max_pools is halved until the addresses can be
 * reserved, for example under RLIMIT_AS.
 */
static struct smi_arena *map_what_fits(const struct smi_arena_plan *plan,
                                       struct smi_refusal *refused)
{
	size_t page = smi_os_page_bytes();
	struct plans plans;
	size_t least = plan->initial_pools > 0 ? plan->initial_pools : 1;
	size_t max = plan->max_pools;

	for (;;) {
		struct smi_arena *arena;

		if (smi_geometry_plan(&plans.pools, page, plan->pool_bytes,
		                      plan->pool_is_default, max)
		            != SMI_GEOMETRY_FITS
		    || smi_geometry_plan(&plans.cells, page, plan->cell_bytes,
		                         false,
		                         smi_lifecycle_cells(plan, page, max))
		               != SMI_GEOMETRY_FITS) {
			errno = EINVAL;
			return NULL;
		}
		arena = map_all(&plans, plan, refused);
		if (arena != NULL || (errno != ENOMEM && errno != EAGAIN)
		    || !plan->max_is_default || max == least)
			return arena;
		max = max / 2 > least ? max / 2 : least;
	}
}

/*
 * Lock and keep a piece of the initial pools: all of them if they are joined,
 * and then, near the lock limit, the last one may be smaller. -1 with errno.
 */
static int lock_initial_pools(struct smi_arena *arena,
                              const struct smi_arena_plan *plan)
{
	struct smi_pools *pools = &arena->pools;
	bool joined = pools->geometry.joined;
	size_t bytes = plan->pool_bytes * (joined ? plan->initial_pools : 1);

	while (pools->count < plan->initial_pools) {
		struct smi_piece piece = {.bytes = bytes};
		size_t least = bytes;

		if (joined)
			least -= plan->pool_bytes - pools->geometry.page_bytes;
		else
			piece.offset = smi_pool_new_gap(pools, bytes).offset;
		if (smi_pool_lock(pools, &piece, least) != 0)
			return -1;
		smi_pool_keep(pools, &piece);
		smi_arena_add(arena, &piece);
	}
	arena->initial_bytes = pools->bytes;
	return 0;
}

/* Say why not all pools, or guarded cells, could be locked. */
static int explain(const struct smi_arena *arena, const struct smi_pools *pools,
                   struct smi_lock_shortage *shortage)
{
	shortage->refused = pools->refused;
	shortage->pools_locked = pools->count;
	shortage->pool_bytes = pools->bytes;
	shortage->bytes_locked = smi_arena_locked_bytes(arena);
	smi_shortage_explain(shortage);
	return -1;
}

/*
 * Lock the guarded cells and the initial pools. -1 with errno and words.
 *
 * Cells come first, because near the lock limit a pool takes all that is left.
 */
static int lock_all(struct smi_arena *arena, const struct smi_arena_plan *plan,
                    struct smi_lock_shortage *shortage)
{
	if (!smi_guarded_chunks_prepare(arena, plan->guarded_chunks)) {
		shortage->what = "guarded cells";
		shortage->pools_wanted = plan->guarded_chunks;
		return explain(arena, &arena->guarded.pools, shortage);
	}
	if (smi_pool_open_strips(&arena->pools,
	                         strides_in_cores(&arena->pools, plan))
	            != 0
	    || lock_initial_pools(arena, plan) != 0)
		return explain(arena, &arena->pools, shortage);
	return 0;
}

/* The most that lock_all() locks in one step. */
static size_t largest_bytes(const struct smi_arena_plan *plan)
{
	size_t bytes = smi_os_page_bytes();

	if (plan->initial_pools > 0)
		bytes = plan->pool_bytes
		        * (plan->pool_is_default ? plan->initial_pools : 1);
	return plan->guarded_chunks > 0 && plan->cell_bytes > bytes
	               ? plan->cell_bytes
	               : bytes;
}

static struct smi_arena *create(const struct smi_arena_plan *plan)
{
	int code = errno;
	struct smi_lock_shortage shortage = {
		.call = plan->call,
		.what = "pools",
		.moment = plan->in_child ? SMI_AT_INIT_IN_CHILD : SMI_AT_INIT,
		.secret = plan->secret,
		.pools_wanted = plan->initial_pools,
		.largest_bytes = largest_bytes(plan),
		.bytes_wanted = plan->initial_pools * plan->pool_bytes
	                        + plan->guarded_chunks * plan->cell_bytes
	                        + smi_os_page_bytes(),
	};
	struct smi_arena *arena = map_what_fits(plan, &shortage.refused);
	struct smi_secrets *secrets;

	if (arena == NULL) {
		if (errno == EINVAL)
			smi_last_error_set(
				EINVAL,
				"%s: max_pools %zu with pool_size %zu is more "
				"than this library supports",
				plan->call, plan->max_pools, plan->pool_bytes);
		else
			smi_shortage_explain(&shortage);
		if (errno == EAGAIN)
			errno = ENOMEM;
		return NULL;
	}
	arena->call = plan->call;
	arena->on_fault = plan->on_fault;
	arena->initial_pools = plan->initial_pools;
	arena->initial_cells = plan->guarded_chunks;
	arena->no_dump = plan->no_dump;
	arena->low_bytes = plan->low_bytes;
	arena->on_low = plan->on_low;
	secrets = smi_pool_key_page(&arena->pools);
	smi_run_start(&arena->runs, &arena->pools);
	smi_slab_start(&arena->slabs, &arena->runs, secrets, plan->check_whole);
	smi_tcaches_start(&arena->caches, &arena->slabs, plan->no_membarrier);
	smi_guarded_start(&arena->guarded, &secrets->canary, plan->check_whole);
	if (smi_os_entropy(secrets, sizeof(*secrets)) != 0) {
		smi_last_error_set(errno,
		                   "%s: the kernel provided no random bytes "
		                   "for the canary key",
		                   plan->call);
		goto fail;
	}
	secrets->canary.mul |= 1;
	if (lock_all(arena, plan, &shortage) != 0)
		goto fail;
	/* Attempts at larger sizes may have failed, and set it. */
	errno = code;
	return arena;
fail:
	code = errno;
	smi_lifecycle_destroy(arena);
	errno = code;
	return NULL;
}

/* An arena has memory of one kind only, so if not all of it can be secret, all
 * of it is ordinary locked memory. */
struct smi_arena *smi_lifecycle_create(const struct smi_arena_plan *plan)
{
	struct smi_arena_plan other = *plan;
	int code = errno;
	struct smi_arena *arena = create(plan);

	if (arena != NULL || !plan->secret_is_wish)
		return arena;
	other.secret = false;
	arena = create(&other);
	if (arena != NULL)
		errno = code;
	return arena;
}

void smi_lifecycle_destroy(struct smi_arena *arena)
{
	smi_guarded_wipe(&arena->guarded);
	smi_pool_unmap(&arena->pools);
	unmap_metadata(arena);
}

void smi_lifecycle_abandon(struct smi_arena *arena)
{
	if (!arena->pools.secret) {
		smi_lifecycle_destroy(arena);
		return;
	}
	smi_pool_release(&arena->pools);
	unmap_metadata(arena);
}
