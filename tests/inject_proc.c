/*
 * Files of /proc that are cut short at every position, empty, or full of what
 * no kernel writes: secmalloc_verify() never reports a fault that it did not
 * find, and never passes a check that it could not make. secmalloc_daemon()
 * does not count threads that have ended, and does not believe a list that is
 * incomplete.
 *
 * The program links the library's objects. The linker sends their calls through
 * the wrappers in this file (--wrap).
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "fails.h"
#include "thread.h"
#include "verify.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define LOCKED ((unsigned)SECMALLOC_VERIFY_LOCKED)
#define ADVICE ((unsigned)SECMALLOC_VERIFY_ADVICE)
#define IDS    ((unsigned)SECMALLOC_VERIFY_IDS)
#define CORE   ((unsigned)SECMALLOC_VERIFY_CORE)

#define SMAPS        "/proc/thread-self/smaps"
#define CORE_PATTERN "/proc/sys/kernel/core_pattern"

/* ---- The wrappers ------------------------------------------------------- */

/* Files that are opened instead of others. */
#define INSTEADS 2
static struct {
	char of[64];
	char with[64];
	bool used;
} insteads[INSTEADS];

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...)
{
	for (int i = 0; i < INSTEADS; i++)
		if (strcmp(path, insteads[i].of) == 0) {
			path = insteads[i].with;
			insteads[i].used = true;
		}
	return __real_open(path, flags);
}

/*
 * The list of threads ends after list_most bytes. leave_out is a thread that is
 * missing in the first list that would contain it. Another thread then stands
 * in its place if put_instead is its id.
 */
static size_t list_most = SIZE_MAX, listed;
static long leave_out, put_instead;

/* Change a record of getdents64(). Returns the number of bytes by which the
 * records became shorter. */
static long leave_out_of(char *record, long rest)
{
	char name[24];
	uint16_t length;

	memcpy(&length, record + 16, sizeof(length));
	leave_out = 0;
	if (put_instead == 0) {
		memmove(record, record + length, (size_t)(rest - length));
		return length;
	}
	snprintf(name, sizeof(name), "%ld", put_instead);
	if (strlen(name) > strlen(record + 19))
		case_skip("the ids of threads differ in length");
	strcpy(record + 19, name);
	return 0;
}

static long change_list(char *records, long bytes)
{
	char id[24];
	uint16_t length;

	snprintf(id, sizeof(id), "%ld", leave_out);
	for (long at = 0; leave_out != 0 && at < bytes; at += length) {
		memcpy(&length, records + at + 16, sizeof(length));
		if (strcmp(records + at + 19, id) == 0)
			bytes -= leave_out_of(records + at, bytes - at);
	}
	if (listed + (size_t)bytes > list_most)
		bytes = (long)(list_most - listed);
	listed = bytes == 0 ? 0 : listed + (size_t)bytes;
	return bytes;
}

long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);
long __wrap_syscall(long number, ...)
{
	long a[3], result;
	va_list list;

	va_start(list, number);
	for (int i = 0; i < 3; i++)
		a[i] = va_arg(list, long);
	va_end(list);
	result = __real_syscall(number, a[0], a[1], a[2]);
	if (number == SYS_getdents64 && result >= 0)
		result = change_list((char *)a[1], result);
	return result;
}

/* ---- Files instead of those of /proc ------------------------------------ */

static char text[1 << 20];

static void read_text(const char *path)
{
	FILE *file = fopen(path, "r");

	text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
	fclose(file);
}

static char template[] = "/tmp/secmalloc-proc-XXXXXX";

/* Write a file that is opened instead of another from now on. */
static void put(int i, const char *of, const char *contents)
{
	FILE *file;

	snprintf(insteads[i].with, sizeof(insteads[i].with), "%s-%d-%d",
	         template, i, getpid());
	file = fopen(insteads[i].with, "w");
	if (file == NULL || fputs(contents, file) < 0 || fclose(file) != 0
	    || chmod(insteads[i].with, 0666) != 0)
		case_skip("cannot write in /tmp: %s", strerror(errno));
	snprintf(insteads[i].of, sizeof(insteads[i].of), "%s", of);
}

static void drop_files(void)
{
	for (int i = 0; i < INSTEADS; i++)
		unlink(insteads[i].with);
}

/* Run a case whose files are removed afterwards. */
static bool (*body)(void);
static bool with_files(void)
{
	bool good = body();

	drop_files();
	return good;
}
static void try_files(const char *what, bool (*run)(void))
{
	body = run;
	try_case(what, with_files);
}

/* The results at all positions at which a file is cut. */
struct cuts {
	size_t passed_from, failed_from; /* the shortest file with the result */
	size_t passed, failed, unknown;
};

/* Cut file 0 at every position, from its end on, and verify each time. False if
 * an error is not one of those that verify has, or does not name the file. */
static bool cut_everywhere(unsigned checks, const char *file, struct cuts *cuts)
{
	struct stat whole;

	*cuts = (struct cuts){SIZE_MAX, SIZE_MAX, 0, 0, 0};
	if (stat(insteads[0].with, &whole) != 0)
		return false;
	for (size_t n = (size_t)whole.st_size + 1; n-- > 0;) {
		if (truncate(insteads[0].with, (off_t)n) != 0)
			return false;
		if (secmalloc_verify(checks) == 0) {
			cuts->passed++;
			cuts->passed_from = n;
		} else if (errno == EPERM) {
			cuts->failed++;
			cuts->failed_from = n;
		} else if (errno == ENOTSUP
		           && (says(file) || says("does not report"))) {
			cuts->unknown++;
		} else {
			tap_note("%zu bytes: errno %d, '%s'", n, errno,
			         secmalloc_error());
			return false;
		}
	}
	tap_note("%zu bytes: %zu pass (from %zu), %zu fail (from %zu), %zu "
	         "unknown",
	         (size_t)whole.st_size, cuts->passed, cuts->passed_from,
	         cuts->failed, cuts->failed_from, cuts->unknown);
	return insteads[0].used;
}

/* ---- Mappings ----------------------------------------------------------- */

/* The mappings of this process that are locked, and one after them, in `few`.
 * `arena_end` and `first_end` are the lengths up to the end of the last and of
 * the first locked one. */
static char few[1 << 16];
static size_t arena_end, first_end;

/* The start of the mapping after the one that starts at `at`. */
static char *after(char *at)
{
	char *flags = strstr(at, "\nVmFlags:");

	return flags == NULL ? NULL : strchr(flags + 1, '\n') + 1;
}

static bool take_locked(void)
{
	bool is_last = false;
	char *to = few;

	read_text("/proc/self/smaps");
	arena_end = first_end = 0;
	for (char *at = text, *end; (end = after(at)) != NULL; at = end) {
		char *flags = strstr(at, "\nVmFlags:");
		char *locked = strstr(flags, " lo");
		bool is = locked != NULL && locked < end;

		if (!is && (arena_end == 0 || is_last))
			continue;
		is_last = !is;
		memcpy(to, at, (size_t)(end - at));
		to += end - at;
		if (is)
			arena_end = (size_t)(to - few);
		if (is && first_end == 0)
			first_end = arena_end;
	}
	*to = '\0';
	return arena_end > first_end && (size_t)(to - few) > arena_end;
}

static void make_arena(void)
{
	static const struct secmalloc_config config = {
		.initial_pools = 1,
		.pool_size = 65536,
		.guarded_chunks = 2,
	};

	if (secmalloc_init(&config) != 0)
		case_skip_init();
	if (!passes(LOCKED | ADVICE) || !take_locked())
		case_skip("smaps cannot be divided");
}

static bool sound_mappings(void)
{
	struct cuts cuts;

	make_arena();
	put(0, SMAPS, few);
	return passes(LOCKED | ADVICE)
	       && cut_everywhere(LOCKED | ADVICE, SMAPS, &cuts)
	       && cuts.failed == 0 && cuts.passed >= 2
	       && cuts.passed_from == arena_end;
}

static bool unlocked_mappings(void)
{
	struct cuts cuts;

	make_arena();
	for (char *at = few; (at = strstr(at, " lo ")) != NULL;)
		memcpy(at, " xx ", 4);
	put(0, SMAPS, few);
	return finds(LOCKED, "key page is not locked")
	       && cut_everywhere(LOCKED, SMAPS, &cuts) && cuts.passed == 0
	       && cuts.failed > 0 && cuts.failed_from == first_end;
}

/* A mapping in the middle is missing: only a later one shows that. */
static bool mapping_is_missing(void)
{
	char *gap, *next;
	size_t next_end;
	struct cuts cuts;

	make_arena();
	/* After the first locked mapping comes a guard. */
	gap = after(few + first_end);
	next = after(gap);
	next_end = (size_t)(after(next) - next) + (size_t)(gap - few);
	memmove(gap, next, strlen(next) + 1);
	put(0, SMAPS, few);
	return finds(LOCKED, "is not mapped")
	       && cut_everywhere(LOCKED, SMAPS, &cuts) && cuts.passed == 0
	       && cuts.failed_from == next_end;
}

static bool with_line(const char *from, const char *to)
{
	static char changed[1 << 16];
	char *at = strstr(few, from);
	bool good;

	if (at == NULL)
		return false;
	snprintf(changed, sizeof(changed), "%.*s%s%s", (int)(at - few), few, to,
	         at + strlen(from));
	put(0, SMAPS, changed);
	good = fails(LOCKED | ADVICE, ENOTSUP, "");
	if (!good)
		tap_note("'%s' for '%s'", to, from);
	return good;
}

static bool lines_that_do_not_parse(void)
{
	make_arena();
	return with_line("\nRss: ", "\nRss: x") && with_line("\nRss:", "\nRs:")
	       && with_line("\nSwap: ", "\nSwap: -") && with_line("-", "+")
	       && with_line("\nVmFlags:", "\nVmFlags: lock")
	       && with_line("\nVmFlags:", "\nFlags:")
	       && with_line("\nSize:", "\nSize") && with_line("", "x\n");
}

/* A kernel before 3.17, and a kernel without smaps. */
static bool old_kernel(void)
{
	char own[64];

	make_arena();
	snprintf(insteads[0].of, sizeof(insteads[0].of), "%s", SMAPS);
	strcpy(insteads[0].with, "/nowhere");
	if (!passes(LOCKED | ADVICE) || !insteads[0].used)
		return false;
	snprintf(own, sizeof(own), "/proc/self/task/%d/smaps", getpid());
	snprintf(insteads[1].of, sizeof(insteads[1].of), "%s", own);
	strcpy(insteads[1].with, "/nowhere");
	return fails(LOCKED, ENOTSUP,
	             "(errno 2): use a kernel with CONFIG_PROC_PAGE_MONITOR");
}

/* ---- Credentials -------------------------------------------------------- */

static char status_file[64], stat_file[64];
static int threads = 1; /* that the files report */

/* Replace the status file of a thread. */
static long of_thread;
static void put_status(const char *uid, const char *permitted)
{
	long thread = of_thread == 0 ? getpid() : of_thread;

	snprintf(status_file, sizeof(status_file), "/proc/self/task/%ld/status",
	         thread);
	snprintf(stat_file, sizeof(stat_file), "/proc/self/task/%ld/stat",
	         thread);
	snprintf(text, sizeof(text),
	         "Name:\tinject\nState:\tR (running)\nTgid:\t1\n"
	         "Uid:\t%s\t%s\t%s\t%s\nGid:\t12\t12\t12\t12\n"
	         "Groups:\t12 300 \nThreads:\t%d\n"
	         "CapInh:\t0000000000000000\nCapPrm:\t%s\n"
	         "CapEff:\t0000000000000000\nSeccomp:\t0\n",
	         uid, uid, uid, uid, threads, permitted);
	put(0, status_file, text);
}

static size_t length_up_to(const char *line)
{
	return (size_t)(strchr(strstr(text, line), '\n') + 1 - text);
}

static bool sound_status(void)
{
	struct cuts cuts;

	put_status("1000", "0000000000000000");
	return passes(IDS) && cut_everywhere(IDS, "/proc/self/task", &cuts)
	       && cuts.failed == 0 && cuts.passed == 3
	       && cuts.passed_from == length_up_to("CapPrm");
}

/* Neither the start of an id nor that of a set is taken for the whole. */
static bool unsound_status(void)
{
	struct cuts ids, set;

	put_status("0", "0000000000000000");
	if (!finds(IDS, "effective uid is 0")
	    || !cut_everywhere(IDS, "/proc/self/task", &ids) || ids.passed > 0
	    || ids.failed_from != length_up_to("CapPrm"))
		return false;
	put_status("1000", "00000000000000c0");
	return finds(IDS, "cap_setgid, cap_setuid")
	       && cut_everywhere(IDS, "/proc/self/task", &set)
	       && set.passed == 0 && set.failed_from == length_up_to("CapPrm");
}

static bool line_changes(const char *from, const char *to)
{
	char *at;

	put_status("1000", "0000000000000000");
	at = strstr(text, from);
	memmove(at + strlen(to), at + strlen(from),
	        strlen(at + strlen(from)) + 1);
	memcpy(at, to, strlen(to));
	put(0, status_file, text);
	if (fails(IDS, ENOTSUP, ""))
		return true;
	tap_note("'%s' for '%s'", to, from);
	return false;
}

static bool status_that_does_not_parse(void)
{
	return line_changes("Uid:\t1000\t", "Uid:\t")
	       && line_changes("Uid:\t1000", "Uid:\tx")
	       && line_changes("Uid:", "Vid:") && line_changes("Gid:", "")
	       && line_changes("\t12\n", "\n")
	       && line_changes("12 300", "12 -1")
	       && line_changes("Groups:", "Group:")
	       && line_changes("Threads:\t1", "Threads:")
	       && line_changes("Threads:\t1", "Threads:\t2")
	       && line_changes("CapPrm:\t0", "CapPrm:\t?")
	       && line_changes("CapPrm:\t0000000000000000", "CapPrm:")
	       && line_changes("CapInh:", "CapInx:")
	       && line_changes("State:\tR (running)", "State:");
}

/* A stat file with this name and these flags. */
static void put_stat(const char *name, unsigned flags)
{
	snprintf(text, sizeof(text),
	         "7 (%s) S 1 7 7 0 -1 %u 0 0 0 0 0 0 0 0 20 0 %d 0 5 6\n", name,
	         flags, threads);
	put(1, stat_file, text);
}

/* Only the kernel's flag shows that a thread is a worker of an io_uring. A
 * thread can give itself any name. */
static bool worker(void)
{
	put_status("0", "0000000000000000");
	put_stat("iou-sqp-7", 0x404050);
	if (!finds(IDS, ": workers of an io_uring keep the privileges that its "
	                "maker had (effective uid 0, effective gid 12, 0 "
	                "capabilities): make the io_uring after dropping")
	    || says("setresuid"))
		return false;
	put_stat("iou-sqp-7", 0x404040);
	if (!finds(IDS, "use setresuid") || says("io_uring"))
		return false;
	put_stat("iou-) S 1 7 7 0 -1 16 0 0 0 0 0 0 0 0 0 0 1 (", 0x404040);
	if (!finds(IDS, "use setresuid") || says("io_uring"))
		return false;
	put_stat("a(b) c", 0x404050);
	return finds(IDS, "use setresuid") && !says("io_uring");
}

/* The finding stays, whatever can be read of the stat file. */
static bool worker_in_pieces(void)
{
	put_status("0", "0000000000000000");
	put_stat("iou-sqp-7", 0x404050);
	if (!finds(IDS, "workers of an io_uring"))
		return false;
	for (size_t n = strlen(text); n-- > 0;)
		if (truncate(insteads[1].with, (off_t)n) != 0
		    || !finds(IDS, "use setresuid") || says("io_uring"))
			return false;
	return true;
}

/* ---- The list of threads ------------------------------------------------ */

static pthread_barrier_t barrier;
static long other;

static void *wait_there(void *unused)
{
	other = syscall(SYS_gettid);
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	return unused;
}

/* Start a thread that waits, and store its id in `other`. */
static void start_other(pthread_t *thread)
{
	pthread_barrier_init(&barrier, NULL, 2);
	thread_begin(thread, wait_there, NULL);
	pthread_barrier_wait(&barrier);
	of_thread = other;
	threads = 2;
}

static bool be_harmless(void)
{
	if (geteuid() != 0 || become_nobody())
		return true;
	case_skip("root is not allowed to become another user: %s",
	          strerror(errno));
}

/* The status of the other thread has uid 0. It is found, or the list is not
 * believed. */
static bool list_in_pieces(void)
{
	pthread_t thread;
	size_t whole = 0;

	if (!be_harmless())
		return false;
	start_other(&thread);
	if (!passes(IDS))
		return false;
	for (size_t n = 0; n < 400; n++) {
		list_most = n;
		listed = 0;
		if (secmalloc_verify(IDS) == 0) {
			whole = whole == 0 ? n : whole;
			continue;
		}
		if (errno != ENOTSUP || !says("/proc/self/task") || whole != 0)
			return false;
	}
	tap_note("the whole list has %zu bytes", whole);
	list_most = 20;
	listed = 0;
	return whole > 90
	       && fails(IDS, ENOTSUP, "(errno 74): it is empty, cut short")
	       && (listed = list_most = 0,
	           fails(IDS, ENOTSUP, "(errno 11): threads "));
}

/* When a thread ends while the list is read, the kernel may leave out another
 * one, once. */
static bool other_is_found(void)
{
	pthread_t thread;

	if (!be_harmless())
		return false;
	start_other(&thread);
	put_status("0", "0000000000000000");
	leave_out = other;
	return finds(IDS, "the effective uid is 0 in 1 of 2 threads")
	       && leave_out == 0;
}

/* If yet another thread begins, the list has the right length all the same. */
static bool replaced_is_found(void)
{
	put_instead = getpid();
	return other_is_found();
}

/* A joined thread that the kernel has not removed yet counts for nothing. */
static bool ending_thread(void)
{
	pthread_t thread;

	if (!be_harmless())
		return false;
	start_other(&thread);
	put_status("0", "0000000000000000");
	put_stat("inject", 0x400044);
	if (!passes(IDS))
		return false;
	put_stat("inject", 0x400040);
	return finds(IDS, " in 1 of 2 threads");
}

static bool only_ending_threads(void)
{
	put_status("0", "0000000000000000");
	put_stat("inject", 0x400044);
	return fails(IDS, ENOTSUP, "(errno 74)");
}

/* ---- The number of threads ---------------------------------------------- */

static bool daemon_fails(const char *words)
{
	int result = secmalloc_daemon(1, 1);

	if (result == -1 && errno == ENOTSUP && says(words))
		return true;
	tap_note("%d, errno %d: '%s'", result, errno, secmalloc_error());
	return false;
}

/* The child takes the test's result with it. */
static bool daemon_works(void)
{
	static int ends[2];
	char done = 0;
	pid_t child;

	if (pipe(ends) != 0)
		return false;
	child = fork();
	if (child == 0) {
		bool good = secmalloc_init(NULL) == 0;
		pthread_t thread;

		start_other(&thread);
		snprintf(stat_file, sizeof(stat_file),
		         "/proc/self/task/%ld/stat", other);
		put_stat("inject", 0x400044);
		good = good && secmalloc_daemon(1, 1) == 0;
		if (!good)
			tap_note("%s", secmalloc_error());
		else if (write(ends[1], "y", 1) != 1)
			tap_note("write: %s", strerror(errno));
		drop_files();
		_exit(0);
	}
	close(ends[1]);
	return read(ends[0], &done, 1) == 1 && done == 'y';
}

static bool daemon_refuses(void)
{
	pthread_t thread;

	if (secmalloc_init(NULL) != 0)
		case_skip_init();
	start_other(&thread);
	if (!daemon_fails("the process has 2 threads"))
		return false;
	list_most = 80;
	if (!daemon_fails("/proc/self/task, which shows the number of threads, "
	                  "could not be read (errno "))
		return false;
	list_most = SIZE_MAX;
	listed = 0;
	strcpy(insteads[0].of, "/proc/self/task");
	strcpy(insteads[0].with, "/nowhere");
	return daemon_fails("could not be read (errno 2)");
}

/* A call that succeeds ends this process with status 0. */
static bool daemon_counts(void)
{
	int status = -1;
	pid_t child = fork();

	if (child == 0)
		_exit(daemon_refuses() ? 7 : 1);
	waitpid(child, &status, 0);
	if (WIFEXITED(status) && WEXITSTATUS(status) == TAP_CANNOT)
		_exit(TAP_CANNOT);
	return WIFEXITED(status) && WEXITSTATUS(status) == 7;
}

/* ---- Core dumps --------------------------------------------------------- */

static bool pattern_in_pieces(void)
{
	struct cuts cuts;

	put(0, CORE_PATTERN, "@/run/x\n");
	if (!finds(CORE, "socket") || !cut_everywhere(CORE, CORE_PATTERN, &cuts)
	    || cuts.passed != 0 || cuts.failed_from != 1)
		return false;
	put(0, CORE_PATTERN, "");
	return fails(CORE, ENOTSUP, "(errno 74): it is empty");
}

int main(void)
{
	tap_needs_plain_build();
	if (sysconf(_SC_PAGESIZE) != 4096)
		tap_skip_all("the figures are for pages of 4 KiB");
	tap_needs_lock(1024);
	tap_needs_file(SMAPS);
	close(mkstemp(template));
	try_files(
		"sound mappings never fail, and pass only if all of the arena "
		"is there",
		sound_mappings);
	try_files("unlocked mappings never pass, and fail once one is whole",
	          unlocked_mappings);
	try_files(
		"a missing mapping never passes, and fails once a later one is "
		"whole",
		mapping_is_missing);
	try_files("mappings that do not parse give no finding",
	          lines_that_do_not_parse);
	try_files("the mappings are found without /proc/thread-self",
	          old_kernel);
	try_files(
		"sound credentials never fail, and pass only if they are whole",
		sound_status);
	try_files(
		"unsound credentials never pass, and fail once they are whole",
		unsound_status);
	try_files("credentials that do not parse give no finding",
	          status_that_does_not_parse);
	try_files("workers of an io_uring are told apart by the kernel's flag",
	          worker);
	try_files("without the flag they are reported as ordinary threads",
	          worker_in_pieces);
	try_files("a list of threads that is cut is not believed",
	          list_in_pieces);
	try_files("a thread that the list left out once is found",
	          other_is_found);
	try_files("it is found even if the list is as long as it should be",
	          replaced_is_found);
	try_files("a thread that is ending does not matter", ending_thread);
	try_files("threads that are all ending are not believed",
	          only_ending_threads);
	try_files("secmalloc_daemon() does not believe a list that is cut",
	          daemon_counts);
	try_files("secmalloc_daemon() does not count a thread that is ending",
	          daemon_works);
	try_files("an empty core_pattern is not believed", pattern_in_pieces);
	unlink(template);
	tap_done();
}
