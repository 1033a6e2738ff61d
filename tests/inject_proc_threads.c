/*
 * Credentials and lists of threads that are cut short at every position, empty,
 * or full of what no kernel writes: secmalloc_verify() never reports a fault
 * that it did not find, and never passes a check that it could not make.
 * secmalloc_daemon() does not count threads that have ended, and does not
 * believe a list that is incomplete.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "inject_proc.h"
#include "thread.h"

#include <pthread.h>

#define IDS ((unsigned)SECMALLOC_VERIFY_IDS)

/* ---- Credentials -------------------------------------------------------- */

static char status_file[64], stat_file[64], text[1024];
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

/* A thread that is about to end, or to give up its privileges, is looked at for
 * some milliseconds. */
static bool about_to_drop(void)
{
	pthread_t thread;

	if (!be_harmless())
		return false;
	start_other(&thread);
	put_status("0", "0000000000000000");
	insteads[0].until = 80;
	return passes(IDS) && insteads[0].uses == 80
	       && (insteads[0].until = 0, finds(IDS, " in 1 of 2 threads"));
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
		insteads[1].from = 80;
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

int main(void)
{
	inject_proc_start();
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
	try_files(
		"a thread that will soon give up its privileges is waited for",
		about_to_drop);
	try_files("threads that are all ending are not believed",
	          only_ending_threads);
	try_files("secmalloc_daemon() does not believe a list that is cut",
	          daemon_counts);
	try_files("secmalloc_daemon() does not count a thread that is ending",
	          daemon_works);
	inject_proc_end();
}
