/*
 * arena_make.h - making an arena from a plan, and ending it
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SMI_ARENA_MAKE_H
#define SMI_ARENA_MAKE_H

#include "arena_state.h"
#include "base.h"

/* What an arena is made from: a configuration that was checked. */
struct smi_arena_plan {
	size_t pool_bytes;
	size_t initial_pools;
	size_t max_pools;
	bool max_is_default;  /* less will do, where addresses are short */
	bool pool_is_default; /* less will do, where the lock limit is near */
	bool check_whole;
	bool no_membarrier;
	bool no_dump;
	void (*on_fault)(const char *line);
	size_t low_bytes;     /* 0: there is no on_low */
	void (*on_low)(size_t free_bytes);
};

/*
 * Make an arena and lock its initial pools; `call` is named in the words. NULL
 * with errno and words: EPERM, ENOMEM, EINVAL (the products of the plan do not
 * fit), ENOSYS. Nothing stays mapped then.
 */
struct smi_arena *smi_arena_create(const struct smi_arena_plan *plan,
                                   const char *call);

/* Wipe and unmap an arena that nobody uses. */
void smi_arena_destroy(struct smi_arena *arena);

#endif /* SMI_ARENA_MAKE_H */
