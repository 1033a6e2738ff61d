/*
 * nodump.h - what SECMALLOC_NODUMP does to the process
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SMI_NODUMP_H
#define SMI_NODUMP_H

#include "base/base.h"

/*
 * Make the process undumpable, and set its core limit, soft and hard, to one
 * that stops dumps to files and to pipes: 1 on Linux. A hard limit of 0 that
 * cannot be raised is kept, unless core_pattern is a pipe. -1 with words:
 * EPERM, and nothing has changed, except on macOS, where undumpable is final;
 * or ENOTSUP if this system cannot keep a process from being traced.
 */
int smi_nodump_apply(void);

#endif /* SMI_NODUMP_H */
