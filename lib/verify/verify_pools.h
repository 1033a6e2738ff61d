/*
 * verify_pools.h - whether what an arena has locked is still kept safe
 *
 * The state is read back from the kernel, range by range. The caller holds the
 * arena's lock.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SMI_VERIFY_POOLS_H
#define SMI_VERIFY_POOLS_H

#include "arena/arena.h"
#include "base/base.h"
#include "report/verdict.h"

/*
 * Check that the key page, all pools and all cells are mapped. With `locks`,
 * check that they are locked and resident. With `advice`, check that the kernel
 * still keeps the advice about them.
 */
void smi_verify_pools_check(const struct smi_arena *arena, bool locks,
                            bool advice, struct smi_verdict *verdict);

#endif /* SMI_VERIFY_POOLS_H */
