/*
 * audit.h - whether an arena is sound
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SMI_AUDIT_H
#define SMI_AUDIT_H

#include "arena_state.h"
#include "base.h"
#include "finding.h"

/*
 * Check the invariants of every module, every canary, and that what is free
 * reads as zero. False with *finding. The caller holds the arena's lock;
 * `cache` is its own, or NULL.
 */
bool smi_audit(struct smi_arena *arena, const struct smi_cache *cache,
               struct smi_finding *finding);

#endif /* SMI_AUDIT_H */
