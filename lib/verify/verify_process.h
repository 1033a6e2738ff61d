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
 * Check each thread. With `ids`: all its uids are the same and not 0, likewise
 * its gids, and no capability lets it change them. With `capabilities`: it has
 * no capability.
 */
void smi_verify_process_threads(bool ids, bool capabilities,
                                struct smi_verdict *verdict);

/* Check that the process is not dumpable. `no_dump` tells that
 * SECMALLOC_NODUMP made it undumpable. */
void smi_verify_process_dumpable(bool no_dump, struct smi_verdict *verdict);

/* Check that the core limit stops core dumps to wherever they would go. */
void smi_verify_process_core_limit(struct smi_verdict *verdict);

#endif /* SMI_VERIFY_PROCESS_H */
