/*
 * shortage.h - why memory could not be locked, as a message with the remedy
 *
 * Any thread may call this, with any locks held: it sets the thread's error
 * message.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SMI_SHORTAGE_H
#define SMI_SHORTAGE_H

#include "base/base.h"
#include "os/words.h"

struct smi_lock_shortage {
	const char *call;
	const char *what; /* "pools" or "guarded cells"; not used at a fork */
	enum smi_moment moment;
	struct smi_refusal refused;
	bool secret;
	size_t size;          /* of the chunk that needed growth */
	size_t pools_locked;  /* or cells; at a fork, the pools to copy */
	size_t pools_wanted;  /* by init */
	size_t pool_bytes;    /* of all pools_locked */
	size_t taken_bytes;   /* of these, for the growth of pools; and the */
	size_t largest_free;  /* size of the largest chunk that fits */
	size_t bytes_locked;  /* by the whole arena, at the refusal */
	size_t bytes_wanted;  /* what the arena would have locked in all */
	size_t largest_bytes; /* of what is locked in one step */
	const char *field;    /* for growth, as in struct smi_need */
	size_t field_value;
};

/* Set the thread's error message from a shortage, the errno of the call that
 * failed, and what the kernel reports. errno is preserved. */
void smi_shortage_explain(const struct smi_lock_shortage *shortage);

/* Say how full pools of `pool_bytes` are, as a continuation of a sentence. */
void smi_shortage_say_use(struct smi_text *text, size_t pool_bytes,
                          size_t taken_bytes, size_t largest_free);

#endif /* SMI_SHORTAGE_H */
