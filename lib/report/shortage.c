/*
 * shortage.c - why memory could not be locked, as a message with the remedy
 *
 * SPDX-License-Identifier: ISC
 */
#include "report/shortage.h"

#include "os/proc.h"
#include "report/last_error.h"

#include <errno.h>

void smi_shortage_say_use(struct smi_text *text, size_t pool_bytes,
                          size_t taken_bytes, size_t largest_free)
{
	smi_text_add(text,
	             " (%zu bytes: chunks take %zu, %zu are free, at most %zu "
	             "of them in one piece)",
	             pool_bytes, taken_bytes, pool_bytes - taken_bytes,
	             largest_free);
}

static void say_what_failed(struct smi_text *text,
                            const struct smi_lock_shortage *s)
{
	static const char *const steps[] = {
		[SMI_STEP_RESERVE] = "reserved",
		[SMI_STEP_OPEN] = "made accessible",
		[SMI_STEP_LOCK] = "locked",
	};
	const char *step = steps[s->refused.step];

	switch (s->moment) {
	case SMI_AT_INIT:
	case SMI_AT_INIT_IN_CHILD:
		smi_text_add(text,
		             "%zu of %zu %s were locked (%zu bytes), and "
		             "%zu bytes more could not be %s",
		             s->pools_locked, s->pools_wanted, s->what,
		             s->pool_bytes, s->refused.bytes, step);
		break;
	case SMI_AT_GROWTH:
		smi_text_add(text, "no room for %zu bytes in %zu %s", s->size,
		             s->pools_locked, s->what);
		if (s->pool_bytes > 0)
			smi_shortage_say_use(text, s->pool_bytes,
			                     s->taken_bytes, s->largest_free);
		smi_text_add(text, ", and %zu bytes more could not be %s",
		             s->refused.bytes, step);
		break;
	case SMI_AT_FORK:
		smi_text_add(text,
		             "the child's copy of %zu pools (%zu bytes) "
		             "could not be %s and was wiped",
		             s->pools_locked, s->pool_bytes, step);
		break;
	}
}

/*
 * A process has one lock limit, for the arena and for everything else that it
 * locks. At the refusal, parts of the arena may be locked already.
 */
static void count_locks(struct smi_text *text,
                        const struct smi_lock_shortage *s,
                        struct smi_need *need)
{
	size_t locked;

	smi_text_add(text, ", %zu bytes are wanted in all", s->bytes_wanted);
	need->is_whole = smi_proc_locked_bytes(&locked) == 0;
	need->locked_bytes = s->bytes_locked;
	need->enough_bytes = s->bytes_wanted;
	if (!need->is_whole) {
		smi_text_add(text,
		             " (what is locked elsewhere could not be read, "
		             "errno %d)",
		             errno);
	} else if (locked > s->bytes_locked) {
		size_t elsewhere = locked - s->bytes_locked;

		smi_text_add(text, " and %zu are locked elsewhere", elsewhere);
		need->locked_bytes = locked;
		need->enough_bytes += elsewhere;
	}
}

void smi_shortage_explain(const struct smi_lock_shortage *s)
{
	int code = errno;
	struct smi_text *text = smi_last_error_begin();
	struct smi_need need = {
		.moment = s->moment,
		.refused = s->refused,
		.code = code,
		.secret = s->secret,
		.file_bytes = s->largest_bytes,
		.field = s->field,
		.field_value = s->field_value,
	};

	smi_text_add(text, "%s: ", s->call);
	say_what_failed(text, s);
	count_locks(text, s, &need);
	smi_text_add(text, ", ");
	smi_words_say_shortage(text, &need);
	errno = code;
}
