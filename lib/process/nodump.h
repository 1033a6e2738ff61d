/*
 * nodump.h - the one thing that changes the process: what SECMALLOC_NODUMP does
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SMI_NODUMP_H
#define SMI_NODUMP_H

#include "base/base.h"

/*
 * Make the process undumpable, and its core limit one that stops dumps wherever
 * they go: 1 on Linux, soft and hard. A hard limit of 0 that cannot be raised
 * stays, unless core_pattern is a pipe. -1 with EPERM and words: nothing
 * changed, but on macOS, where it cannot be undone; or ENOTSUP: nothing keeps a
 * process from being traced here.
 */
int smi_nodump_apply(void);

#endif /* SMI_NODUMP_H */
