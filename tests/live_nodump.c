/*
 * SECMALLOC_NODUMP, and the checks of secmalloc_verify() that concern dumps:
 * what the flag sets, what it leaves when it fails, what undoes it, and that it
 * stops a dump and a reader of the same user.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "core_pattern.h"
#include "proc.h"
#include "verify.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/uio.h>

#define DUMPABLE SECMALLOC_VERIFY_DUMPABLE
#define CORE     SECMALLOC_VERIFY_CORE

static const struct secmalloc_config nodump = {.flags = SECMALLOC_NODUMP};
static const char *program;

static bool limit(rlim_t soft, rlim_t hard)
{
	struct rlimit core = {soft, hard};

	return setrlimit(RLIMIT_CORE, &core) == 0;
}

static void needs_limit(rlim_t soft, rlim_t hard)
{
	if (!limit(soft, hard))
		case_skip("RLIMIT_CORE cannot be set to %ju and %ju: %s",
		          (uintmax_t)soft, (uintmax_t)hard, strerror(errno));
}

/* Whether the properties that the flag changes have these values. */
static bool is(int dumpable, rlim_t soft, rlim_t hard)
{
	struct rlimit core;

	getrlimit(RLIMIT_CORE, &core);
	if (prctl(PR_GET_DUMPABLE) == dumpable && core.rlim_cur == soft
	    && core.rlim_max == hard)
		return true;
	tap_note("dumpable %d, core limit %ju and %ju", prctl(PR_GET_DUMPABLE),
	         (uintmax_t)core.rlim_cur, (uintmax_t)core.rlim_max);
	return false;
}

/* ---- The flag ----------------------------------------------------------- */

static bool sets_and_keeps(void)
{
	needs_limit(40000, 50000);
	if (secmalloc_init(NULL) != 0 || !is(1, 40000, 50000))
		return false;
	secmalloc_fini();
	if (secmalloc_init(&nodump) != 0 || !is(0, 1, 1)
	    || !passes(DUMPABLE | CORE))
		return false;
	secmalloc_fini();
	return is(0, 1, 1) && passes(DUMPABLE | CORE)
	       && secmalloc_init(&nodump) == 0 && is(0, 1, 1);
}

static bool is_left_by_failure(void)
{
	struct secmalloc_config bad = nodump;

	needs_limit(40000, 50000);
	bad.pool_size = 1;
	if (secmalloc_init(&bad) == 0 || !is(1, 40000, 50000))
		return false;
	bad.pool_size = 0;
	bad.initial_pools = SIZE_MAX >> (sizeof(size_t) > 4 ? 20 : 17);
	return secmalloc_init(&bad) == -1 && is(1, 40000, 50000)
	       && secmalloc_init(NULL) == 0 && secmalloc_init(&nodump) == -1
	       && errno == EALREADY && is(1, 40000, 50000);
}

/* Set a hard limit of 0, which an ordinary user cannot raise, and become
 * one. */
static bool start_at_0(void)
{
	needs_limit(0, 0);
	if ((geteuid() == 0 && !become_nobody())
	    || prctl(PR_SET_DUMPABLE, 1) != 0)
		case_skip("root is not allowed to become another user: %s",
		          strerror(errno));
	return is(1, 0, 0);
}

static bool keeps_0_for_a_file(void)
{
	return start_at_0() && secmalloc_init(&nodump) == 0 && is(0, 0, 0)
	       && passes(DUMPABLE | CORE);
}

static bool fails_at_0_for_a_pipe(void)
{
	long locked = proc_status_kb("VmLck");

	return start_at_0() && secmalloc_init(&nodump) == -1 && errno == EPERM
	       && says("secmalloc_init: the hard limit of RLIMIT_CORE is 0 and "
	               "cannot be raised to 1")
	       && says("LimitCORE=1") && is(1, 0, 0) && secmalloc_audit() == -1
	       && errno == ENXIO && proc_status_kb("VmLck") == locked
	       && secmalloc_init(NULL) == 0;
}

/* ---- Another process of the same user ----------------------------------- */

static volatile char watched = 'w';

/* Run as an ordinary process that others of its user may read, with the flag
 * set if asked for. Reports the result to `ready`. */
static _Noreturn void be_watched(bool with_flag, int ready)
{
	char result = 'y';

	if ((geteuid() == 0 && !become_nobody())
	    || prctl(PR_SET_DUMPABLE, 1) != 0
	    || (with_flag && secmalloc_init(&nodump) != 0))
		result = 'n';
	if (write(ready, &result, 1) == 1)
		pause();
	_exit(0);
}

/* Whether another process of the same user can read a byte of a process. */
static bool fellow_reads(pid_t pid)
{
	char byte = 0;
	struct iovec to = {&byte, 1}, from = {(void *)(uintptr_t)&watched, 1};
	int status = -1;
	pid_t fellow = fork();

	if (fellow == 0) {
		if (geteuid() == 0 && !become_nobody())
			_exit(2);
		_exit(process_vm_readv(pid, &to, 1, &from, 1, 0) == 1
		      && byte == 'w');
	}
	waitpid(fellow, &status, 0);
	return WIFEXITED(status) && WEXITSTATUS(status) == 1;
}

/* Whether another process can read one that runs be_watched(). */
static bool is_read(bool with_flag)
{
	int ready[2], status;
	char result = 'n';
	bool read_it;
	pid_t pid;

	if (pipe(ready) != 0 || (pid = fork()) < 0)
		case_skip("a pipe or a process cannot be created: %s",
		          strerror(errno));
	if (pid == 0)
		be_watched(with_flag, ready[1]);
	if (read(ready[0], &result, 1) != 1 || result != 'y')
		case_skip("root is not allowed to become another user, or no "
		          "memory can be locked");
	read_it = fellow_reads(pid);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	return read_it;
}

/* There is no control where a process may trace only its children. */
static bool is_not_read(void)
{
	if (!is_read(false))
		case_skip("a process may not trace others of its user");
	return !is_read(true);
}

/* ---- Verifying ---------------------------------------------------------- */

static bool dumpable_is_found(void)
{
	return finds(DUMPABLE, ": the process is dumpable (1): call "
	                       "prctl(PR_SET_DUMPABLE, 0)")
	       && prctl(PR_SET_DUMPABLE, 0) == 0 && passes(DUMPABLE);
}

static bool undone_is_found(void)
{
	return secmalloc_init(&nodump) == 0 && passes(DUMPABLE)
	       && prctl(PR_SET_DUMPABLE, 1) == 0
	       && finds(DUMPABLE, ": the process is dumpable again (1)");
}

/* Where fs.suid_dumpable is 2, setresuid() makes a daemon dumpable again. */
static bool undone_by_setresuid(void)
{
	return secmalloc_init(&nodump) == 0 && passes(DUMPABLE)
	       && become_nobody()
	       && finds(DUMPABLE, "dumpable again (2), probably after "
	                          "setresuid or another change of")
	       && prctl(PR_SET_DUMPABLE, 0) == 0 && passes(DUMPABLE | CORE);
}

static bool undone_by_exec(void)
{
	if (secmalloc_init(&nodump) != 0 || !is(0, 1, 1))
		return false;
	execl(program, program, "executed", (char *)NULL);
	return false;
}

static bool after_exec(void)
{
	return is(1, 1, 1) && passes(CORE)
	       && finds(DUMPABLE, "the process is dumpable (1)");
}

static bool limits_for_a_file(void)
{
	const char *hard = ", but the hard limit, to which any process of the "
			   "same user can raise it, is ";
	struct rlimit all;

	getrlimit(RLIMIT_CORE, &all);
	if (all.rlim_max != RLIM_INFINITY)
		case_skip("the hard limit of RLIMIT_CORE is %ju",
		          (uintmax_t)all.rlim_max);
	return limit(RLIM_INFINITY, RLIM_INFINITY)
	       && finds(CORE, ": RLIMIT_CORE is unlimited: set both limits "
	                      "to 0, or to 1, which")
	       && limit(0, RLIM_INFINITY)
	       && finds(CORE, ": RLIMIT_CORE is 0, but the hard")
	       && says("is unlimited: lower the hard limit too")
	       && limit(1, 4096) && finds(CORE, hard) && says("is 4096: lower")
	       && limit(4096, 4096) && finds(CORE, ": RLIMIT_CORE is 4096: set")
	       && limit(1, 1) && passes(CORE) && limit(0, 1) && passes(CORE)
	       && limit(0, 0) && passes(CORE);
}

static bool limits_for_a_pipe(void)
{
	needs_limit(0, 4096);
	return finds(CORE, ": RLIMIT_CORE is 0, but core_pattern is a pipe: "
	                   "set both limits to 1 while still root")
	       && limit(4096, 4096)
	       && finds(CORE, "RLIMIT_CORE is 4096, but core_pattern is a pipe")
	       && limit(1, 4096) && finds(CORE, "hard limit") && limit(1, 1)
	       && passes(CORE) && limit(0, 1)
	       && finds(CORE, "RLIMIT_CORE is 0, but core_pattern");
}

static bool limits_for_a_socket(void)
{
	return limit(1, 1)
	       && finds(CORE, ": core_pattern is a socket, which receives "
	                      "dumps whatever RLIMIT_CORE is")
	       && prctl(PR_SET_DUMPABLE, 0) == 0 && passes(CORE);
}

/* ---- A dump ------------------------------------------------------------- */

static char directory[] = "/tmp/secmalloc-nodump-XXXXXX";

/* The program at the end of the pipe removes this directory. Its name has the
 * pid of the process, in case other processes on this machine die meanwhile. */
static const char *mark_of(pid_t pid)
{
	static char mark[64];

	snprintf(mark, sizeof(mark), "%s/%d", directory, (int)pid);
	return mark;
}

/* Whether the kernel starts the program at the end of the pipe for a process
 * that aborts. */
static bool is_dumped(bool use_flag)
{
	pid_t child = fork();
	const char *mark = mark_of(child == 0 ? getpid() : child);
	int status = 0;

	if (child == 0) {
		if (mkdir(mark, 0700) != 0
		    || (use_flag ? secmalloc_init(&nodump) != 0
		                 : !limit(0, 4096)))
			_exit(1);
		/* Stay dumpable, so that only the limit can prevent the
		 * dump. */
		prctl(PR_SET_DUMPABLE, 1);
		raise(SIGABRT);
	}
	/* A dying process waits for the program, if there is one. */
	waitpid(child, &status, 0);
	for (int i = 0; i < 20 && !use_flag && access(mark, F_OK) == 0; i++)
		usleep(100000);
	/* A child that could not start counts as wrong in both cases. */
	return rmdir(mark) != 0 || (use_flag && !WIFSIGNALED(status));
}

static void try_dump(void)
{
	const char *what = "with the flag a pipe gets no dump";
	char pattern[128];

	if (mkdtemp(directory) == NULL) {
		tap_skip(what, "cannot write in /tmp: %s", strerror(errno));
		return;
	}
	snprintf(pattern, sizeof(pattern), "|/bin/rmdir %s/%%p", directory);
	if (!core_pattern_set(pattern) || !is_dumped(false)) {
		tap_skip(what, "without the flag a pipe gets no dump either");
	} else {
		tap_ok(true,
		       "control: a pipe gets a dump although RLIMIT_CORE is 0");
		tap_ok(!is_dumped(true), "%s", what);
	}
	rmdir(directory);
}

/* ---- All cases ---------------------------------------------------------- */

static void with_patterns(void)
{
	if (geteuid() != 0) {
		tap_skip("limits for pipes and sockets are set and checked",
		         "needs root");
		return;
	}
	if (!core_pattern_take()) {
		tap_skip("limits for pipes and sockets are set and checked",
		         "cannot write " CORE_PATTERN ": %s", strerror(errno));
		return;
	}
	core_pattern_set("core");
	try_case("for a file, a hard limit of 0 stays", keeps_0_for_a_file);
	try_case("for a file, limits above 1 are reported", limits_for_a_file);
	core_pattern_set("|/bin/false");
	try_case("for a pipe, a hard limit of 0 makes init fail and change "
	         "nothing",
	         fails_at_0_for_a_pipe);
	try_case("for a pipe, limits other than 1 are reported",
	         limits_for_a_pipe);
	try_case("for a pipe, the flag sets the limit to 1", sets_and_keeps);
	try_dump();
	if (core_pattern_set("@/run/none"))
		try_case("for a socket, no limit passes", limits_for_a_socket);
	else
		tap_skip(
			"for a socket, no limit passes",
			"this kernel does not support sockets in core_pattern");
	core_pattern_put_back();
}

static void with_suid_dumpable(void)
{
	char before;
	int fd;

	if (geteuid() != 0) {
		tap_skip(
			"setresuid undoes the flag where fs.suid_dumpable is 2",
			"needs root");
		return;
	}
	machine_lock(LOCK_EX);
	fd = open("/proc/sys/fs/suid_dumpable", O_RDWR | O_CLOEXEC);
	/* The write fails in a container whose /proc/sys is read-only. */
	if (fd < 0 || pread(fd, &before, 1, 0) != 1
	    || pwrite(fd, "2", 1, 0) != 1) {
		tap_skip(
			"setresuid undoes the flag where fs.suid_dumpable is 2",
			"cannot write /proc/sys/fs/suid_dumpable: %s",
			strerror(errno));
		return;
	}
	try_case("setresuid undoes the flag where fs.suid_dumpable is 2",
	         undone_by_setresuid);
	if (pwrite(fd, &before, 1, 0) != 1)
		tap_note("fs.suid_dumpable is still 2");
	close(fd);
}

int main(int argc, char **argv)
{
	program = argv[0];
	if (argc > 1)
		_exit(after_exec() ? 0 : 1);
	tap_needs_plain_build();
	tap_needs_file(CORE_PATTERN);
	tap_needs_lock(64);
	machine_lock(LOCK_SH);
	try_case("the flag clears dumpable and sets the limit, and "
	         "secmalloc_fini() changes neither",
	         sets_and_keeps);
	try_case("an init that fails changes nothing", is_left_by_failure);
	try_case("with the flag other processes of the same user cannot read "
	         "the process",
	         is_not_read);
	try_case("a dumpable process is detected", dumpable_is_found);
	try_case("a process that has become dumpable again is detected",
	         undone_is_found);
	try_case("exec undoes the flag", undone_by_exec);
	with_patterns();
	with_suid_dumpable();
	tap_done();
}
