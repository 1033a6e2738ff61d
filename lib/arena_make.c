/*
 * arena_make.c - making an arena from a plan, and ending it
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "arena_make.h"

#include "arena_grow.h"
#include "error.h"
#include "limits.h"
#include "os.h"

#include <errno.h>

/* What lies where in the metadata mapping, in bytes from its start. */
struct layout {
	size_t caches, table, best;
	size_t open; /* up to here it is opened at once */
	size_t strips[SMI_STRIPS];
	size_t total;
};

/* What two threads write to is so far apart that they do not share a line. */
#define LINE ((size_t)128)
_Static_assert(sizeof(struct smi_cache) % LINE == 0,
               "a cache shares no line with the next one");

/* Where a part ends that has `bytes` for each pool and begins at `at`. Once one
 * does not fit the addresses, nothing does. */
static size_t after(const struct smi_geometry *g, size_t at, size_t bytes)
{
	size_t size, end;

	if (smi_mul_overflows(g->max_pools, bytes, &size)
	    || smi_add_overflows(at, size, &end)
	    || end > PTRDIFF_MAX - g->page_bytes)
		return PTRDIFF_MAX;
	return end;
}

/* False: it does not fit the addresses. */
static bool plan_layout(const struct smi_pools *pools, struct layout *layout)
{
	const struct smi_geometry *g = &pools->geometry;
	size_t page = g->page_bytes, end;

	layout->caches = page + smi_round_up(sizeof(struct smi_arena), LINE);
	layout->table = layout->caches + SMI_CACHES * sizeof(struct smi_cache);
	layout->best = after(g, layout->table, sizeof(struct smi_pool));
	end = after(g, layout->best, 1);
	layout->open = smi_round_up(end, page);
	end = layout->open;
	for (unsigned i = 0; i < SMI_STRIPS; i++) {
		layout->strips[i] = end;
		end = smi_round_up(after(g, end, pools->strips[i].stride_bytes),
		                   page);
	}
	layout->total = end + page;
	return end <= PTRDIFF_MAX - page;
}

/* Map the metadata and set up the empty arena in it. NULL with errno. */
static struct smi_arena *map_metadata(const struct smi_geometry *g)
{
	struct smi_pools pools = {.geometry = *g};
	struct layout layout;
	struct smi_arena *arena;
	unsigned char *at;

	smi_runs_plan_strips(&pools);
	if (!plan_layout(&pools, &layout)) {
		errno = ENOMEM;
		return NULL;
	}
	at = smi_os_reserve(layout.total);
	if (at == NULL)
		return NULL;
	if (smi_os_open(at + g->page_bytes, layout.open - g->page_bytes)
	    != 0) {
		int code = errno;

		smi_os_release(at, layout.total);
		errno = code;
		return NULL;
	}
	for (unsigned i = 0; i < SMI_STRIPS; i++)
		pools.strips[i].at = at + layout.strips[i];
	pools.table = (struct smi_pool *)(void *)(at + layout.table);
	arena = (struct smi_arena *)(void *)(at + g->page_bytes);
	arena->metadata = at;
	arena->metadata_bytes = layout.total;
	arena->pools = pools;
	arena->runs.best = at + layout.best;
	arena->caches.all = (struct smi_cache *)(void *)(at + layout.caches);
	return arena;
}

static void unmap_metadata(struct smi_arena *arena)
{
	pthread_mutex_destroy(&arena->lock);
	smi_os_release(arena->metadata, arena->metadata_bytes);
}

/*
 * The lock is held for a batch of slots at a time, much shorter than it takes
 * to sleep and be woken: so who waits for it spins a while, where the libc can.
 */
static void start_lock(pthread_mutex_t *lock)
{
	pthread_mutexattr_t attributes;

	pthread_mutexattr_init(&attributes);
#if defined(__GLIBC__)
	pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_ADAPTIVE_NP);
#endif
	pthread_mutex_init(lock, &attributes);
	pthread_mutexattr_destroy(&attributes);
}

/* Metadata, reservation and key page. NULL with errno. */
static struct smi_arena *map_all(const struct smi_geometry *g)
{
	struct smi_arena *arena = map_metadata(g);

	if (arena == NULL)
		return NULL;
	start_lock(&arena->lock);
	if (smi_pools_map(&arena->pools) != 0) {
		int code = errno;

		unmap_metadata(arena);
		errno = code;
		return NULL;
	}
	return arena;
}

/*
 * The same; a default number of pools becomes smaller until the addresses can
 * be reserved, for example under RLIMIT_AS.
 */
static struct smi_arena *map_what_fits(const struct smi_arena_plan *plan,
                                       struct smi_geometry *g)
{
	size_t least = plan->initial_pools > 0 ? plan->initial_pools : 1;
	size_t max = plan->max_pools;

	for (;;) {
		struct smi_arena *arena;

		if (smi_geometry_plan(g, smi_os_page_bytes(), plan->pool_bytes,
		                      max) != SMI_GEOMETRY_FITS) {
			errno = EINVAL;
			return NULL;
		}
		arena = map_all(g);
		if (arena != NULL || errno != ENOMEM || !plan->max_is_default
		    || max == least)
			return arena;
		max = max / 2 > least ? max / 2 : least;
	}
}

/*
 * So many initial pools of the default size lie side by side: each guard costs
 * two mappings, and so time here and at every fork.
 */
#define JOINED_POOLS ((size_t)64)

/* -1 with errno: some of them were locked, or none. */
static int lock_initial_pools(struct smi_arena *arena,
                              const struct smi_arena_plan *plan)
{
	size_t most = arena->pool_is_default ? JOINED_POOLS : 1;

	while (arena->pools.count < plan->initial_pools) {
		size_t pools = plan->initial_pools - arena->pools.count;

		if (pools > most)
			pools = most;
		if (smi_arena_add_pool(arena, pools * plan->pool_bytes,
		                       arena->pools.geometry.page_bytes)
		    == SMI_NONE)
			return -1;
	}
	return 0;
}

struct smi_arena *smi_arena_create(const struct smi_arena_plan *plan,
                                   const char *call)
{
	struct smi_geometry g;
	size_t page = smi_os_page_bytes();
	int code = errno;
	struct smi_lock_shortage shortage = {
		.call = call,
		.pools_wanted = plan->initial_pools,
		.pool_bytes = plan->pool_bytes,
		.bytes_wanted = plan->initial_pools * plan->pool_bytes + page,
	};
	struct smi_arena *arena = map_what_fits(plan, &g);
	struct smi_secrets *secrets;

	if (arena == NULL) {
		if (errno == EINVAL)
			smi_error_set(EINVAL, "%s: max_pools %zu of pool_size "
			              "%zu are more than this library manages",
			              call, plan->max_pools, plan->pool_bytes);
		else
			smi_limits_explain(&shortage);
		return NULL;
	}
	arena->on_fault = plan->on_fault;
	arena->initial_pools = plan->initial_pools;
	arena->pool_is_default = plan->pool_is_default;
	arena->no_dump = plan->no_dump;
	arena->low_bytes = plan->low_bytes;
	arena->on_low = plan->on_low;
	secrets = smi_pools_key_page(&arena->pools);
	smi_runs_start(&arena->runs, &arena->pools);
	smi_slabs_start(&arena->slabs, &arena->runs, secrets,
	                plan->check_whole);
	smi_caches_start(&arena->caches, &arena->slabs, plan->no_membarrier);
	if (smi_os_entropy(secrets, sizeof(*secrets)) != 0) {
		smi_error_set(errno, "%s: the kernel gave no random bytes for "
		              "the canary key", call);
		goto fail;
	}
	secrets->canary.mul |= 1;
	if (smi_pools_open_strips(&arena->pools, (uint32_t)plan->initial_pools)
	    != 0) {
		smi_limits_explain(&shortage);
		goto fail;
	}
	if (lock_initial_pools(arena, plan) != 0) {
		shortage.pools_locked = arena->pools.count;
		smi_limits_explain(&shortage);
		goto fail;
	}
	/* More may have been asked for first than could be had. */
	errno = code;
	return arena;
fail:
	code = errno;
	smi_arena_destroy(arena);
	errno = code;
	return NULL;
}

void smi_arena_destroy(struct smi_arena *arena)
{
	smi_pools_unmap(&arena->pools);
	unmap_metadata(arena);
}
