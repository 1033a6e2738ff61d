/*
 * verify.h - whether the kernel still keeps what the library promises
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SMI_VERIFY_H
#define SMI_VERIFY_H

#include "base/base.h"

/*
 * Make the checks that the bits ask for; 0 means all except
 * SECMALLOC_VERIFY_SECRET. 0, or -1 with words: EPERM (a check failed), ENOTSUP
 * (a check could not be made), ENXIO (no arena), EINVAL (unknown bits).
 */
int smi_verify_arena(unsigned checks);

#endif /* SMI_VERIFY_H */
