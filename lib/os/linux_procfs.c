/*
 * linux_procfs.c - what the kernel reports about this process: Linux
 *
 * The files of /proc are read word by word, because some of their lines are
 * longer than any reasonable buffer. The first word of a line tells what the
 * line is about.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "os/proc.h"

#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ---- Words -------------------------------------------------------------- */

struct words {
	int fd;
	int code;       /* errno of a read that failed, or 0 */
	size_t at, end; /* the unread part of the buffer */
	bool line_ended;
	char word[40]; /* the last word read, truncated */
	bool is_first; /* whether the word begins its line */
	char buffer[1024];
};

static int open_for_reading(const char *path, int more)
{
	int fd;

	do
		fd = open(path, O_RDONLY | O_CLOEXEC | more);
	while (fd < 0 && errno == EINTR);
	return fd;
}

static bool open_words(struct words *words, const char *path)
{
	words->fd = open_for_reading(path, 0);
	words->code = 0;
	words->at = words->end = 0;
	words->line_ended = true;
	return words->fd >= 0;
}

/* -1 with errno if not everything could be read. */
static int close_words(struct words *words)
{
	close(words->fd);
	if (words->code == 0)
		return 0;
	errno = words->code;
	return -1;
}

/* The next byte, or -1 at the end. */
static int next_byte(struct words *words)
{
	if (words->at == words->end) {
		ssize_t n;

		do
			n = read(words->fd, words->buffer,
			         sizeof(words->buffer));
		while (n < 0 && errno == EINTR);
		if (n < 0)
			words->code = errno;
		if (n <= 0)
			return -1;
		words->at = 0;
		words->end = (size_t)n;
	}
	return (unsigned char)words->buffer[words->at++];
}

static bool next_word(struct words *words)
{
	size_t length = 0;
	int c;

	while ((c = next_byte(words)) == ' ' || c == '\t' || c == '\n')
		words->line_ended = words->line_ended || c == '\n';
	if (c < 0)
		return false;
	words->is_first = words->line_ended;
	words->line_ended = false;
	for (; c >= 0 && c != ' ' && c != '\t' && c != '\n';
	     c = next_byte(words))
		if (length < sizeof(words->word) - 1)
			words->word[length++] = (char)c;
	words->word[length] = '\0';
	words->line_ended = c == '\n';
	return true;
}

/* Parse the number at the start of a word. *end points past it. */
static uint64_t number_of(const char *word, unsigned base, const char **end)
{
	static const char digits[] = "0123456789abcdef";
	uint64_t n = 0;

	for (; *word != '\0'; word++) {
		unsigned digit = 0;

		while (digit < base && digits[digit] != *word)
			digit++;
		if (digit == base)
			break;
		n = n * base + digit;
	}
	*end = word;
	return n;
}

static size_t decimal(const char *word)
{
	return (size_t)number_of(word, 10, &word);
}

/* ---- Mappings ----------------------------------------------------------- */

/* A line that begins with "START-END", in hexadecimal, begins a mapping. */
static bool is_range(const char *word, struct smi_mapping *mapping)
{
	const char *end;

	*mapping = (struct smi_mapping){
		.start = (uintptr_t)number_of(word, 16, &end),
	};
	if (end == word || *end != '-')
		return false;
	mapping->end = (uintptr_t)number_of(end + 1, 16, &end);
	return *end == '\0';
}

static void add_flag(struct smi_mapping *mapping, const char *flag)
{
	if (strcmp(flag, "lo") == 0)
		mapping->locked = true;
	else if (strcmp(flag, "dd") == 0)
		mapping->not_dumped = true;
	else if (strcmp(flag, "dc") == 0)
		mapping->not_forked = true;
	else if (strcmp(flag, "mg") == 0)
		mapping->mergeable = true;
}

/*
 * Read the attributes of a mapping, up to the first word of the next mapping.
 * False if there is no further mapping. *complete: the flags were seen, which
 * come last in each mapping.
 */
static bool read_mapping(struct words *words, struct smi_mapping *mapping,
                         bool *complete)
{
	enum { OTHER, RESIDENT, SWAPPED, FLAGS } line = OTHER;

	*complete = false;
	while (next_word(words)) {
		struct smi_mapping next;

		if (words->is_first && is_range(words->word, &next))
			return true;
		if (words->is_first) {
			line = strcmp(words->word, "Rss:") == 0       ? RESIDENT
			       : strcmp(words->word, "Swap:") == 0    ? SWAPPED
			       : strcmp(words->word, "VmFlags:") == 0 ? FLAGS
			                                              : OTHER;
			*complete = *complete || line == FLAGS;
		} else if (line == FLAGS) {
			add_flag(mapping, words->word);
		} else if (line != OTHER) {
			size_t bytes = decimal(words->word) * 1024;

			if (line == RESIDENT)
				mapping->resident_bytes = bytes;
			else
				mapping->swapped_bytes = bytes;
			line = OTHER;
		}
	}
	return false;
}

static int show_mappings(struct words *words,
                         bool (*see)(const struct smi_mapping *, void *),
                         void *with)
{
	struct smi_mapping mapping;
	bool complete = true, more = next_word(words);

	while (more && is_range(words->word, &mapping)) {
		more = read_mapping(words, &mapping, &complete);
		if (words->code != 0 || !complete || !see(&mapping, with))
			break;
	}
	if (words->code == 0 && !complete)
		words->code = ENOTSUP;
	return close_words(words);
}

int smi_proc_each_mapping(bool (*see)(const struct smi_mapping *mapping,
                                      void *with),
                          void *with)
{
	struct words words;
	int state, result = -1;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	if (open_words(&words, "/proc/self/smaps"))
		result = show_mappings(&words, see, with);
	pthread_setcancelstate(state, NULL);
	return result;
}

/* ---- Threads ------------------------------------------------------------ */

/* The lines of a thread's status file that are used. */
enum line { STATE, UIDS, GIDS, GROUPS, PERMITTED, INHERITABLE, LINES };
#define ALL_LINES ((1u << LINES) - 1)

static enum line line_of(const char *word)
{
	static const char *const names[LINES] = {
		[STATE] = "State:",      [UIDS] = "Uid:",
		[GIDS] = "Gid:",         [GROUPS] = "Groups:",
		[PERMITTED] = "CapPrm:", [INHERITABLE] = "CapInh:",
	};
	unsigned line = 0;

	while (line < LINES && strcmp(word, names[line]) != 0)
		line++;
	return (enum line)line;
}

/* Store word number `column` of a line. */
static void note(struct smi_credentials *c, bool *ended, enum line line,
                 unsigned column, const char *word)
{
	const char *end;

	if (line == STATE && column == 0)
		*ended = *word == 'Z' || *word == 'X';
	else if (line == UIDS && column < SMI_IDS)
		c->uids[column] = decimal(word);
	else if (line == GIDS && column < SMI_IDS)
		c->gids[column] = decimal(word);
	else if (line == GROUPS)
		c->in_group_0 = c->in_group_0 || decimal(word) == 0;
	else if (line == PERMITTED)
		c->permitted = number_of(word, 16, &end);
	else if (line == INHERITABLE)
		c->inheritable = number_of(word, 16, &end);
}

/* Read the credentials of a thread. -1 with errno. *ended: the thread has
 * ended, and its credentials do not matter. */
static int read_credentials(const char *thread, struct smi_credentials *c,
                            bool *ended)
{
	struct words words;
	struct smi_text path;
	char buffer[64];
	unsigned lines = 0, column = 0;
	enum line line = LINES;

	smi_text_start(&path, buffer, sizeof(buffer));
	smi_text_add(&path, "/proc/self/task/%s/status", thread);
	*c = (struct smi_credentials){.thread = decimal(thread)};
	*ended = false;
	if (!open_words(&words, buffer)) {
		*ended = errno == ENOENT || errno == ESRCH;
		return -1;
	}
	while (next_word(&words)) {
		if (words.is_first) {
			line = line_of(words.word);
			column = 0;
			if (line != LINES)
				lines |= 1u << line;
		} else {
			note(c, ended, line, column++, words.word);
		}
	}
	if (words.code == ESRCH)
		*ended = true;
	else if (words.code == 0 && lines != ALL_LINES)
		words.code = ENOTSUP;
	return close_words(&words);
}

/* The offsets of the length and of the name in a record of getdents64(). */
#define RECORD_LENGTH_AT 16
#define RECORD_NAME_AT   19

/* Call `see` for the threads that are named in records. False with errno. */
static bool show_threads(const char *records, size_t bytes, bool *more,
                         bool (*see)(const struct smi_credentials *, void *),
                         void *with)
{
	struct smi_credentials credentials;
	uint16_t length;
	bool ended;

	for (size_t at = 0; at < bytes && *more; at += length) {
		const char *name = records + at + RECORD_NAME_AT;

		memcpy(&length, records + at + RECORD_LENGTH_AT,
		       sizeof(length));
		if (*name == '.')
			continue;
		if (read_credentials(name, &credentials, &ended) != 0 && !ended)
			return false;
		if (!ended)
			*more = see(&credentials, with);
	}
	return true;
}

int smi_proc_each_thread(bool (*see)(const struct smi_credentials *credentials,
                                     void *with),
                         void *with)
{
	char records[1024];
	bool more = true, good;
	int state, code, fd;
	long n = 0;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	fd = open_for_reading("/proc/self/task", O_DIRECTORY);
	good = fd >= 0;
	while (good && more
	       && (n = syscall(SYS_getdents64, fd, records, sizeof(records)))
	                  > 0)
		good = show_threads(records, (size_t)n, &more, see, with);
	good = good && n >= 0;
	code = errno;
	if (fd >= 0)
		close(fd);
	pthread_setcancelstate(state, NULL);
	errno = code;
	return good ? 0 : -1;
}

bool smi_proc_has_capabilities(void)
{
	return true;
}

const char *smi_proc_capability_name(unsigned number)
{
	/* The kernel's ABI fixes the numbers. The names stand here because
	 * older system headers lack the newest ones. */
	static const char *const names[] = {
		"cap_chown",
		"cap_dac_override",
		"cap_dac_read_search",
		"cap_fowner",
		"cap_fsetid",
		"cap_kill",
		"cap_setgid",
		"cap_setuid",
		"cap_setpcap",
		"cap_linux_immutable",
		"cap_net_bind_service",
		"cap_net_broadcast",
		"cap_net_admin",
		"cap_net_raw",
		"cap_ipc_lock",
		"cap_ipc_owner",
		"cap_sys_module",
		"cap_sys_rawio",
		"cap_sys_chroot",
		"cap_sys_ptrace",
		"cap_sys_pacct",
		"cap_sys_admin",
		"cap_sys_boot",
		"cap_sys_nice",
		"cap_sys_resource",
		"cap_sys_time",
		"cap_sys_tty_config",
		"cap_mknod",
		"cap_lease",
		"cap_audit_write",
		"cap_audit_control",
		"cap_setfcap",
		"cap_mac_override",
		"cap_mac_admin",
		"cap_syslog",
		"cap_wake_alarm",
		"cap_block_suspend",
		"cap_audit_read",
		"cap_perfmon",
		"cap_bpf",
		"cap_checkpoint_restore",
	};

	return number < sizeof(names) / sizeof(names[0]) ? names[number] : NULL;
}

/* ---- Core dumps --------------------------------------------------------- */

int smi_proc_core_sink(enum smi_core_sink *sink)
{
	struct words words;
	int state, first = -1, result = -1;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	if (open_words(&words, "/proc/sys/kernel/core_pattern")) {
		first = next_byte(&words);
		result = close_words(&words);
	}
	pthread_setcancelstate(state, NULL);
	*sink = first == '|'   ? SMI_CORE_PIPE
	        : first == '@' ? SMI_CORE_SOCKET
	                       : SMI_CORE_FILE;
	return result;
}
