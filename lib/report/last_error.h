/*
 * last_error.h - this thread's last failure, as a message
 *
 * Each thread has one message (messages.h). No lock is needed.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SMI_LAST_ERROR_H
#define SMI_LAST_ERROR_H

#include "base/base.h"
#include "base/text.h"
#include "report/messages.h"

/* A message is truncated at this length, NUL included. */
#define SMI_LAST_ERROR_BYTES SMI_MESSAGES_BYTES

/*
 * Set the thread's message, and errno to `code`. Returns -1, so that a failing
 * function can return this call's result. The message starts with the name of
 * the failing call.
 */
int smi_last_error_set(int code, const char *format, ...) SMI_PRINTF(2, 3);

/* The thread's message, emptied, for a message that is built in several
 * steps. */
struct smi_text *smi_last_error_begin(void);

/* The thread's message, to append to. */
struct smi_text *smi_last_error_more(void);

/* Save the message to a buffer of SMI_LAST_ERROR_BYTES, and restore it. */
void smi_last_error_save(char *copy);
void smi_last_error_restore(const char *copy);

/* The thread's message, "" if there is none. */
const char *smi_last_error_words(void);

#endif /* SMI_LAST_ERROR_H */
