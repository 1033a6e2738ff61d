/*
 * verify.h - whether what was promised still holds, as the kernel sees it
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SMI_VERIFY_H
#define SMI_VERIFY_H

#include "base/base.h"

/* What can be checked. */
#define SMI_VERIFY_LOCKED       0x1u
#define SMI_VERIFY_ADVICE       0x2u
#define SMI_VERIFY_IDS          0x4u
#define SMI_VERIFY_CAPABILITIES 0x8u
#define SMI_VERIFY_DUMPABLE     0x10u
#define SMI_VERIFY_CORE         0x20u
#define SMI_VERIFY_SECRET       0x40u

/* What 0 stands for: a locked arena is as it should be, too. */
#define SMI_VERIFY_ALL (SMI_VERIFY_SECRET - 1)

/* Those that look at the arena. */
#define SMI_VERIFY_POOLS \
	(SMI_VERIFY_LOCKED | SMI_VERIFY_ADVICE | SMI_VERIFY_SECRET)

/*
 * Make the checks that are asked for, 0 is all but the last. 0, or -1 with
 * words: EPERM (one failed), ENOTSUP (one could not be made), ENXIO (no arena),
 * EINVAL (unknown bits).
 */
int smi_verify_arena(unsigned checks, const char *call);

#endif /* SMI_VERIFY_H */
