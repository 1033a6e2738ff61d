/*
 * last_error.c - this thread's last failure, as a message
 *
 * SPDX-License-Identifier: ISC
 */
#include "report/last_error.h"

#include <errno.h>

struct smi_text *smi_last_error_begin(void)
{
	return smi_messages_start();
}

int smi_last_error_set(int code, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	smi_text_add_list(smi_last_error_begin(), format, list);
	va_end(list);
	errno = code;
	return -1;
}

struct smi_text *smi_last_error_more(void)
{
	return smi_messages_mine();
}

void smi_last_error_save(char *copy)
{
	struct smi_text text;

	smi_text_start(&text, copy, SMI_LAST_ERROR_BYTES);
	smi_text_add(&text, "%s", smi_last_error_words());
}

void smi_last_error_restore(const char *copy)
{
	/* A thread that has not failed needs no message. */
	if (copy[0] != '\0' || smi_last_error_words()[0] != '\0')
		smi_text_add(smi_last_error_begin(), "%s", copy);
}

const char *smi_last_error_words(void)
{
	const struct smi_text *text = smi_messages_mine();

	return text != NULL ? text->buffer : "";
}
