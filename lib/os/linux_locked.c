/*
 * linux_locked.c - how many bytes this process has locked
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "os/linux_procfs.h"
#include "os/proc.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

/* Read the figure of a status file. */
static int read_locked(struct smi_proc_words *words, size_t *bytes)
{
	while (smi_proc_words_next(words)) {
		uint64_t kib;

		if (!words->is_first || strcmp(words->word, "VmLck:") != 0)
			continue;
		if (!smi_proc_words_next(words) || words->is_first
		    || !smi_proc_number(words->word, 10, &kib))
			break;
		*bytes = (size_t)kib * 1024;
		return smi_proc_words_close(words);
	}
	if (words->code == 0)
		words->code = EBADMSG;
	return smi_proc_words_close(words);
}

/* The file of the process has no such line once its first thread has ended. */
int smi_proc_locked_bytes(size_t *bytes)
{
	struct smi_proc_words words;
	int state, result = -1;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	if (smi_proc_words_open(&words, "/proc/thread-self/status"))
		result = read_locked(&words, bytes);
	pthread_setcancelstate(state, NULL);
	return result;
}
