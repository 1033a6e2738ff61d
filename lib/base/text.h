/*
 * text.h - words into a fixed buffer (a leaf)
 *
 * For messages that must be made without allocating, without locale and from
 * any place, a fault included.
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

/* Start an empty text in `room` bytes, room > 0. */
void smi_text_start(struct smi_text *text, char *buffer, size_t room);

/*
 * Append; what does not fit is left out. Of printf's conversions it knows
 * %s, %zu, %d, %p (as 0x and hexadecimal digits) and %%.
 */
void smi_text_add(struct smi_text *text, const char *format, ...)
	SMI_PRINTF(2, 3);
void smi_text_add_list(struct smi_text *text, const char *format, va_list list)
	SMI_PRINTF(2, 0);

#endif /* SMI_TEXT_H */
