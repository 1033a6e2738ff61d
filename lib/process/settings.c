/*
 * settings.c - a configuration, checked and with its defaults filled in
 *
 * SPDX-License-Identifier: ISC
 */
#include "process/settings.h"

#include "chunk/guarded.h"
#include "os/os.h"
#include "report/last_error.h"
#include "space/geometry.h"

#include <errno.h>
#include <secmalloc.h>

#define FLAGS                                                               \
	(SECMALLOC_CHECK_WHOLE | SECMALLOC_NO_MEMBARRIER | SECMALLOC_NODUMP \
	 | SECMALLOC_EXPLAIN_FAULTS)

static const char call[] = "secmalloc_init";

/* Check the fields that can be judged one by one. */
static int check_form(const struct secmalloc_config *c)
{
	size_t words = sizeof(c->reserved) / sizeof(c->reserved[0]);

	if (c->version != 0)
		return smi_last_error_set(
			EINVAL,
			"%s: version is %zu, but this library knows only 0",
			call, (size_t)c->version);
	if ((c->flags & ~FLAGS) != 0)
		return smi_last_error_set(EINVAL,
		                          "%s: flags is %zu, which has bits "
		                          "that this library does not know",
		                          call, (size_t)c->flags);
	if (c->backing > SECMALLOC_BACKING_AUTO)
		return smi_last_error_set(EINVAL,
		                          "%s: backing is %zu, but must be 0 "
		                          "(LOCKED), 1 (SECRET) or 2 (AUTO)",
		                          call, (size_t)c->backing);
	if (c->fork > SECMALLOC_FORK_WIPE)
		return smi_last_error_set(EINVAL,
		                          "%s: fork is %zu, which is not a "
		                          "policy that this library knows",
		                          call, (size_t)c->fork);
	for (size_t i = 0; i < words; i++)
		if (c->reserved[i] != 0)
			return smi_last_error_set(
				EINVAL,
				"%s: reserved[%zu] is %zu, but must be 0", call,
				i, c->reserved[i]);
	return 0;
}

static int check_low(const struct secmalloc_config *c)
{
	if ((c->low_bytes == 0) == (c->on_low == NULL))
		return 0;
	return smi_last_error_set(EINVAL,
	                          "%s: low_bytes is %zu but on_low is %s: set "
	                          "both or neither",
	                          call, c->low_bytes,
	                          c->on_low == NULL ? "NULL" : "set");
}

static int check_pool_size(const struct smi_arena_plan *plan)
{
	size_t page_bytes = smi_os_page_bytes();
	struct smi_geometry geometry;

	switch (smi_geometry_plan(&geometry, page_bytes, plan->pool_bytes,
	                          plan->pool_is_default, 1)) {
	case SMI_GEOMETRY_POOL_PAGES:
		return smi_last_error_set(EINVAL,
		                          "%s: pool_size is %zu, which is not "
		                          "a multiple of the page size, %zu",
		                          call, plan->pool_bytes, page_bytes);
	case SMI_GEOMETRY_TOO_LARGE:
		return smi_last_error_set(EINVAL,
		                          "%s: pool_size is %zu, which is "
		                          "more than this library supports",
		                          call, plan->pool_bytes);
	case SMI_GEOMETRY_FITS:
		break;
	}
	return 0;
}

/*
 * Reserve no more addresses by default than max_bytes needs. That is twice its
 * size: a large chunk needs addresses side by side, while what is in use may be
 * scattered; and a pool that is larger than pool_size is counted rounded up.
 */
static void limit_default_max(struct smi_arena_plan *plan)
{
	size_t pools = (plan->max_bytes - 1) / plan->pool_bytes + 1;

	if (pools < plan->max_pools / 2)
		plan->max_pools = pools * 2;
}

static int check_max_bytes(const struct smi_arena_plan *plan,
                           const struct secmalloc_config *c)
{
	size_t least = plan->pool_is_default ? smi_os_page_bytes()
	                                     : plan->pool_bytes;

	if (c->max_bytes == 0)
		return 0;
	if (plan->max_bytes < least)
		return smi_last_error_set(EINVAL,
		                          "%s: max_bytes is %zu, which is less "
		                          "than the smallest pool, %zu",
		                          call, c->max_bytes, least);
	if (plan->initial_pools > plan->max_bytes / plan->pool_bytes)
		return smi_last_error_set(
			EINVAL,
			"%s: initial_pools is %zu, which with pool_size %zu is "
			"more than max_bytes, %zu",
			call, plan->initial_pools, plan->pool_bytes,
			c->max_bytes);
	return 0;
}

static int check_pools(const struct smi_arena_plan *plan)
{
	struct smi_geometry geometry;

	if (plan->initial_pools > plan->max_pools)
		return smi_last_error_set(EINVAL,
		                          "%s: initial_pools is %zu, which is "
		                          "more than max_pools, %zu",
		                          call, plan->initial_pools,
		                          plan->max_pools);
	if (smi_geometry_plan(&geometry, smi_os_page_bytes(), plan->pool_bytes,
	                      plan->pool_is_default, plan->max_pools)
	    != SMI_GEOMETRY_FITS)
		return smi_last_error_set(
			EINVAL,
			"%s: %s is %zu, which with pool_size %zu is more than "
			"this library supports",
			call,
			plan->max_is_default ? "initial_pools" : "max_pools",
			plan->max_pools, plan->pool_bytes);
	return 0;
}

static int check_guarded(const struct smi_arena_plan *plan,
                         const struct secmalloc_config *c)
{
	size_t page_bytes = smi_os_page_bytes(), sum;
	struct smi_geometry geometry;

	if (plan->cell_bytes == SIZE_MAX
	    || smi_geometry_plan(&geometry, page_bytes, plan->cell_bytes, false,
	                         1)
	               != SMI_GEOMETRY_FITS)
		return smi_last_error_set(EINVAL,
		                          "%s: guarded_size is %zu, which is "
		                          "more than this library supports",
		                          call, c->guarded_size);
	if (smi_add_overflows(plan->guarded_chunks, plan->max_pools, &sum)
	    || smi_geometry_plan(&geometry, page_bytes, plan->cell_bytes, false,
	                         smi_lifecycle_cells(plan, page_bytes,
	                                             plan->max_pools))
	               != SMI_GEOMETRY_FITS)
		return smi_last_error_set(
			EINVAL,
			"%s: guarded_chunks is %zu, which with guarded_size "
			"%zu is more than this library supports",
			call, plan->guarded_chunks, c->guarded_size);
	return 0;
}

int smi_settings_plan(struct smi_arena_plan *plan,
                      const struct secmalloc_config *config)
{
	static const struct secmalloc_config defaults;
	const struct secmalloc_config *c = config != NULL ? config : &defaults;
	size_t page_bytes = smi_os_page_bytes();

	if (check_form(c) != 0 || check_low(c) != 0)
		return -1;
	*plan = (struct smi_arena_plan){
		.call = call,
		.pool_bytes = c->pool_size,
		.initial_pools = c->initial_pools,
		.max_pools = c->max_pools,
		.max_bytes = smi_round_down(c->max_bytes, page_bytes),
		.cell_bytes = smi_guarded_cell_bytes(c->guarded_size,
	                                             page_bytes),
		.guarded_chunks = c->guarded_chunks,
		.pool_is_default = c->pool_size == 0,
		.max_is_default = c->max_pools == 0,
		.check_whole = (c->flags & SECMALLOC_CHECK_WHOLE) != 0,
		.no_membarrier = (c->flags & SECMALLOC_NO_MEMBARRIER) != 0,
		.secret = c->backing != SECMALLOC_BACKING_LOCKED,
		.secret_is_wish = c->backing == SECMALLOC_BACKING_AUTO,
		.fork = c->fork,
		.no_dump = (c->flags & SECMALLOC_NODUMP) != 0,
		.on_fault = c->on_fault,
		.low_bytes = c->low_bytes,
		.on_low = c->on_low,
	};
	if (plan->pool_is_default)
		plan->pool_bytes = smi_geometry_default_pool(page_bytes);
	if (plan->max_is_default)
		plan->max_pools =
			smi_geometry_default_max(page_bytes, plan->pool_bytes,
		                                 plan->pool_is_default,
		                                 plan->initial_pools);
	if (plan->max_is_default && plan->max_bytes > 0)
		limit_default_max(plan);
	if (check_pool_size(plan) != 0 || check_max_bytes(plan, c) != 0
	    || check_pools(plan) != 0)
		return -1;
	return check_guarded(plan, c);
}
