/*
 * unread.c - that the system did not report something, with the remedy
 *
 * SPDX-License-Identifier: ISC
 */
#include "report/unread.h"

#include "os/words.h"

#include <errno.h>

void smi_unread_explain(struct smi_text *text, const char *file,
                        const char *what, int code)
{
	if (code == ENOTSUP) {
		smi_text_add(text, "this system does not report %s (errno %d)",
		             what, code);
		return;
	}
	smi_text_add(text,
	             "%s, which shows %s, could not be read (errno %d): ", file,
	             what, code);
	smi_words_say_unread(text, file, code);
}
