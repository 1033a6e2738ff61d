/*
 * verify.h - whether what was promised still holds, as the kernel sees it
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SMI_VERIFY_H
#define SMI_VERIFY_H

#include "base/base.h"

/*
 * Make the checks that are asked for, 0 is all but the last. 0, or -1 with
 * words: EPERM (one failed), ENOTSUP (one could not be made), ENXIO (no arena),
 * EINVAL (unknown bits).
 */
int smi_verify_arena(unsigned checks);

#endif /* SMI_VERIFY_H */
