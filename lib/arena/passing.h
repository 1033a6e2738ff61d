/*
 * passing.h - an arena across a fork
 *
 * For children that are to have a copy of it. In the parent the arena's lock is
 * held and all caches but the forking thread's are stopped from before the fork
 * until after it; so the child finds whole structures.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SMI_PASSING_H
#define SMI_PASSING_H

#include "arena/arena.h"
#include "base/base.h"

/*
 * Let children that are forked from now on have a copy, or not. Nothing to do
 * where the policy says that they have one. -1 with errno from smi_os_advise().
 */
int smi_passing_share(struct smi_arena *arena, bool share);

/*
 * A fork that is under way. The parent waits at a gate until the child has
 * locked its copy: a page that is written to in the meantime, here or there, is
 * left to the child, and nothing locks it. Nobody takes or frees a chunk then;
 * only a thread that writes to one of its own is not held up.
 */
struct smi_passing {
	bool at_rest;  /* all caches are stopped, for certain */
	int gate_code; /* why there is no gate, or 0 */
	int gate[2];
};

/*
 * Before the fork, under the arena's lock. `own` is the cache of the thread
 * that forks, or NULL. It cannot fail, but then smi_passing_adopt() does.
 */
void smi_passing_begin(struct smi_passing *passing, struct smi_arena *arena,
                       const struct smi_tcache *own);

/* After it, in the parent; the lock is still held. */
void smi_passing_wait(struct smi_passing *passing, struct smi_arena *arena);

/* After it, in the child, first of all: what it has, it may share. */
void smi_passing_inherit(struct smi_arena *arena);

/*
 * After it, in the child: lock the copy, give back what the caches of threads
 * hold that are not in it, and let it go another way with random numbers. The
 * lock is still held, the caches are resumed. -1 with errno and words: the copy
 * is to be destroyed.
 */
int smi_passing_adopt(const struct smi_passing *passing,
                      struct smi_arena *arena, const struct smi_tcache *own);

/* Last of all in the child: let the parent go on. */
void smi_passing_end(struct smi_passing *passing);

#endif /* SMI_PASSING_H */
