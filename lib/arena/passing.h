/*
 * passing.h - an arena across a fork
 *
 * This module is for children that get a copy of the arena. The parent holds
 * the arena's lock, and stops all caches except the forking thread's, from
 * before the fork until after it, so that the child's copy is consistent.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SMI_PASSING_H
#define SMI_PASSING_H

#include "arena/arena.h"
#include "base/base.h"

#include <signal.h>

/*
 * Let children of later forks have a copy, or not. Does nothing if the fork
 * policy gives them one anyway. At no time does a child get the pools without
 * the metadata. -1 with errno from smi_os_advise().
 */
int smi_passing_share(struct smi_arena *arena, bool share);

/*
 * A fork that is in progress. The parent waits at a gate until the child has
 * locked its copy. If either of them wrote to a shared page before that, the
 * child would keep the old content in a page that is not locked. So meanwhile
 * no thread of the parent allocates or frees; but nothing stops a thread that
 * writes to a chunk it already has. A child that is stopped, or far too slow,
 * does not hold the parent for ever: the parent goes on, and the child cannot
 * adopt its copy any more.
 */
struct smi_passing {
	bool at_rest;  /* all caches are stopped for certain */
	int gate_code; /* the errno for which there is no gate, or 0 */
	int gate[2];
};

/*
 * Prepare for a fork, under the arena's lock. `own` is the cache of the forking
 * thread, or NULL. If something fails here, smi_passing_adopt() reports it.
 */
void smi_passing_begin(struct smi_passing *passing, struct smi_arena *arena,
                       const struct smi_tcache *own);

/*
 * Wait for the child, in the parent after the fork. The lock is still held, and
 * all signals are blocked. A pending signal that `mask` does not block shortens
 * the wait for a silent child.
 */
void smi_passing_wait(struct smi_passing *passing, struct smi_arena *arena,
                      const sigset_t *mask);

/* Announce the child to the parent, before anything else in the child. */
void smi_passing_enter(struct smi_passing *passing);

/* Note in the child that it may share all pages with the parent. */
void smi_passing_inherit(struct smi_arena *arena);

/*
 * Make the copy the child's own: lock it, let the parent go on, seed its random
 * numbers anew, and take back the caches of threads that the child does not
 * have. The lock is still held afterwards, and the caches run again. -1 with
 * errno and words: the caller has to destroy the copy.
 */
int smi_passing_adopt(struct smi_passing *passing, struct smi_arena *arena,
                      const struct smi_tcache *own);

/* Let the parent go on if it still waits, after the copy was destroyed. */
void smi_passing_end(struct smi_passing *passing);

#endif /* SMI_PASSING_H */
