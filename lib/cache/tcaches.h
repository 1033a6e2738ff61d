/*
 * tcaches.h - the caches of an arena's threads
 *
 * There is a fixed number of caches, made with the arena, so that a thread that
 * gets one needs nothing from the kernel. A thread that finds none free works
 * without, under the arena's lock. All calls are made under that lock.
 *
 * To stop caches, their flags are set, one barrier is run on all processors
 * that run a thread of the process, and each cache that is busy is waited for:
 * its owner is in the middle of a few dozen instructions. How owner and stopper
 * see each other is told in tcache.h.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SMI_TCACHES_H
#define SMI_TCACHES_H

#include "base/base.h"
#include "cache/tcache.h"

#define SMI_TCACHES 128u

/* What all caches together may hold is so small a part of the pools. */
#define SMI_TCACHES_PART ((size_t)8)

struct smi_tcaches {
	struct smi_tcache *all; /* SMI_TCACHES, set by the caller */
	const struct smi_slabs *slabs;
	uint32_t ever;     /* from this one on none had an owner */
	uint32_t attached; /* have one */
	uint32_t stops;    /* not yet resumed; a fork may hold one */
	bool fenced;       /* the owners run their own barriers */
};

/*
 * Make the caches in caches->all, which is zeroed. `fenced`: do not even ask
 * for membarrier(2).
 */
void smi_tcaches_start(struct smi_tcaches *caches,
                       const struct smi_slabs *slabs, bool fenced);

/* In the child of a fork: ask for the barrier again. Linux lets the child have
 * what the parent was granted, but does not promise it. Should it be refused
 * now, stopping will tell. */
void smi_tcaches_renew(struct smi_tcaches *caches);

/* A cache for the calling thread, or NULL. */
struct smi_tcache *smi_tcaches_attach(struct smi_tcaches *caches);

/* The thread needs its cache, which is empty, no more. */
void smi_tcaches_detach(struct smi_tcaches *caches, struct smi_tcache *cache);

/*
 * Stop all caches but `own`, the calling thread's, which may be NULL. False:
 * the kernel refused the barrier, which it had granted before, so that an owner
 * which is just becoming busy may not have been seen: the caches must not be
 * touched. Either way smi_tcaches_resume() follows. Both may be done again in
 * between: the last resume counts.
 */
bool smi_tcaches_stop(struct smi_tcaches *caches, const struct smi_tcache *own);
void smi_tcaches_resume(struct smi_tcaches *caches);

/* Close all caches for good, as far as owners have not begun. It makes no
 * system call. */
void smi_tcaches_close(struct smi_tcaches *caches);

#endif /* SMI_TCACHES_H */
