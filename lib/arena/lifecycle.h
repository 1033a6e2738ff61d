/*
 * lifecycle.h - making an arena from a plan, and ending it
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SMI_LIFECYCLE_H
#define SMI_LIFECYCLE_H

#include "arena/arena.h"
#include "base/base.h"

/* What an arena is made from: a configuration that was checked. */
struct smi_arena_plan {
	const char *call; /* what messages name as the failing call */
	size_t pool_bytes;
	size_t initial_pools;
	size_t max_pools;
	size_t cell_bytes; /* of an ordinary guarded cell */
	size_t guarded_chunks;
	bool max_is_default;  /* less will do, where addresses are short */
	bool pool_is_default; /* less will do, where the lock limit is near */
	bool check_whole;
	bool no_membarrier;
	bool secret;         /* in memory that only this process can read */
	bool secret_is_wish; /* other locked memory will do, where there is
	                        none of that */
	uint32_t fork;       /* SECMALLOC_FORK_ */
	bool no_dump;
	void (*on_fault)(const char *line);
	size_t low_bytes; /* 0: there is no on_low */
	void (*on_low)(size_t free_bytes);
};

/* The most guarded cells that there may be, with so many pools; by default no
 * more than addresses are reserved for unasked. */
static inline size_t smi_lifecycle_cells(const struct smi_arena_plan *plan,
                                        size_t page_bytes, size_t max_pools)
{
	size_t most = smi_geometry_default_max(page_bytes, plan->cell_bytes, 1);

	if (plan->max_is_default && max_pools > most)
		max_pools = most;
	return plan->guarded_chunks + max_pools;
}

/*
 * Make an arena and lock its initial pools; the words name plan->call. NULL
 * with errno and words: EPERM, ENOMEM, EINVAL (the products of the plan do not
 * fit), ENOSYS, and those of smi_os_open_secret(). Nothing stays mapped then.
 * If a wish was not granted, the words say why.
 */
struct smi_arena *smi_lifecycle_create(const struct smi_arena_plan *plan);

/* Wipe and unmap an arena that nobody uses. */
void smi_lifecycle_destroy(struct smi_arena *arena);

/* The same of a child's copy. What it still shares with the parent, as it does
 * secret memory, is not wiped. */
void smi_lifecycle_abandon(struct smi_arena *arena);

#endif /* SMI_LIFECYCLE_H */
