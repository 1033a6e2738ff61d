/*
 * guarded_audit.h - whether the guarded cells are sound
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SMI_GUARDED_AUDIT_H
#define SMI_GUARDED_AUDIT_H

#include "chunk/guarded.h"

/* Wait as smi_guarded_settle() does, and check G1 to G5. The content of a cell
 * that is not readable is not checked. False with *misuse. The caller holds the
 * arena's lock. */
bool smi_guarded_audit_cells(const struct smi_guarded *guarded,
                             struct smi_misuse *misuse);

#endif /* SMI_GUARDED_AUDIT_H */
