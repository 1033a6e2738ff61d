/*
 * linux_procfs.c - reading the files of /proc word by word
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "os/linux_procfs.h"

#include "os/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

/* ---- Words -------------------------------------------------------------- */

int smi_proc_open(const char *path, int more)
{
	int fd;

	do
		fd = open(path, O_RDONLY | O_CLOEXEC | more);
	while (fd < 0 && errno == EINTR);
	return fd;
}

bool smi_proc_words_open(struct smi_proc_words *words, const char *path)
{
	words->fd = smi_proc_open(path, 0);
	words->code = 0;
	words->at = words->end = 0;
	words->last = '\0';
	words->line_ended = true;
	return words->fd >= 0;
}

int smi_proc_words_close(struct smi_proc_words *words)
{
	close(words->fd);
	if (words->code == 0)
		return 0;
	errno = words->code;
	return -1;
}

/* Fill the buffer. False at the end of the file. */
static bool fill(struct smi_proc_words *words)
{
	ssize_t n;

	do
		n = read(words->fd, words->buffer, sizeof(words->buffer));
	while (n < 0 && errno == EINTR);
	if (n < 0)
		words->code = errno;
	else if (n == 0 && words->last != '\n')
		words->code = EBADMSG;
	if (n <= 0)
		return false;
	words->at = 0;
	words->end = (size_t)n;
	words->last = words->buffer[n - 1];
	return true;
}

int smi_proc_words_byte(struct smi_proc_words *words)
{
	if (words->at == words->end && !fill(words))
		return -1;
	return (unsigned char)words->buffer[words->at++];
}

bool smi_proc_words_next(struct smi_proc_words *words)
{
	size_t length = 0;
	int c;

	while ((c = smi_proc_words_byte(words)) == ' ' || c == '\t'
	       || c == '\n')
		words->line_ended = words->line_ended || c == '\n';
	if (c < 0)
		return false;
	words->is_first = words->line_ended;
	words->line_ended = false;
	for (; c >= 0 && c != ' ' && c != '\t' && c != '\n';
	     c = smi_proc_words_byte(words))
		if (length < sizeof(words->word) - 1)
			words->word[length++] = (char)c;
	words->word[length] = '\0';
	words->line_ended = c == '\n';
	return true;
}

/* ---- Numbers ------------------------------------------------------------ */

const char *smi_proc_digits(const char *word, unsigned base, uint64_t *n)
{
	static const char digits[] = "0123456789abcdef";

	for (*n = 0; *word != '\0'; word++) {
		unsigned digit = 0;

		while (digit < base && digits[digit] != *word)
			digit++;
		if (digit == base)
			break;
		*n = *n * base + digit;
	}
	return word;
}

bool smi_proc_number(const char *word, unsigned base, uint64_t *n)
{
	const char *end = smi_proc_digits(word, base, n);

	return end != word && *end == '\0';
}

/* ---- Core dumps --------------------------------------------------------- */

int smi_proc_core_sink(enum smi_core_sink *sink)
{
	struct smi_proc_words words;
	int state, first = -1, result = -1;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	if (smi_proc_words_open(&words, "/proc/sys/kernel/core_pattern")) {
		first = smi_proc_words_byte(&words);
		result = smi_proc_words_close(&words);
	}
	pthread_setcancelstate(state, NULL);
	*sink = first == '|'   ? SMI_CORE_PIPE
	        : first == '@' ? SMI_CORE_SOCKET
	                       : SMI_CORE_FILE;
	return result;
}
