/*
 * last_error.c - this thread's last failure, as a message
 *
 * SPDX-License-Identifier: ISC
 */
#include "report/last_error.h"

#include <errno.h>
#include <string.h>

static _Thread_local char words[SMI_LAST_ERROR_BYTES];
static _Thread_local struct smi_text text;

struct smi_text *smi_last_error_begin(void)
{
	smi_text_start(&text, words, sizeof(words));
	return &text;
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
	return &text;
}

void smi_last_error_save(char *copy)
{
	memcpy(copy, words, sizeof(words));
}

void smi_last_error_restore(const char *copy)
{
	smi_text_add(smi_last_error_begin(), "%s", copy);
}

const char *smi_last_error_words(void)
{
	return words;
}
