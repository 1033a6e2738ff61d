/*
 * With KEEP, fork() returns in the parent whatever becomes of the child: it
 * dies, is stopped, or does nothing, even while a program that another thread
 * is starting has copies of all descriptors. A child that comes too late has no
 * arena. The parent can be terminated meanwhile.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "first.h"
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
#include <spawn.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>

static const struct secmalloc_config keep = {
	.initial_pools = 2,
	.max_pools = 2,
	.fork = SECMALLOC_FORK_KEEP,
};
static char *chunk;

/* The next child does this in a handler that runs before the library's. */
static enum { NOTHING, DIE, STOP, DO_NOTHING_FOR_EVER } fate;

static pid_t forker;
static int pending;         /* a signal that comes while the fork is prepared */
static bool program_starts; /* another thread starts a program meanwhile */
static bool forks_fail;

/* ---- A program that is being started --------------------------------------
 */

static char directory[] = "/tmp/fork_wait.XXXXXX";
static char fifo[sizeof(directory) + 10], mark[sizeof(directory) + 10];
static pthread_t starter;

/* The new process makes the mark, and then waits until somebody opens the FIFO
 * for writing. It has copies of all descriptors, and posix_spawn() waits for
 * it. */
static void *start_program(void *unused)
{
	char name[] = "true", *argv[] = {name, NULL};
	posix_spawn_file_actions_t actions;
	pid_t pid;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 0, mark, O_CREAT | O_RDWR,
	                                 0600);
	posix_spawn_file_actions_addopen(&actions, 0, fifo, O_RDONLY, 0);
	if (posix_spawnp(&pid, name, &actions, NULL, argv, environ) == 0)
		waitpid(pid, NULL, 0);
	posix_spawn_file_actions_destroy(&actions);
	return unused;
}

static void begin_program(void)
{
	thread_begin(&starter, start_program, NULL);
	while (access(mark, F_OK) != 0)
		usleep(1000);
}

static void end_program(void)
{
	int fd;

	while ((fd = open(fifo, O_WRONLY | O_NONBLOCK)) < 0 && errno == ENXIO)
		usleep(1000);
	pthread_join(starter, NULL);
	close(fd);
	unlink(mark);
}

/* ---- Fork handlers --------------------------------------------------------
 */

/* Runs after the library's, when all signals are blocked. */
static void before_fork(void)
{
	static const struct rlimit none;

	if (getpid() != forker)
		return;
	if (program_starts)
		begin_program();
	if (pending != 0)
		kill(forker, pending);
	if (forks_fail)
		setrlimit(RLIMIT_NPROC, &none);
}

static void in_the_child(void)
{
	if (fate == NOTHING || getppid() != forker)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	switch (fate) {
	case DIE:
		raise(SIGKILL);
		break;
	case STOP:
		raise(SIGSTOP);
		break;
	default:
		for (;;)
			pause();
	}
}

static void hook_first(void)
{
	pthread_atfork(before_fork, NULL, in_the_child);
}
RUN_FIRST(hook_first);

/* ---- What holds afterwards -------------------------------------------------
 */

static bool start(void)
{
	/* All signals are blocked during a fork, so the limit on waiting would
	 * not end this process. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (secmalloc_init(&keep) != 0)
		return false;
	chunk = hide(secstrdup("a secret"));
	forker = getpid();
	return true;
}

static bool is_untouched(void)
{
	char *more = secmalloc(3000);

	secfree(more);
	return more != NULL && strcmp(chunk, "a secret") == 0
	       && proc_has_flag(chunk, "lo") && secmalloc_audit() == 0;
}

static int has_a_copy(void)
{
	return is_untouched() ? 1 : 0;
}

/* The parent and its next child are as after any other fork. */
static bool goes_on(void)
{
	fate = NOTHING;
	program_starts = false;
	pending = 0;
	return is_untouched() && in_child(has_a_copy) == 1;
}

static int has_nothing(void)
{
	struct proc_mapping mapping;

	if (secmalloc(1) != NULL || errno != ENXIO
	    || strstr(secmalloc_error(),
	              "fork: this child was stopped or very slow")
	               == NULL)
		return 2;
	secfree(chunk);
	return proc_mapping_of(chunk, &mapping)
	                       && strcmp(mapping.access, "---p") == 0
	                       && proc_status_kb("VmLck") == 0
	               ? 1
	               : 3;
}

/* ---- Cases -----------------------------------------------------------------
 */

static int dies(void)
{
	pid_t pid;

	if (!start())
		return tap_cannot("%s", secmalloc_error());
	fate = DIE;
	pid = fork();
	return child_end(pid) == 128 + SIGKILL && goes_on();
}

static int dies_while_a_program_starts(void)
{
	pid_t pid;

	if (!start())
		return tap_cannot("%s", secmalloc_error());
	fate = DIE;
	program_starts = true;
	pid = fork();
	end_program();
	return child_end(pid) == 128 + SIGKILL && goes_on();
}

static int adopts_while_a_program_starts(void)
{
	pid_t pid;

	if (!start())
		return tap_cannot("%s", secmalloc_error());
	program_starts = true;
	pid = fork();
	if (pid == 0)
		_exit(has_a_copy());
	end_program();
	return child_end(pid) == 1 && goes_on();
}

/* With a program that has copies of all descriptors, it is not enough that the
 * parent closes its own. */
static int stops_and_goes_on(bool beside_a_program)
{
	int status, end;
	pid_t pid;

	if (!start())
		return tap_cannot("%s", secmalloc_error());
	fate = STOP;
	program_starts = beside_a_program;
	pid = fork();
	if (pid == 0)
		_exit(has_nothing());
	/* The stop is still there to be waited for. */
	if (waitpid(pid, &status, WUNTRACED) != pid || !WIFSTOPPED(status))
		return 2;
	/* The child's page becomes an old one. */
	((volatile char *)chunk)[0] ^= 1;
	((volatile char *)chunk)[0] ^= 1;
	kill(pid, SIGCONT);
	end = child_end(pid);
	if (beside_a_program)
		end_program();
	return end == 1 && goes_on();
}

static int stops(void)
{
	return stops_and_goes_on(false);
}

static int stops_while_a_program_starts(void)
{
	return stops_and_goes_on(true);
}

static _Atomic int handled;

static void count(int signal)
{
	(void)signal;
	handled++;
}

/* A child that does nothing gets less time if a signal waits to be handled. The
 * signal is handled before fork() returns. */
static int signal_is_handled(void)
{
	struct sigaction action = {.sa_handler = count};
	pid_t pid;

	if (!start())
		return tap_cannot("%s", secmalloc_error());
	sigaction(SIGTERM, &action, NULL);
	pending = SIGTERM;
	fate = DO_NOTHING_FOR_EVER;
	pid = fork();
	if (handled != 1)
		return 2;
	kill(pid, SIGKILL);
	return child_end(pid) == 128 + SIGKILL && goes_on();
}

static int is_terminated(void)
{
	if (!start())
		return tap_cannot("%s", secmalloc_error());
	pending = SIGTERM;
	fate = DO_NOTHING_FOR_EVER;
	fork();
	return 2;
}

static int fork_fails(void)
{
	if (!start() || !child_become_nobody())
		return tap_cannot("%s", secmalloc_error());
	forks_fail = true;
	if (fork() != -1)
		return tap_cannot("RLIMIT_NPROC does not bind");
	return errno == EAGAIN && is_untouched();
}

/* ---- The daemon ------------------------------------------------------------
 */

static int daemon_child_stops(void)
{
	if (!start())
		return tap_cannot("%s", secmalloc_error());
	fate = STOP;
	if (secmalloc_daemon(1, 1) != -1 || errno != ETIMEDOUT
	    || strstr(secmalloc_error(), "secmalloc_daemon: the child was "
	                                 "stopped or very slow")
	               == NULL)
		return 2;
	return waitpid(-1, NULL, WUNTRACED) == -1 && errno == ECHILD
	       && goes_on();
}

static int daemon_child_dies(void)
{
	if (!start())
		return tap_cannot("%s", secmalloc_error());
	fate = DIE;
	if (secmalloc_daemon(1, 1) != -1 || errno != ECHILD)
		return 2;
	return waitpid(-1, NULL, 0) == -1 && errno == ECHILD && goes_on();
}

int main(void)
{
	tap_needs_plain_build();
	watchdog_start(60);
	if (!ran_first)
		tap_skip_all(NOT_RAN_FIRST);
	tap_needs_lock(1024);
	tap_needs_directory(directory);
	snprintf(fifo, sizeof(fifo), "%s/fifo", directory);
	snprintf(mark, sizeof(mark), "%s/mark", directory);
	if (mkfifo(fifo, 0600) != 0)
		tap_skip_all("no FIFO in %s: %s", directory, strerror(errno));
	child_try("a child that dies does not hold up its parent", dies);
	child_try("nor does it while a program is being started that has all "
	          "descriptors",
	          dies_while_a_program_starts);
	child_try("control: meanwhile a child that lives has a copy",
	          adopts_while_a_program_starts);
	child_try(
		"a stopped child does not hold up its parent, and has no arena "
		"when it goes on",
		stops);
	child_try("nor does it while a program is being started, and it has no "
	          "arena then either",
	          stops_while_a_program_starts);
	child_try("a signal is handled although a child never locks its copy",
	          signal_is_handled);
	tap_ok(in_child(is_terminated) == 128 + SIGTERM,
	       "SIGTERM ends a parent whose child never locks its copy");
	child_try("a fork that fails does not hold up the process", fork_fails);
	child_try("secmalloc_daemon kills a child that is stopped",
	          daemon_child_stops);
	child_try("secmalloc_daemon reports a child that dies",
	          daemon_child_dies);
	unlink(fifo);
	rmdir(directory);
	tap_done();
}
