/*
 * last_error.h - this thread's last failure, in words
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SMI_LAST_ERROR_H
#define SMI_LAST_ERROR_H

#include "base/base.h"
#include "base/text.h"

/* A message is cut at this length, NUL included. */
#define SMI_LAST_ERROR_BYTES 640

/*
 * Record the words and set errno to `code`. Returns -1, so that a failing
 * function can end with it. The words start with the failing call's name.
 */
int smi_last_error_set(int code, const char *format, ...) SMI_PRINTF(2, 3);

/* The thread's words, started afresh, for a message that is made piecewise. */
struct smi_text *smi_last_error_begin(void);

/* The thread's words, to be added to. */
struct smi_text *smi_last_error_more(void);

/* Copy the words, SMI_LAST_ERROR_BYTES of them, and set them back. */
void smi_last_error_save(char *copy);
void smi_last_error_restore(const char *copy);

/* The thread's last words, "" if there are none. */
const char *smi_last_error_words(void);

#endif /* SMI_LAST_ERROR_H */
