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

/*
 * Append why `wanted` bytes in all could not be locked: the current limits, and
 * the remedy. The text continues a sentence after a comma. `copy`: the memory
 * is a child's copy. `code` is the errno of the call that failed, as os.h
 * documents it.
 */
void smi_words_say_shortage(struct smi_text *text, size_t wanted, bool copy,
                            int code);

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
