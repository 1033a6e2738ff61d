/*
 * lifecycle.h - making an arena from a plan, and ending it
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SMI_LIFECYCLE_H
#define SMI_LIFECYCLE_H

#include "arena/arena.h"
#include "base/base.h"

/* What an arena is made from: a checked configuration. */
struct smi_arena_plan {
	const char *call; /* the failing call, for messages */
	size_t pool_bytes;
	size_t initial_pools;
	size_t max_pools;
	size_t max_bytes;  /* of all pools, in whole pages; 0: no maximum */
	size_t cell_bytes; /* of an ordinary guarded cell */
	size_t guarded_chunks;
	bool max_is_default;  /* fewer will do if addresses are scarce */
	bool pool_is_default; /* less will do near the lock limit */
	bool check_whole;
	bool no_membarrier;
	bool secret;         /* in memory that only this process can read */
	bool secret_is_wish; /* ordinary locked memory will do instead */
	uint32_t fork;       /* SECMALLOC_FORK_ */
	bool no_dump;
	bool in_child; /* made by a fork, and not by a call */
	void (*on_fault)(const char *line);
	size_t low_bytes; /* 0 without on_low */
	void (*on_low)(size_t free_bytes);
};

/* The most guarded cells of an arena with max_pools pools. By default they take
 * no more addresses than pools do by default. */
static inline size_t smi_lifecycle_cells(const struct smi_arena_plan *plan,
                                         size_t page_bytes, size_t max_pools)
{
	size_t most = smi_geometry_default_max(page_bytes, plan->cell_bytes,
	                                       false, 1);

	if (plan->max_is_default && max_pools > most)
		max_pools = most;
	return plan->guarded_chunks + max_pools;
}

/*
 * Make an arena and lock its initial pools. NULL with errno and words: EPERM,
 * ENOMEM, EINVAL (sizes of the plan multiply to more than fits), ENOSYS, and
 * the errors of smi_os_open_secret(). Nothing stays mapped then. If
 * secret_is_wish was set and secret memory could not be had, the call succeeds
 * and the words say why.
 */
struct smi_arena *smi_lifecycle_create(const struct smi_arena_plan *plan);

/* Wipe and unmap an arena that no thread uses. */
void smi_lifecycle_destroy(struct smi_arena *arena);

/* Unmap a child's copy of an arena, and wipe what is the child's own. Secret
 * memory is still shared with the parent, and so is not wiped. */
void smi_lifecycle_abandon(struct smi_arena *arena);

#endif /* SMI_LIFECYCLE_H */
