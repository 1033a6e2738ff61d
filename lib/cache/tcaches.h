/*
 * tcaches.h - the caches of an arena's threads
 *
 * A fixed number of caches is made with the arena, so that attaching one to a
 * thread needs nothing from the kernel. A thread that finds no free cache works
 * under the arena's lock instead. The caller of every function here holds that
 * lock.
 *
 * To stop caches, the caller sets their flags, runs one barrier on all
 * processors that run a thread of the process, and waits for each cache that is
 * busy: its owner is in the middle of a few dozen instructions. tcache.h
 * describes how owner and stopper see each other.
 *
 * Invariants:
 *   K4  `granted` is the sum of the bytes that all caches were granted.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SMI_TCACHES_H
#define SMI_TCACHES_H

#include "base/base.h"
#include "cache/tcache.h"

#define SMI_TCACHES 128u

/* All caches together are granted at most one part in this many of the
 * pools. */
#define SMI_TCACHES_PART ((size_t)8)

struct smi_tcaches {
	struct smi_tcache *all; /* SMI_TCACHES, set by the caller */
	const struct smi_slabs *slabs;
	uint32_t ever;     /* caches that ever had an owner, the first ones */
	uint32_t attached; /* caches that have an owner */
	uint32_t stops;    /* not yet resumed; a fork may hold one */
	size_t granted;    /* K4, kept by the caller */
	bool fenced;       /* owners run barriers of their own */
};

/*
 * Set up the caches in caches->all, which is zeroed. With `fenced` the kernel
 * is not even asked for membarrier(2).
 */
void smi_tcaches_start(struct smi_tcaches *caches,
                       const struct smi_slabs *slabs, bool fenced);

/*
 * Register for the barrier again, in the child of a fork. Linux lets a child
 * inherit the registration, but does not promise it. If the kernel refuses,
 * smi_tcaches_stop() reports that.
 */
void smi_tcaches_renew(struct smi_tcaches *caches);

/* A cache for the calling thread, or NULL. */
struct smi_tcache *smi_tcaches_attach(struct smi_tcaches *caches);

/* Take an empty cache back from its owner. */
void smi_tcaches_detach(struct smi_tcaches *caches, struct smi_tcache *cache);

/*
 * Stop all caches except `own`, the calling thread's, which may be NULL. False
 * if the kernel refused a barrier that it used to grant: an owner that is just
 * becoming busy may then have been missed, and the caches must not be touched.
 * smi_tcaches_resume() has to follow either way. Calls may nest; the caches run
 * again after the last resume.
 */
bool smi_tcaches_stop(struct smi_tcaches *caches, const struct smi_tcache *own);
void smi_tcaches_resume(struct smi_tcaches *caches);

/*
 * Whether what was found while the caches were stopped may be believed: that
 * all is sound, or damage. Damage may also be the change that a thread is just
 * making, if the caches were not stopped for certain. The change ends, and
 * damage remains. So this waits a moment, and returns false for some times.
 * `times` begins with 0.
 */
bool smi_tcaches_is_final(bool sound, bool certain, unsigned *times);

/* Close all caches for good. An owner that is already busy may finish its call.
 * Makes no system call. */
void smi_tcaches_close(struct smi_tcaches *caches);

#endif /* SMI_TCACHES_H */
