/*
 * What secmalloc_verify() says when the kernel does not let it read. Each cause
 * is brought about for real. The remedy that the message names is then carried
 * out, and the checks give an answer.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "filter.h"
#include "proc.h"
#include "verify.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define LOCKED SECMALLOC_VERIFY_LOCKED
#define IDS    SECMALLOC_VERIFY_IDS
#define CORE   SECMALLOC_VERIFY_CORE

/* The beginnings of the messages. */
#define SMAPS   ": /proc/thread-self/smaps, which shows what memory is locked, "
#define TASK    ": /proc/self/task, which shows the ids and capabilities of all "
#define PATTERN ": " CORE_PATTERN ", which shows where core dumps go, "

/* Whether a check gives an answer, whichever it is. */
static bool answers(unsigned checks)
{
	if (secmalloc_verify(checks) == 0 || errno == EPERM)
		return true;
	tap_note("checks %#x: errno %d, '%s'", checks, errno,
	         secmalloc_error());
	return false;
}

static bool all_answer(void)
{
	return passes(LOCKED) && answers(IDS) && answers(CORE);
}

static bool none_answers(const char *remedy)
{
	return fails(LOCKED, ENOTSUP, SMAPS) && says(remedy)
	       && fails(IDS, ENOTSUP, TASK) && says(remedy)
	       && fails(CORE, ENOTSUP, PATTERN) && says(remedy);
}

static void make_arena(void)
{
	if (secmalloc_init(NULL) != 0)
		case_skip_init();
}

/* ---- Descriptors -------------------------------------------------------- */

static bool without_descriptors(void)
{
	struct rlimit is, none;
	int full, again;

	make_arena();
	getrlimit(RLIMIT_NOFILE, &is);
	none = is;
	full = dup(0);
	none.rlim_cur = (rlim_t)full + 1;
	if (setrlimit(RLIMIT_NOFILE, &none) != 0
	    || !none_answers("could not be read (errno 24): close a file "
	                     "descriptor, or raise RLIMIT_NOFILE")
	    || close(full) != 0 || !passes(LOCKED) || !answers(CORE))
		return false;
	again = dup(0);
	return again >= 0 && none_answers("(errno 24)")
	       && setrlimit(RLIMIT_NOFILE, &is) == 0 && all_answer();
}

/* ---- System call filters ------------------------------------------------ */

#define REFUSED \
	": allow open, openat, read and getdents64 in the system call filter"

/* The call behind open() of this libc. */
#if defined(__GLIBC__) || !defined(SYS_open)
#define OPEN SYS_openat
#else
#define OPEN SYS_open
#endif

static void filter(long call, int code)
{
	if (!filter_on((uint32_t)call, SECCOMP_RET_ERRNO | (uint32_t)code,
	               SECCOMP_RET_ALLOW))
		case_skip("a filter cannot be installed: %s", strerror(errno));
}

/* Install a filter in a child. Without it, in this process, the checks give an
 * answer. */
static bool in_filtered_child(long call, int code, bool (*check)(void))
{
	int status = -1;
	pid_t child = fork();

	if (child == 0) {
		make_arena();
		filter(call, code);
		_exit(check() ? 0 : 1);
	}
	waitpid(child, &status, 0);
	if (WIFEXITED(status) && WEXITSTATUS(status) == TAP_CANNOT)
		_exit(TAP_CANNOT);
	make_arena();
	return status == 0 && all_answer();
}

static bool refused(void)
{
	return none_answers("could not be read (errno 1)" REFUSED);
}
static bool open_is_refused(void)
{
	return in_filtered_child(OPEN, EPERM, refused);
}

static bool unknown(void)
{
	return none_answers("could not be read (errno 38)" REFUSED);
}
static bool open_is_unknown(void)
{
	return in_filtered_child(OPEN, ENOSYS, unknown);
}

static bool denied(void)
{
	return none_answers("could not be read (errno 13): allow it in the "
	                    "security module (AppArmor, SELinux, Landlock), "
	                    "the system call filter");
}
static bool open_is_denied(void)
{
	return in_filtered_child(OPEN, EACCES, denied);
}

static bool not_listed(void)
{
	return passes(LOCKED) && answers(CORE) && fails(IDS, ENOTSUP, TASK)
	       && says("could not be read (errno 1)" REFUSED);
}
static bool list_is_refused(void)
{
	return in_filtered_child(SYS_getdents64, EPERM, not_listed);
}

static bool no_limit(void)
{
	return passes(LOCKED)
	       && fails(CORE, ENOTSUP,
	                ": RLIMIT_CORE could not be read (errno 1): allow "
	                "prlimit64 in the system call filter");
}
static bool limits_are_refused(void)
{
	return in_filtered_child(SYS_prlimit64, EPERM, no_limit);
}

/* ---- A security module -------------------------------------------------- */

/* Let this process read only files below `path`, or none if that is NULL. */
static void let_read_only(const char *path)
{
#ifdef SYS_landlock_restrict_self
	const uint64_t read_file = 1 << 2, read_dir = 1 << 3;
	const uint64_t handled = read_file | read_dir;
	struct {
		uint64_t allowed;
		int32_t parent;
	} __attribute__((packed)) rule = {read_file | read_dir, -1};
	const unsigned path_beneath = 1;
	long rules = syscall(SYS_landlock_create_ruleset, &handled,
	                     sizeof(handled), 0);

	if (rules < 0)
		case_skip("Landlock: %s", strerror(errno));
	if (path != NULL) {
		rule.parent = open(path, O_PATH | O_CLOEXEC);
		if (syscall(SYS_landlock_add_rule, rules, path_beneath, &rule,
		            0)
		    != 0)
			case_skip("Landlock: %s", strerror(errno));
		close(rule.parent);
	}
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0
	    || syscall(SYS_landlock_restrict_self, rules, 0) != 0)
		case_skip("Landlock: %s", strerror(errno));
	close((int)rules);
#else
	(void)path;
	case_skip("the headers have no Landlock");
#endif
}

static bool module_denies(void)
{
	make_arena();
	let_read_only(NULL);
	return denied();
}

static bool module_allows(void)
{
	make_arena();
	let_read_only("/proc");
	return open("/", O_RDONLY | O_CLOEXEC) < 0 && errno == EACCES
	       && all_answer();
}

/* ---- Other kinds of /proc ----------------------------------------------- */

static char root[] = "/tmp/secmalloc-root-XXXXXX";

/* Enter an empty root directory, in which /proc can be mounted. */
static void enter_root(mode_t mode)
{
	if (unshare(CLONE_NEWNS) != 0
	    || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
		case_skip("no mount namespace: %s", strerror(errno));
	if (mount("secmalloc", root, "tmpfs", 0, NULL) != 0 || chdir(root) != 0
	    || mkdir("proc", 0755) != 0 || chmod(".", mode) != 0)
		case_skip("no root directory: %s", strerror(errno));
	if (chroot(".") != 0)
		case_skip("chroot: %s", strerror(errno));
}

static void mount_proc(const char *options)
{
	if (mount("proc", "/proc", "proc", 0, options) != 0)
		case_skip("/proc cannot be mounted: %s", strerror(errno));
}

static bool not_mounted(void)
{
	make_arena();
	enter_root(0755);
	if (!none_answers("could not be read (errno 2): mount the /proc of "
	                  "this PID namespace"))
		return false;
	mount_proc(NULL);
	return all_answer();
}

static bool only_processes(void)
{
	make_arena();
	enter_root(0755);
	if (mount("proc", "/proc", "proc", 0, "subset=pid") != 0)
		case_skip("subset=pid: %s", strerror(errno));
	if (!passes(LOCKED) || !answers(IDS) || !fails(CORE, ENOTSUP, PATTERN)
	    || !says("(errno 2): mount /proc without subset=pid (in systemd, "
	             "ProcSubset=all)"))
		return false;
	return umount("/proc") == 0 && (mount_proc(NULL), all_answer());
}

/* Processes are hidden from others, but not from themselves. */
static bool hidden_processes(void)
{
	make_arena();
	enter_root(0755);
	mount_proc("hidepid=2");
	return become_nobody() && all_answer();
}

/* The root directory belongs to root, who grants access afterwards. */
static bool closed_directory(void)
{
	int status = -1, opened[2];
	pid_t child;
	char byte;

	enter_root(0700);
	mount_proc(NULL);
	if (pipe(opened) != 0)
		return false;
	child = fork();
	if (child == 0) {
		make_arena();
		if (!become_nobody()
		    || !none_answers("could not be read (errno 13): allow it "
		                     "in the security module (AppArmor, "
		                     "SELinux, Landlock), the system call "
		                     "filter and the permissions of the "
		                     "directories above it"))
			_exit(1);
		kill(getpid(), SIGSTOP);
		_exit(read(opened[0], &byte, 1) == 1 && all_answer() ? 0 : 1);
	}
	if (waitpid(child, &status, WUNTRACED) != child || !WIFSTOPPED(status)
	    || chmod("/", 0755) != 0 || write(opened[1], "x", 1) != 1
	    || kill(child, SIGCONT) != 0)
		return false;
	waitpid(child, &status, 0);
	return status == 0;
}

/* An empty file is mounted over it, as sandboxes do. */
static bool hidden_file(void)
{
	make_arena();
	enter_root(0755);
	mount_proc(NULL);
	close(creat("/empty", 0644));
	if (mount("/empty", CORE_PATTERN, NULL, MS_BIND, NULL) != 0)
		case_skip("bind: %s", strerror(errno));
	return passes(LOCKED) && answers(IDS) && fails(CORE, ENOTSUP, PATTERN)
	       && says("(errno 74): it is empty, cut short or malformed: give "
	               "the process the kernel's own file")
	       && umount(CORE_PATTERN) == 0 && all_answer();
}

static void with_roots(void)
{
	static const struct {
		const char *what;
		bool (*run)(void);
	} cases[] = {
		{"without /proc, it has to be mounted", not_mounted},
		{"without the other files of /proc, it has to be mounted whole",
	         only_processes},
		{"hidepid=2 hides nothing of the process itself",
	         hidden_processes},
		{"without access to the directory, its permissions have to be "
	         "changed",
	         closed_directory},
		{"an empty core_pattern has to be uncovered", hidden_file},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (geteuid() == 0)
			try_case(cases[i].what, cases[i].run);
		else
			tap_skip(cases[i].what, "needs root");
}

int main(void)
{
	tap_needs_plain_build();
	tap_needs_lock(1024);
	tap_needs_file(CORE_PATTERN);
	tap_needs_directory(root);
	try_case(
		"without descriptors, one has to be closed or the limit raised",
		without_descriptors);
	try_case("a filter that refuses open() has to be changed",
	         open_is_refused);
	try_case("a filter that hides open() has to be changed",
	         open_is_unknown);
	try_case("a filter or security module that denies open() has to be "
	         "changed",
	         open_is_denied);
	try_case("a filter that refuses getdents64() has to be changed",
	         list_is_refused);
	try_case("a filter that refuses prlimit64() has to be changed",
	         limits_are_refused);
	try_case("a security module that denies reading is named",
	         module_denies);
	try_case("a security module that allows reading /proc is no obstacle",
	         module_allows);
	with_roots();
	rmdir(root);
	tap_done();
}
