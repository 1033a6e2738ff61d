/*
 * verify_process.h - whether the process can get privileges back, or be dumped
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SMI_VERIFY_PROCESS_H
#define SMI_VERIFY_PROCESS_H

#include "base/base.h"
#include "report/verdict.h"

/*
 * Check each thread, as asked: that its uids are one that is not 0, and its
 * gids too, and that no capability gets others; that it has no capability.
 */
void smi_verify_process_threads(bool ids, bool capabilities,
                                struct smi_verdict *verdict);

/* That the process is not dumpable. `no_dump`: it was made so once. */
void smi_verify_process_dumpable(bool no_dump, struct smi_verdict *verdict);

/* That its core limit stops a core dump wherever that would go. */
void smi_verify_process_core_limit(struct smi_verdict *verdict);

#endif /* SMI_VERIFY_PROCESS_H */
