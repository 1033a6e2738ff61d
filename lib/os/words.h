/*
 * words.h - what a platform calls its calls and limits, for messages
 *
 * Messages name the remedy in the terms of the platform. A part of os.h, under
 * the same rules.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SMI_WORDS_H
#define SMI_WORDS_H

#include "base/base.h"
#include "base/text.h"

/* What the kernel refused: a step on the way to locked memory, and its size. */
struct smi_refusal {
	enum smi_step {
		SMI_STEP_RESERVE, /* addresses, and the advice for them */
		SMI_STEP_OPEN,    /* access to a part of them */
		SMI_STEP_LOCK     /* the lock, or secret memory */
	} step;
	size_t bytes;
};

/* A need for locked memory that was not met. */
struct smi_need {
	enum smi_moment {
		SMI_AT_INIT,
		SMI_AT_INIT_IN_CHILD, /* of a child's arena, by its fork */
		SMI_AT_GROWTH,
		SMI_AT_FORK /* a child's copy */
	} moment;
	struct smi_refusal refused;
	int code; /* the errno of the refusal, as os.h documents it */
	bool secret;
	size_t locked_bytes; /* by the process, at the refusal */
	bool is_whole;       /* false: other locks may exist, and are counted
	                        neither in locked_bytes nor in enough_bytes */
	size_t enough_bytes; /* a lock limit under which the need is met */
	size_t file_bytes;   /* the largest piece of secret memory needed */
	/* For a growth: the field of the configuration, and its least value,
	 * with which init would have locked enough. NULL if there is none. */
	const char *field;
	size_t field_value;
};

/* Append why a need was not met: the current limits, and the remedy. The text
 * continues a sentence after a comma. */
void smi_words_say_shortage(struct smi_text *text, const struct smi_need *need);

/* Append the remedy for a file that could not be read, which is one of those in
 * smi_words. `code` is an errno as proc.h documents it, but not ENOTSUP. */
void smi_words_say_unread(struct smi_text *text, const char *file, int code);

struct smi_words {
	/* The files that the calls of proc.h read; "" if they read none. */
	const char *mappings_file, *threads_file, *core_sink_file;
	/* The system call that reads a resource limit. */
	const char *limit_call;
	/* The system calls behind smi_os_set_dumpable() and
	 * smi_os_dumpable(). */
	const char *undump, *dumpable_call;
	/* Why a process is dumpable although it called `undump`, and the
	 * remedy; and the remedy if it never did. */
	const char *dumpable_again, *dumpable_remedy;
	/* The value to set RLIMIT_CORE to. */
	const char *core_remedy;
};
extern const struct smi_words smi_words;

#endif /* SMI_WORDS_H */
