/*
 * verdict.h - what several checks found, in one message
 *
 * Invariants:
 *   V1  The words hold each finding as a whole or not at all; those that did
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
	bool failed; /* a check, and not only that it could not be made */
	struct smi_text text;
	char words[SMI_LAST_ERROR_BYTES];
};

void smi_verdict_start(struct smi_verdict *verdict, const char *call);

/* A check failed: what was found, and the remedy. */
void smi_verdict_fail(struct smi_verdict *verdict, const char *format, ...)
	SMI_PRINTF(2, 3);

/* A check could not be made: why. */
void smi_verdict_unknown(struct smi_verdict *verdict, const char *format, ...)
	SMI_PRINTF(2, 3);

/*
 * 0 if nothing was found; else -1 with the words, and EPERM if a check failed
 * or ENOTSUP if one could not be made.
 */
int smi_verdict_give(struct smi_verdict *verdict);

#endif /* SMI_VERDICT_H */
