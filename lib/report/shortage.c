/*
 * shortage.c - why memory could not be locked, as a message with the remedy
 *
 * SPDX-License-Identifier: ISC
 */
#include "report/shortage.h"

#include "os/words.h"
#include "report/last_error.h"

#include <errno.h>

void smi_shortage_explain(const struct smi_lock_shortage *s)
{
	struct smi_text *text = smi_last_error_begin();
	int code = errno;

	smi_text_add(text, "%s: ", s->call);
	if (s->growth)
		smi_text_add(text,
		             "no room for %zu bytes in %zu %s, and another of "
		             "%zu bytes could not be locked",
		             s->size, s->pools_locked, s->what, s->pool_bytes);
	else if (s->copy)
		smi_text_add(text,
		             "the child's copy of %zu pools (%zu bytes) "
		             "could not be locked and was wiped",
		             s->pools_locked, s->pool_bytes);
	else
		smi_text_add(text, "%zu of %zu %s of %zu bytes were locked",
		             s->pools_locked, s->pools_wanted, s->what,
		             s->pool_bytes);
	smi_text_add(text, ", %zu bytes are wanted in all, ", s->bytes_wanted);
	smi_words_say_shortage(text, s->bytes_wanted, s->copy, code);
	errno = code;
}
