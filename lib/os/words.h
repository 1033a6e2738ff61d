/*
 * words.h - what a platform calls what, for messages with a remedy
 *
 * A part of os.h, under the same rules.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SMI_WORDS_H
#define SMI_WORDS_H

#include "base/base.h"
#include "base/text.h"

/*
 * Why `wanted` bytes in all could not be locked: the limits as they are, and
 * the remedy. `copy`: for a child's copy. `code` is the errno of the call that
 * failed, as os.h documents it. The words go on after a comma.
 */
void smi_words_say_shortage(struct smi_text *text, size_t wanted, bool copy,
                            int code);

struct smi_words {
	/* The calls of smi_os_set_dumpable() and smi_os_dumpable(). */
	const char *undump, *dumpable_call;
	/* Why a process is dumpable after the first, and the remedy; and that
	 * for one that never made the call. */
	const char *dumpable_again, *dumpable_remedy;
	/* What to set RLIMIT_CORE to. */
	const char *core_remedy;
};
extern const struct smi_words smi_words;

#endif /* SMI_WORDS_H */
