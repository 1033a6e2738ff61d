/*
 * linux_threads.c - the threads of this process and their credentials: Linux
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "os/linux_procfs.h"
#include "os/os.h"
#include "os/proc.h"

#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Open a file of a thread. False with errno. */
static bool open_of(struct smi_proc_words *words, size_t thread,
                    const char *file)
{
	struct smi_text path;
	char buffer[64];

	smi_text_start(&path, buffer, sizeof(buffer));
	smi_text_add(&path, "/proc/self/task/%zu/%s", thread, file);
	return smi_proc_words_open(words, buffer);
}

/* Whether a file of a thread cannot be read because the thread has ended. */
static bool has_gone(int code)
{
	return code == ENOENT || code == ESRCH;
}

/* ---- The list of threads ------------------------------------------------ */

/* The ids of the listed threads, in order, as their number and a hash. */
struct list {
	size_t threads;
	uint64_t hash;
};

/*
 * What is done with each listed thread. -1 with errno stops the walk. The
 * number of threads of the process, as the kernel reports it next to what it
 * reports about the thread, is stored in *all.
 */
typedef int visit(size_t thread, size_t *all, void *with);

/* The offsets of the length and of the name in a record of getdents64(). */
#define RECORD_LENGTH_AT 16
#define RECORD_NAME_AT   19

static int malformed(void)
{
	errno = EBADMSG;
	return -1;
}

/* Visit the threads that are named in records. -1 with errno. */
static int visit_records(const char *records, size_t bytes, struct list *list,
                         visit *call, size_t *all, void *with)
{
	uint16_t length;
	uint64_t thread;

	for (size_t at = 0; at < bytes; at += length) {
		const char *name = records + at + RECORD_NAME_AT;

		length = 0;
		if (bytes - at > RECORD_NAME_AT)
			memcpy(&length, records + at + RECORD_LENGTH_AT,
			       sizeof(length));
		if (length <= RECORD_NAME_AT || length > bytes - at)
			return malformed();
		if (*name == '.')
			continue;
		if (!smi_proc_number(name, 10, &thread))
			return malformed();
		list->threads++;
		list->hash = (list->hash ^ thread) * 0x100000001b3;
		if (call != NULL && call((size_t)thread, all, with) != 0)
			return -1;
	}
	return 0;
}

/* Read the list of threads once. -1 with errno. */
static int read_list(struct list *list, visit *call, size_t *all, void *with)
{
	char records[1024];
	int code, result = 0,
		  fd = smi_proc_open("/proc/self/task", O_DIRECTORY);
	long n = 0;

	*list = (struct list){0};
	if (fd < 0)
		return -1;
	while (result == 0
	       && (n = syscall(SYS_getdents64, fd, records, sizeof(records)))
	                  > 0)
		result = visit_records(records, (size_t)n, list, call, all,
		                       with);
	code = errno;
	close(fd);
	errno = code;
	return n < 0 ? -1 : result;
}

/* After so many looks at a list that changes, it counts as unreadable. */
#define MOST_LOOKS 20

/*
 * Visit all threads. When a thread ends while the list is being read, the
 * kernel may leave out another one. So the walk is repeated, beginning with
 * `start`, until a second reading gives the same list, and the list is as long
 * as the number of threads that the kernel reports. -1 with errno; EAGAIN: that
 * did not happen.
 */
static int walk_threads(void (*start)(void *with), visit *call, void *with)
{
	struct list list, again;

	for (unsigned looks = 0; looks < MOST_LOOKS; looks++) {
		size_t all = 0;

		start(with);
		if (read_list(&list, call, &all, with) != 0
		    || read_list(&again, NULL, NULL, NULL) != 0)
			return -1;
		if (list.threads > 0 && list.threads == all
		    && list.hash == again.hash)
			return 0;
	}
	errno = EAGAIN;
	return -1;
}

/* ---- The stat file ------------------------------------------------------ */

/*
 * Bits in the ninth column of the stat file. PF_EXITING is set before another
 * thread can have joined the thread, and stays set. PF_IO_WORKER had another
 * meaning in kernels that do not list workers of io_uring (before 5.12), so the
 * name counts too. The name alone would prove nothing, because programs can
 * choose it.
 */
#define PF_EXITING   0x4u
#define PF_IO_WORKER 0x10u

struct stat_line {
	bool is_named_iou; /* as the kernel names workers of io_uring */
	uint64_t flags;
	uint64_t threads; /* of the process */
};

/* The word in a column, counted from the state, which is 0. The line begins
 * with the space before the state. "" if there is no such column. */
static const char *column_of(const char *line, unsigned column)
{
	for (; *line != '\0'; line++)
		if (*line == ' ' && column-- == 0)
			return line + 1;
	return line;
}

/* The name may contain anything, also parentheses, spaces and newlines. The
 * other columns contain none. */
static bool parse_stat(const char *text, struct stat_line *stat)
{
	const char *open = strchr(text, '('), *close = strrchr(text, ')');
	const char *flags, *threads;

	if (open == NULL || close == NULL)
		return false;
	stat->is_named_iou = strncmp(open + 1, "iou-", 4) == 0;
	flags = smi_proc_digits(column_of(close + 1, 6), 10, &stat->flags);
	threads = smi_proc_digits(column_of(close + 1, 17), 10, &stat->threads);
	return *flags == ' ' && *threads == ' ';
}

/* -1 with errno. */
static int read_stat(size_t thread, struct stat_line *stat)
{
	struct smi_proc_words words;
	char text[1024];
	size_t length = 0;
	int c;

	if (!open_of(&words, thread, "stat"))
		return -1;
	while (length < sizeof(text) - 1
	       && (c = smi_proc_words_byte(&words)) >= 0)
		text[length++] = (char)c;
	text[length] = '\0';
	if (words.code == 0 && !parse_stat(text, stat))
		words.code = EBADMSG;
	return smi_proc_words_close(&words);
}

enum smi_thread_kind smi_proc_thread_kind(size_t thread)
{
	enum smi_thread_kind kind = SMI_THREAD_ORDINARY;
	struct stat_line stat;
	int state;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	if (read_stat(thread, &stat) != 0)
		kind = has_gone(errno) ? SMI_THREAD_ENDED : kind;
	else if ((stat.flags & PF_EXITING) != 0)
		kind = SMI_THREAD_ENDED;
	else if ((stat.flags & PF_IO_WORKER) != 0 && stat.is_named_iou)
		kind = SMI_THREAD_IO_URING;
	pthread_setcancelstate(state, NULL);
	return kind;
}

/* ---- The number of threads ---------------------------------------------- */

static void count_none(void *with)
{
	*(size_t *)with = 0;
}

static int count(size_t thread, size_t *all, void *with)
{
	struct stat_line stat = {0};

	if (read_stat(thread, &stat) != 0)
		return has_gone(errno) ? 0 : -1;
	*all = (size_t)stat.threads;
	*(size_t *)with += (stat.flags & PF_EXITING) == 0;
	return 0;
}

int smi_os_threads(size_t *threads)
{
	int state, result;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	result = walk_threads(count_none, count, threads);
	pthread_setcancelstate(state, NULL);
	return result;
}

/* ---- Credentials -------------------------------------------------------- */

/* The lines of a thread's status file that are used. */
enum line { STATE, UIDS, GIDS, GROUPS, THREADS, INHERITABLE, PERMITTED, LINES };

/* What the lines of a file said. */
struct status {
	struct smi_credentials credentials;
	size_t threads; /* of the process */
	bool ended;
	bool seen[LINES];
	unsigned columns[LINES];
};

static enum line line_of(const char *word)
{
	static const char *const names[LINES] = {
		[STATE] = "State:",        [UIDS] = "Uid:",
		[GIDS] = "Gid:",           [GROUPS] = "Groups:",
		[THREADS] = "Threads:",    [PERMITTED] = "CapPrm:",
		[INHERITABLE] = "CapInh:",
	};
	unsigned line = 0;

	while (line < LINES && strcmp(word, names[line]) != 0)
		line++;
	return (enum line)line;
}

/* Store the next word of a line. False if it does not parse. */
static bool note(struct status *status, enum line line, const char *word)
{
	struct smi_credentials *c = &status->credentials;
	unsigned column = status->columns[line]++;
	bool is_set = line == PERMITTED || line == INHERITABLE;
	uint64_t n;

	if (line == STATE) {
		if (column == 0)
			status->ended = *word == 'Z' || *word == 'X';
		return true;
	}
	if (!smi_proc_number(word, is_set ? 16 : 10, &n))
		return false;
	if (line == UIDS && column < SMI_IDS)
		c->uids[column] = (size_t)n;
	else if (line == GIDS && column < SMI_IDS)
		c->gids[column] = (size_t)n;
	else if (line == GROUPS)
		c->in_group_0 = c->in_group_0 || n == 0;
	else if (line == THREADS)
		status->threads = (size_t)n;
	else if (line == PERMITTED)
		c->permitted = n;
	else if (line == INHERITABLE)
		c->inheritable = n;
	return true;
}

/* ENOTSUP if the kernel does not report all lines, EBADMSG if one is too short,
 * or 0. */
static int judge(const struct status *status)
{
	static const unsigned columns[LINES] = {
		[STATE] = 1,   [UIDS] = SMI_IDS,  [GIDS] = SMI_IDS,
		[THREADS] = 1, [INHERITABLE] = 1, [PERMITTED] = 1,
	};

	for (unsigned line = 0; line < LINES; line++)
		if (!status->seen[line])
			return ENOTSUP;
	for (unsigned line = 0; line < LINES; line++)
		if (status->columns[line] < columns[line])
			return EBADMSG;
	return 0;
}

/* -1 with errno. */
static int read_status(size_t thread, struct status *status)
{
	struct smi_proc_words words;
	enum line line = LINES;
	bool parses = true;

	*status = (struct status){.credentials = {.thread = thread}};
	if (!open_of(&words, thread, "status"))
		return -1;
	while (parses && smi_proc_words_next(&words)) {
		if (words.is_first) {
			line = line_of(words.word);
			if (line != LINES)
				status->seen[line] = true;
		} else if (line != LINES) {
			parses = note(status, line, words.word);
		}
	}
	if (!parses)
		words.code = EBADMSG;
	else if (words.code == 0)
		words.code = judge(status);
	return smi_proc_words_close(&words);
}

/* The caller of smi_proc_each_thread(). */
struct caller {
	void (*start)(void *with);
	void (*see)(const struct smi_credentials *credentials, void *with);
	void *with;
};

static void restart(void *with)
{
	struct caller *caller = with;

	caller->start(caller->with);
}

static int show(size_t thread, size_t *all, void *with)
{
	struct caller *caller = with;
	struct status status;

	if (read_status(thread, &status) != 0)
		return has_gone(errno) ? 0 : -1;
	*all = status.threads;
	if (!status.ended)
		caller->see(&status.credentials, caller->with);
	return 0;
}

int smi_proc_each_thread(void (*start)(void *with),
                         void (*see)(const struct smi_credentials *credentials,
                                     void *with),
                         void *with)
{
	struct caller caller = {start, see, with};
	int state, result;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	result = walk_threads(restart, show, &caller);
	pthread_setcancelstate(state, NULL);
	return result;
}
