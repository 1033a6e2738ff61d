/*
 * unread.h - that the system did not report something, with the remedy
 *
 * Any thread may call this, with any locks held.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SMI_UNREAD_H
#define SMI_UNREAD_H

#include "base/base.h"
#include "base/text.h"

/* Append that a call of proc.h, or smi_os_threads(), failed. `file` is a file
 * of smi_words, `what` is what it shows, and `code` is the errno of the call.
 */
void smi_unread_explain(struct smi_text *text, const char *file,
                        const char *what, int code);

#endif /* SMI_UNREAD_H */
