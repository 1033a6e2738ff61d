/*
 * linux_procfs.h - reading the files of /proc word by word
 *
 * Some lines of these files are longer than any reasonable buffer. The first
 * word of a line tells what the line is about. Callers have disabled
 * cancellation.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SMI_LINUX_PROCFS_H
#define SMI_LINUX_PROCFS_H

#include "base/base.h"

struct smi_proc_words {
	int fd;
	int code;       /* why not everything could be read, or 0 */
	size_t at, end; /* the unread part of the buffer */
	char last;      /* the last byte in the buffer */
	bool line_ended;
	char word[40]; /* the last word read, truncated */
	bool is_first; /* whether the word begins its line */
	char buffer[1024];
};

/* Open a file with `more` flags. A descriptor, or -1 with errno. */
int smi_proc_open(const char *path, int more);

/* False with errno. */
bool smi_proc_words_open(struct smi_proc_words *words, const char *path);

/* The next byte, or -1 at the end of the file. */
int smi_proc_words_byte(struct smi_proc_words *words);

/* Read the next word. False at the end of the file. */
bool smi_proc_words_next(struct smi_proc_words *words);

/*
 * 0, or -1 with errno if something could not be read. EBADMSG: the end of the
 * file was reached, and the file is empty or its last line is incomplete. The
 * kernel writes no such file.
 */
int smi_proc_words_close(struct smi_proc_words *words);

/* Parse the number at the start of a word. Returns the rest of the word. */
const char *smi_proc_digits(const char *word, unsigned base, uint64_t *n);

/* Parse a word that is a number, nothing else. False if it is not. */
bool smi_proc_number(const char *word, unsigned base, uint64_t *n);

#endif /* SMI_LINUX_PROCFS_H */
