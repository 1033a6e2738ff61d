/*
 * audit.h - whether an arena is sound
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SMI_AUDIT_H
#define SMI_AUDIT_H

#include "arena/arena.h"
#include "base/base.h"
#include "report/misuse.h"

/*
 * Check the invariants of every module, every canary, and that all free memory
 * reads as zero. False with *misuse. The caller holds the arena's lock, and
 * `cache` is the calling thread's, or NULL.
 */
bool smi_audit_arena(struct smi_arena *arena, const struct smi_tcache *cache,
                     struct smi_misuse *misuse);

#endif /* SMI_AUDIT_H */
