/*
 * linux_mappings.c - the mappings of this process: Linux
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "os/linux_procfs.h"
#include "os/proc.h"

#include "base/text.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* A line that begins with "START-END", in hexadecimal, begins a mapping. */
static bool is_range(const char *word, struct smi_mapping *mapping)
{
	uint64_t start, end;
	const char *dash = smi_proc_digits(word, 16, &start);

	if (dash == word || *dash != '-' || !smi_proc_number(dash + 1, 16, &end)
	    || end <= start)
		return false;
	*mapping = (struct smi_mapping){
		.start = (uintptr_t)start,
		.end = (uintptr_t)end,
	};
	return true;
}

/* False if the word is not a flag. */
static bool add_flag(struct smi_mapping *mapping, const char *flag)
{
	if (strcmp(flag, "lo") == 0)
		mapping->locked = true;
	else if (strcmp(flag, "dd") == 0)
		mapping->not_dumped = true;
	else if (strcmp(flag, "dc") == 0)
		mapping->not_forked = true;
	else if (strcmp(flag, "mg") == 0)
		mapping->mergeable = true;
	return strlen(flag) == 2;
}

/* The lines that are used. */
enum line { RESIDENT, SWAPPED, FLAGS, OTHER };

static enum line line_of(const char *word)
{
	return strcmp(word, "Rss:") == 0       ? RESIDENT
	       : strcmp(word, "Swap:") == 0    ? SWAPPED
	       : strcmp(word, "VmFlags:") == 0 ? FLAGS
	                                       : OTHER;
}

/* Store a word of a line that is used. False if it does not parse. */
static bool note(struct smi_mapping *mapping, enum line line, const char *word)
{
	uint64_t kib;

	if (line == FLAGS)
		return add_flag(mapping, word);
	if (!smi_proc_number(word, 10, &kib))
		return false;
	if (line == RESIDENT)
		mapping->resident_bytes = (size_t)kib * 1024;
	else
		mapping->swapped_bytes = (size_t)kib * 1024;
	return true;
}

/*
 * Read the attributes of a mapping, up to the first word of the next mapping.
 * False if there is no next mapping. *complete: its size in memory and its
 * flags were seen.
 */
static bool read_mapping(struct smi_proc_words *words,
                         struct smi_mapping *mapping, struct smi_mapping *next,
                         bool *complete)
{
	enum line line = OTHER;
	bool seen[OTHER] = {false};
	bool more = false, parses = true;

	while (parses && !more && smi_proc_words_next(words)) {
		if (words->is_first) {
			more = is_range(words->word, next);
			line = line_of(words->word);
			parses = more || strchr(words->word, ':') != NULL;
		} else if (line != OTHER) {
			parses = note(mapping, line, words->word);
			seen[line] = true;
			/* After the number comes its unit. */
			line = line == FLAGS ? FLAGS : OTHER;
		}
	}
	if (!parses)
		words->code = EBADMSG;
	*complete = seen[RESIDENT] && seen[FLAGS];
	return more;
}

static int show_mappings(struct smi_proc_words *words,
                         bool (*see)(const struct smi_mapping *, void *),
                         void *with)
{
	struct smi_mapping mapping, next;
	bool more = smi_proc_words_next(words) && is_range(words->word, &next);
	bool complete;

	if (!more && words->code == 0)
		words->code = EBADMSG;
	while (more) {
		mapping = next;
		more = read_mapping(words, &mapping, &next, &complete);
		/* A file that ends here was cut short. */
		if (words->code == 0 && !complete)
			words->code = more ? ENOTSUP : EBADMSG;
		if (words->code != 0 || !see(&mapping, with))
			break;
	}
	return smi_proc_words_close(words);
}

/* The file of the process is empty once its first thread has ended, but that of
 * a thread is not. Kernels before 3.17 have no link to the thread's own. */
static bool open_own(struct smi_proc_words *words)
{
	struct smi_text path;
	char buffer[64];

	if (smi_proc_words_open(words, "/proc/thread-self/smaps"))
		return true;
	if (errno != ENOENT)
		return false;
	smi_text_start(&path, buffer, sizeof(buffer));
	smi_text_add(&path, "/proc/self/task/%zu/smaps",
	             (size_t)syscall(SYS_gettid));
	return smi_proc_words_open(words, buffer);
}

int smi_proc_each_mapping(bool (*see)(const struct smi_mapping *mapping,
                                      void *with),
                          void *with)
{
	struct smi_proc_words words;
	int state, result = -1;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	if (open_own(&words))
		result = show_mappings(&words, see, with);
	pthread_setcancelstate(state, NULL);
	return result;
}
