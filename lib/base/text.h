/*
 * text.h - formatting text into a fixed buffer (a leaf)
 *
 * For messages that are built without allocating and without the locale, and
 * from any context, a signal handler included. Text that does not fit is
 * truncated.
 *
 * Invariants:
 *   T1  length < room, and buffer[length] is NUL.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SMI_TEXT_H
#define SMI_TEXT_H

#include "base/base.h"

#include <stdarg.h>

struct smi_text {
	char *buffer;
	size_t room, length;
};

/* Start an empty text in a buffer of `room` bytes, room > 0. */
void smi_text_start(struct smi_text *text, char *buffer, size_t room);

/* Append formatted text, truncated if it does not fit. The conversions are %s,
 * %zu, %d, %p (printed as 0x and hexadecimal digits) and %%. */
void smi_text_add(struct smi_text *text, const char *format, ...)
	SMI_PRINTF(2, 3);
void smi_text_add_list(struct smi_text *text, const char *format, va_list list)
	SMI_PRINTF(2, 0);

#endif /* SMI_TEXT_H */
