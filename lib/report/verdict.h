/*
 * verdict.h - the result of several checks, in one message
 *
 * The caller owns the verdict; no lock is needed.
 *
 * Invariants:
 *   V1  The text holds each finding in full or not at all. Findings that did
 *       not fit are counted in left_out.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SMI_VERDICT_H
#define SMI_VERDICT_H

#include "base/base.h"
#include "base/text.h"
#include "report/last_error.h"

struct smi_verdict {
	const char *call;
	size_t found, left_out;
	bool failed; /* whether a check failed, rather than could not be made */
	struct smi_text text;
	char words[SMI_LAST_ERROR_BYTES];
};

void smi_verdict_start(struct smi_verdict *verdict, const char *call);

/* Add that a check failed: what was found, and the remedy. */
void smi_verdict_fail(struct smi_verdict *verdict, const char *format, ...)
	SMI_PRINTF(2, 3);

/* Add that a check could not be made, and why. */
void smi_verdict_unknown(struct smi_verdict *verdict, const char *format, ...)
	SMI_PRINTF(2, 3);

/* Add that a check could not be made because the system did not report
 * something, as smi_unread_explain(). */
void smi_verdict_unread(struct smi_verdict *verdict, const char *file,
                        const char *what, int code);

/*
 * Returns 0 if nothing was added. Otherwise returns -1 with the thread's
 * message set and with errno: EPERM if a check failed, ENOTSUP if none failed
 * but at least one could not be made.
 */
int smi_verdict_give(struct smi_verdict *verdict);

#endif /* SMI_VERDICT_H */
