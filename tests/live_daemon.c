/*
 * secmalloc_daemon() moves the chunks into the child, locked, under every
 * policy. If the call fails, it fails in the parent, which is unchanged.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "backing.h"
#include "child.h"
#include "hide.h"
#include "proc.h"
#include "tap.h"
#include "thread.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <secmalloc.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>

#define POOLS     4
#define LOCKED_KB (POOLS * 64 + 4)

static struct secmalloc_config config = {
	.initial_pools = POOLS,
	.max_pools = POOLS,
};
static char *chunk;

/* The daemon reports its state in memory that it shares with the test. */
static struct {
	volatile bool done;
	int result;
	pid_t pid, session, group;
	long locked_kb;
	bool is_whole, has_flags, is_sound, streams_stay;
	char directory[300], streams[3][100];
	int descriptors, end_of_child; /* of a child that reads the chunk */
} * found;

static bool start(void)
{
	if (secmalloc_init(&config) != 0)
		return false;
	chunk = hide(secstrdup("the daemon's secret"));
	return true;
}

static bool is_whole(void)
{
	return strcmp(chunk, "the daemon's secret") == 0;
}

static bool is_untouched(void)
{
	return is_whole() && proc_has_flag(chunk, "lo")
	       && proc_status_kb("VmLck") == LOCKED_KB
	       && secmalloc_audit() == 0;
}

static int read_stale(void)
{
	return is_whole() ? 42 : 1;
}

/* The number of open descriptors. */
static int count_descriptors(void)
{
	int count = 0;

	for (int fd = 0; fd < 64; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

static void look(int result)
{
	static const char *const names[] = {"/proc/self/fd/0",
	                                    "/proc/self/fd/1",
	                                    "/proc/self/fd/2"};

	found->result = result;
	found->pid = getpid();
	found->session = getsid(0);
	found->group = getpgrp();
	found->descriptors = count_descriptors();
	found->locked_kb = proc_status_kb("VmLck");
	found->is_whole = is_whole();
	found->has_flags = proc_has_flag(chunk, "lo")
	                   && proc_has_flag(chunk, "dd");
	found->is_sound = secmalloc_audit() == 0;
	found->end_of_child = in_child(read_stale);
	if (getcwd(found->directory, sizeof(found->directory)) == NULL)
		found->directory[0] = '\0';
	/* The standard streams are also open in programs that the daemon
	 * starts. */
	found->streams_stay = fcntl(0, F_GETFD) == 0 && fcntl(1, F_GETFD) == 0
	                      && fcntl(2, F_GETFD) == 0;
	for (int i = 0; i < 3; i++)
		if (readlink(names[i], found->streams[i],
		             sizeof(found->streams[i]) - 1)
		    < 0)
			found->streams[i][0] = '\0';
	found->done = true;
}

/* ---- A daemon ----------------------------------------------------------- */

static int no_directory, no_streams;

static int launch(void)
{
	int result;

	if (!start())
		return tap_cannot("%s", secmalloc_error());
	result = secmalloc_daemon(no_directory, no_streams);
	if (result != 0) {
		tap_note("%s", secmalloc_error());
		return 2;
	}
	look(result);
	_exit(9);
}

/* Run a launcher and return how it ended. The test is the parent of the
 * launcher's daemon, and waits for the daemon too. */
static int launched(int (*act)(void))
{
	int end;

	memset(found, 0, sizeof(*found));
	end = in_child(act);
	while (waitpid(-1, NULL, 0) > 0)
		;
	return end;
}

static bool all_null(void)
{
	for (int i = 0; i < 3; i++)
		if (strcmp(found->streams[i], "/dev/null") != 0)
			return false;
	return found->streams_stay;
}

static bool is_at_home(void)
{
	return found->done && found->result == 0 && found->is_whole
	       && found->has_flags && found->is_sound
	       && found->locked_kb == LOCKED_KB && found->pid == found->session
	       && found->pid == found->group;
}

static int launch_plainly(void)
{
	if (!start())
		return tap_cannot("%s", secmalloc_error());
	if (daemon(1, 1) != 0)
		return 2;
	found->locked_kb = proc_status_kb("VmLck");
	found->done = true;
	found->is_whole = is_whole();
	_exit(9);
}

static void every_policy(void)
{
	static const char *const names[] = {"NONE", "KEEP", "WIPE"};
	static const int ends[] = {128 + SIGSEGV, 42, 1};

	launched(launch_plainly);
	tap_ok(found->done && found->locked_kb == 0 && !found->is_whole,
	       "control: after daemon(3) with NONE the chunks are gone");
	for (unsigned i = 0; i < 3; i++) {
		int end;

		config.fork = i;
		end = launched(launch);
		tap_ok(end == 0 && is_at_home()
		               && found->end_of_child == ends[i],
		       "%s: the daemon has the chunks, locked, and the policy "
		       "holds for its own children (%d, VmLck %ld)",
		       names[i], end, found->locked_kb);
	}
	config.fork = SECMALLOC_FORK_NONE;
}

static int without_streams(void)
{
	for (int fd = 0; fd < 64; fd++)
		close(fd);
	return launch();
}

static void as_daemon_does(void)
{
	char here[300];
	bool same;
	int before = count_descriptors();

	launched(launch);
	tap_ok(is_at_home() && strcmp(found->directory, "/") == 0 && all_null()
	               && found->descriptors == before,
	       "a daemon has its own session, /, /dev/null and no extra "
	       "descriptor");
	no_directory = no_streams = 1;
	launched(launch);
	same = getcwd(here, sizeof(here)) != NULL
	       && strcmp(here, found->directory) == 0;
	tap_ok(is_at_home() && same && !all_null(),
	       "nochdir and noclose keep the directory and the streams");
	no_directory = no_streams = 0;
	launched(without_streams);
	tap_ok(is_at_home() && all_null() && found->descriptors == 3,
	       "a process without open streams has them as a daemon");
}

/* ---- A first thread that has ended -------------------------------------- */

static void *launch_in_thread(void *unused)
{
	const struct timespec moment = {.tv_nsec = 1000000};

	(void)unused;
	for (int i = 0; i < 10000 && proc_first_state() != 'Z'; i++)
		nanosleep(&moment, NULL);
	_exit(proc_first_state() == 'Z' ? launch() : 3);
}

/* The first thread stays in the kernel's list until the others have ended. */
static int launch_without_first(void)
{
	pthread_t thread;

	thread_begin(&thread, launch_in_thread, NULL);
	pthread_exit(NULL);
}

/* ---- Failures ----------------------------------------------------------- */

/* The call fails with this errno and message, and does not leave a child
 * behind. */
static bool fails(int code, const char *words)
{
	int result;

	errno = 0;
	result = secmalloc_daemon(0, 0);
	if (result == -1 && errno == code
	    && strncmp(secmalloc_error(), "secmalloc_daemon: ", 18) == 0
	    && strstr(secmalloc_error(), words) != NULL
	    && waitpid(-1, NULL, 0) == -1 && errno == ECHILD)
		return true;
	tap_note("%d, errno %d: %s", result, errno, secmalloc_error());
	return false;
}

static bool parent_goes_on(void)
{
	char *more = secmalloc(5000);

	secfree(more);
	return more != NULL && is_untouched()
	       && in_child(read_stale)
	                  == (config.fork == SECMALLOC_FORK_NONE ? 128 + SIGSEGV
	                                                         : 1);
}

static int within_the_limit(void)
{
	if (!child_be_ordinary(LOCKED_KB * KIB))
		return tap_cannot("%s", secmalloc_error());
	return launch();
}

static int beyond_the_limit(void)
{
	if (!start() || !child_be_ordinary(100 * KIB))
		return tap_cannot("%s", secmalloc_error());
	return fails(ENOMEM, "LimitMEMLOCK=266240") && parent_goes_on();
}

static int wipe_beyond_the_limit(void)
{
	config.fork = SECMALLOC_FORK_WIPE;
	return beyond_the_limit();
}

static int without_a_right(void)
{
	if (!start() || !child_be_ordinary(0))
		return tap_cannot("%s", secmalloc_error());
	return fails(EPERM, "fork while still root") && parent_goes_on()
	       && fails(EPERM, "RLIMIT_MEMLOCK is 0") && parent_goes_on();
}

static int without_an_arena(void)
{
	return fails(ENXIO, "secmalloc_init()") && start()
	       && (secmalloc_fini(), true) && fails(ENXIO, "secmalloc_init()");
}

static int child_of_none(void)
{
	return fails(ENXIO, "the arena belongs to the parent");
}

static int in_a_forked_child(void)
{
	return start() ? in_child(child_of_none)
	               : tap_cannot("%s", secmalloc_error());
}

static void *wait_there(void *lock)
{
	pthread_mutex_lock(lock);
	return NULL;
}

static int with_another_thread(void)
{
	pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	pthread_t thread;
	bool good;

	if (!start())
		return tap_cannot("%s", secmalloc_error());
	pthread_mutex_lock(&lock);
	thread_begin(&thread, wait_there, &lock);
	good = fails(ENOTSUP, "has 2 threads");
	pthread_mutex_unlock(&lock);
	pthread_join(thread, NULL);
	return good && parent_goes_on();
}

static int without_descriptors(void)
{
	struct rlimit none, all;
	bool good;

	if (!start())
		return tap_cannot("%s", secmalloc_error());
	getrlimit(RLIMIT_NOFILE, &all);
	none = all;
	none.rlim_cur = 0;
	setrlimit(RLIMIT_NOFILE, &none);
	good = fails(EMFILE, "/proc/self/task, which shows the number of "
	                     "threads, could not be read (errno 24): close a "
	                     "file descriptor");
	setrlimit(RLIMIT_NOFILE, &all);
	return good && parent_goes_on();
}

static int without_processes(void)
{
	struct rlimit none = {0, 0};

	if (!start() || !child_be_ordinary(LOCKED_KB * KIB)
	    || setrlimit(RLIMIT_NPROC, &none) != 0)
		return tap_cannot("%s", secmalloc_error());
	return fails(EAGAIN, "fork() failed") && is_untouched();
}

/* End the child while the parent waits for it. */
static int signal_in_child, status_in_child;
static void die(void)
{
	if (signal_in_child != 0)
		raise(signal_in_child);
	if (status_in_child != 0)
		_exit(status_in_child);
}

static int child_dies(void)
{
	if (!start())
		return tap_cannot("%s", secmalloc_error());
	signal_in_child = SIGKILL;
	if (!fails(ECHILD, "the child was killed by signal 9 before it was "
	                   "ready: a memory limit may be too small"))
		return 2;
	signal_in_child = SIGTERM;
	if (!fails(ECHILD, "the child was killed by signal 15 before it was "
	                   "ready")
	    || strstr(secmalloc_error(), "memory") != NULL)
		return 3;
	signal_in_child = 0;
	return parent_goes_on();
}

static int child_exits(void)
{
	if (!start())
		return tap_cannot("%s", secmalloc_error());
	status_in_child = 3;
	if (!fails(ECHILD, "the child exited with status 3 before it was ready")
	    || strstr(secmalloc_error(), "memory") != NULL)
		return 2;
	status_in_child = 0;
	return parent_goes_on();
}

/* Children of a process that ignores SIGCHLD leave no status. */
static int child_dies_unseen(void)
{
	if (!start())
		return tap_cannot("%s", secmalloc_error());
	signal(SIGCHLD, SIG_IGN);
	signal_in_child = SIGKILL;
	if (!fails(ECHILD, "the child ended before it was ready, and how could "
	                   "not be found out (errno 10)")
	    || strstr(secmalloc_error(), "memory") != NULL)
		return 2;
	signal_in_child = 0;
	signal(SIGCHLD, SIG_DFL);
	return parent_goes_on();
}

/* ---- A fork handler of the program --------------------------------------- */

static char *for_handler;

/* Fork handler of the parent. The child may already have its own copy of the
 * chunk by then, and must not depend on the parent's. */
static void free_in_parent(void)
{
	secfree(for_handler);
	for_handler = NULL;
}

static int launch_with_handler(void)
{
	if (!start())
		return tap_cannot("%s", secmalloc_error());
	for_handler = hide(secmalloc(100000));
	memset(for_handler, 'h', 100000);
	pthread_atfork(NULL, free_in_parent, NULL);
	if (secmalloc_daemon(no_directory, no_streams) != 0)
		return 2;
	for (int i = 0; i < 100000; i++)
		if (for_handler[i] != 'h')
			_exit(9);
	free_in_parent(); /* so that the next fork does not free it again */
	look(0);
	_exit(9);
}

static void a_handler_frees(void)
{
	bool good = true;
	int end = 0;

	/* Chance decides which of the two processes is faster, so try several
	 * times. */
	for (int i = 0; i < 10 && good; i++) {
		end = launched(launch_with_handler);
		good = end == 0 && found->done && found->is_whole
		       && found->is_sound;
	}
	tap_ok(good,
	       "a fork handler that frees in the parent does not affect the "
	       "daemon (%d)",
	       end);
}

int main(void)
{
	int end;

	tap_needs_plain_build();
	if (sysconf(_SC_PAGESIZE) != 4096)
		tap_skip_all("the figures are for pages of 4 KiB");
	tap_needs_lock(1024);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	pthread_atfork(NULL, NULL, die);
	found = mmap(NULL, sizeof(*found), PROT_READ | PROT_WRITE,
	             MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	every_policy();
	as_daemon_does();
	a_handler_frees();
	end = launched(launch_without_first);
	tap_ok(end == 0 && is_at_home(),
	       "a first thread that has ended does not matter (%d)", end);
	end = launched(within_the_limit);
	if (end == TAP_CANNOT)
		tap_skip_told(
			"an ordinary user becomes a daemon under a limit that "
			"is just enough");
	else
		tap_ok(end == 0 && is_at_home(),
		       "an ordinary user becomes a daemon under a limit that "
		       "is just enough");
	if (geteuid() == 0) {
		child_try("beyond the limit the call fails, and the parent is "
		          "unchanged",
		          beyond_the_limit);
		child_try("with WIPE and beyond the limit the call fails, and "
		          "the parent is unchanged",
		          wipe_beyond_the_limit);
		child_try("without the right to lock the call fails twice, and "
		          "the parent is unchanged",
		          without_a_right);
	} else {
		tap_skip(
			"beyond the limit the call fails, and the parent is "
			"unchanged",
			"needs root, to lock more before the limit is lowered");
	}
	config.fork = SECMALLOC_FORK_NONE;
	child_try("without an arena the call fails", without_an_arena);
	child_try("in a forked child without an arena the call fails",
	          in_a_forked_child);
	child_try("with a second thread the call fails", with_another_thread);
	child_try("without a free descriptor the call fails",
	          without_descriptors);
	child_try("without a free process the call fails", without_processes);
	child_try("when the child is killed the call fails, and the parent is "
	          "unchanged",
	          child_dies);
	child_try("when the child exits the call names its status",
	          child_exits);
	child_try("when the child ends unseen the call does not say why",
	          child_dies_unseen);
	tap_done();
}
