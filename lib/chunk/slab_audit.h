/*
 * slab_audit.h - whether the slabs of a pool are sound
 *
 * The caller holds the arena's lock, and all caches are stopped.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SMI_SLAB_AUDIT_H
#define SMI_SLAB_AUDIT_H

#include "base/base.h"
#include "chunk/slab.h"
#include "report/misuse.h"

/* The sums of an audit over all pools. */
struct smi_slab_sums {
	size_t chunks, chunk_bytes; /* live */
	size_t lent, taken_bytes;   /* slots in caches; bytes of slots not
	                               free */
	uint32_t units[SMI_CLASSES];
};

/* Check S1 to S7 for every slab of a pool, and that free units read as zero.
 * Add the pool's figures to *sums. False with *misuse. */
bool smi_slab_audit_run(const struct smi_slabs *slabs, uint32_t pool,
                        struct smi_slab_sums *sums, struct smi_misuse *misuse);

/*
 * Check the lists and the sums over all pools (S3, S8, S9). False with
 * *misuse.
 */
bool smi_slab_audit_lists(const struct smi_slabs *slabs,
                          const struct smi_slab_sums *sums,
                          struct smi_misuse *misuse);

#endif /* SMI_SLAB_AUDIT_H */
