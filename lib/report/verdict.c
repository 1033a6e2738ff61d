/*
 * verdict.c - the result of several checks, in one message
 *
 * SPDX-License-Identifier: ISC
 */
#include "report/verdict.h"

#include "report/unread.h"

#include <errno.h>

/* The room that is reserved for "; and N more". */
#define TAIL_BYTES 32

void smi_verdict_start(struct smi_verdict *verdict, const char *call)
{
	verdict->call = call;
	verdict->found = 0;
	verdict->left_out = 0;
	verdict->failed = false;
	smi_text_start(&verdict->text, verdict->words,
	               sizeof(verdict->words) - TAIL_BYTES);
	smi_text_add(&verdict->text, "%s: ", call);
}

/* Add a finding in full, or count it in left_out (V1). */
static void add(struct smi_verdict *verdict, const char *format, va_list list)
{
	struct smi_text *text = &verdict->text;
	size_t length = text->length;

	if (verdict->found++ > verdict->left_out)
		smi_text_add(text, "; ");
	smi_text_add_list(text, format, list);
	if (text->length + 1 < text->room)
		return;
	text->length = length;
	text->buffer[length] = '\0';
	verdict->left_out++;
}

void smi_verdict_fail(struct smi_verdict *verdict, const char *format, ...)
{
	va_list list;

	verdict->failed = true;
	va_start(list, format);
	add(verdict, format, list);
	va_end(list);
}

void smi_verdict_unknown(struct smi_verdict *verdict, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	add(verdict, format, list);
	va_end(list);
}

void smi_verdict_unread(struct smi_verdict *verdict, const char *file,
                        const char *what, int code)
{
	char words[SMI_LAST_ERROR_BYTES];
	struct smi_text text;

	smi_text_start(&text, words, sizeof(words));
	smi_unread_explain(&text, file, what, code);
	smi_verdict_unknown(verdict, "%s", words);
}

int smi_verdict_give(struct smi_verdict *verdict)
{
	if (verdict->found == 0)
		return 0;
	verdict->text.room = sizeof(verdict->words);
	if (verdict->left_out > 0)
		smi_text_add(&verdict->text, "; and %zu more",
		             verdict->left_out);
	return smi_last_error_set(verdict->failed ? EPERM : ENOTSUP, "%s",
	                          verdict->words);
}
