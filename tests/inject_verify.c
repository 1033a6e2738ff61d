/*
 * secmalloc_verify() when the kernel does not answer, answers in pieces, or
 * gives answers that no kernel gives on this machine. A check that cannot be
 * made never passes. If SECMALLOC_NODUMP fails, everything stays as it was.
 *
 * The program links the library's objects. The linker sends their calls through
 * the wrappers in this file (--wrap).
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "fails.h"
#include "machine.h"
#include "proc.h"
#include "verify.h"

#include <fcntl.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

/* open() of the path instead_of opens the file instead. */
static const char *instead_of, *instead;

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...)
{
	if (instead_of != NULL && strcmp(path, instead_of) == 0)
		path = instead;
	return fails_now("open") ? -1 : __real_open(path, flags);
}

/* read() returns at most this many bytes at a time. */
static size_t read_most = SIZE_MAX;

ssize_t __real_read(int fd, void *to, size_t bytes);
ssize_t __wrap_read(int fd, void *to, size_t bytes);
ssize_t __wrap_read(int fd, void *to, size_t bytes)
{
	if (fails_now("read"))
		return -1;
	return __real_read(fd, to, bytes < read_most ? bytes : read_most);
}

long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);
long __wrap_syscall(long number, ...)
{
	long a[3];
	va_list list;

	va_start(list, number);
	for (int i = 0; i < 3; i++)
		a[i] = va_arg(list, long);
	va_end(list);
	return fails_now("syscall") ? -1
	                            : __real_syscall(number, a[0], a[1], a[2]);
}

int __real_prctl(int option, ...);
int __wrap_prctl(int option, ...);
int __wrap_prctl(int option, ...)
{
	va_list list;
	long value;

	va_start(list, option);
	value = va_arg(list, long);
	va_end(list);
	return fails_now("prctl") ? -1 : __real_prctl(option, value, 0, 0, 0);
}

WRAP(int, setrlimit, (int resource, const struct rlimit *limit),
     (resource, limit), -1)

/* ---- A process in which all checks pass --------------------------------- */

static bool drop(void)
{
	static const struct secmalloc_config config = {
		.initial_pools = 2,
		.flags = SECMALLOC_NODUMP,
	};

	if (geteuid() == 0 && !become_nobody())
		case_skip("root is not allowed to become another user: %s",
		          strerror(errno));
	if (secmalloc_init(&config) != 0)
		case_skip_init();
	return passes(0);
}

static int next_descriptor(void)
{
	int fd = dup(0);

	close(fd);
	return fd;
}

/* Each call that secmalloc_verify() makes fails once, in turn. */
static bool each_call_fails(int code)
{
	int tries = 0, descriptor = next_descriptor();

	if (!drop())
		return false;
	fail_with = code;
	for (fail_at = 1;; fail_at++, tries++) {
		calls = 0;
		failed = NULL;
		if (secmalloc_verify(0) == 0)
			break;
		if (errno != ENOTSUP || strlen(secmalloc_error()) < 40
		    || next_descriptor() != descriptor) {
			tap_note("%s, call %d: errno %d, '%s'", failed, fail_at,
			         errno, secmalloc_error());
			return false;
		}
	}
	fail_at = 0;
	tap_note("%d calls", tries);
	return failed == NULL && tries >= 10;
}

static bool calls_fail(void)
{
	return each_call_fails(EIO);
}

static bool calls_are_refused(void)
{
	return each_call_fails(EACCES);
}

/* Each file and all that are read after it are missing, as if all threads had
 * ended. There must be at least one thread. */
static bool files_are_missing(void)
{
	fail_from_there = true;
	return each_call_fails(ENOENT);
}

/* A thread's files are missing once, or its list cannot be relied upon once:
 * the next look gives the answer. */
static bool one_look_is_bad(void)
{
	const unsigned ids = SECMALLOC_VERIFY_IDS;

	if (!drop())
		return false;
	fail_only = "open";
	fail_with = ENOENT;
	fail_at = 2; /* the status file: the list was opened before it */
	return passes(ids) && failed != NULL;
}

/* Each cause has its own remedy, for each of the files. */
static bool each_cause_has_its_remedy(void)
{
	static const struct {
		int code;
		const char *remedy;
	} causes[] = {
		{EMFILE, ": close a file descriptor, or raise RLIMIT_NOFILE"},
		{ENFILE, ": raise fs.file-max"},
		{EPERM, ": allow open, openat, read and getdents64 in the "
	                "system call filter"},
		{ENOSYS, ": allow open, openat, read and getdents64 in the "
	                 "system call filter"},
		{EACCES, ": allow it in the security module"},
		{EIO, ": look up the errno in open(2)"},
	};
	static const struct {
		unsigned check;
		const char *file;
	} files[] = {
		{SECMALLOC_VERIFY_LOCKED, ": /proc/thread-self/smaps, which "},
		{SECMALLOC_VERIFY_IDS, ": /proc/self/task, which "},
		{SECMALLOC_VERIFY_CORE, ": " CORE_PATTERN ", which "},
	};

	if (!drop())
		return false;
	fail_only = "open";
	for (unsigned i = 0; i < sizeof(causes) / sizeof(causes[0]); i++)
		for (unsigned j = 0; j < sizeof(files) / sizeof(files[0]);
		     j++) {
			fail_at = 1;
			calls = 0;
			fail_with = causes[i].code;
			if (!fails(files[j].check, ENOTSUP, files[j].file)
			    || !says(causes[i].remedy))
				return false;
		}
	return true;
}

static bool signals_are_no_failure(void)
{
	if (!drop())
		return false;
	fail_with = EINTR;
	for (fail_at = 1; fail_at < 1000; fail_at++) {
		calls = 0;
		failed = NULL;
		if (!passes(SECMALLOC_VERIFY_LOCKED | SECMALLOC_VERIFY_CORE))
			return false;
		if (failed == NULL)
			break;
	}
	return fail_at > 3;
}

static bool reads_are_short(void)
{
	if (!drop())
		return false;
	for (read_most = 1; read_most < 50; read_most++)
		if (!passes(0))
			return false;
	read_most = 1;
	return munlockall() == 0
	       && finds(0, ": the key page is not locked, probably after ")
	       && says("; pool 0 is not locked, ") && !says("uid");
}

/* ---- Answers that no kernel gives here ---------------------------------- */

static char path[] = "/tmp/secmalloc-inject-XXXXXX";

static bool verify_with(const char *file, const char *text, unsigned checks,
                        int code, const char *words)
{
	FILE *to = fopen(path, "w");
	bool good;

	if (to == NULL || fputs(text, to) < 0 || fclose(to) != 0)
		return false;
	instead_of = file;
	instead = path;
	good = code == 0 ? passes(checks) : fails(checks, code, words);
	instead_of = NULL;
	return good;
}

/* The contents of smaps, with `from` replaced by `to` in each mapping. */
static char *smaps_with(const char *from, const char *to)
{
	static char text[1 << 20], changed[1 << 20];
	FILE *file = fopen("/proc/self/smaps", "r");
	char *at = changed, *next, *rest = text;

	text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
	fclose(file);
	while ((next = strstr(rest, from)) != NULL) {
		at += sprintf(at, "%.*s%s", (int)(next - rest), rest, to);
		rest = next + strlen(from);
	}
	strcpy(at, rest);
	return changed;
}

static bool smaps_differ(void)
{
	static const char smaps[] = "/proc/thread-self/smaps";
	const unsigned locked = SECMALLOC_VERIFY_LOCKED;

	if (!drop())
		return false;
	return verify_with(smaps, smaps_with("Rss:", "Rss:"), locked, 0, NULL)
	       && verify_with(smaps, smaps_with("VmFlags:", "Flags:"), locked,
	                      ENOTSUP,
	                      "this system does not report what memory is "
	                      "locked (errno 95)")
	       && verify_with(smaps, "", locked, ENOTSUP,
	                      "could not be read (errno 74): it is empty")
	       && munlockall() == 0
	       && verify_with(smaps,
	                      smaps_with("\nSwap:       ", "\nSwap:  8    "),
	                      locked, EPERM,
	                      "is not locked, and its mapping has 8192 bytes "
	                      "in swap space, probably after munlock or "
	                      "munlockall: remove that call and replace "
	                      "the secrets");
}

static bool status_differs(void)
{
	static const char head[] = "Name:\tUid:\nState:\tS (sleeping)\n"
				   "Uid:\t1\t1\t1\t1\nGid:\t1\t1\t1\t1\n"
				   "Threads:\t1\nCapInh:\t0000000000000000\n";
	const unsigned caps = SECMALLOC_VERIFY_CAPABILITIES;
	char file[64], text[512];

	if (!drop())
		return false;
	snprintf(file, sizeof(file), "/proc/self/task/%d/status", getpid());
	snprintf(text, sizeof(text), "%sGroups:\t1 2\n", head);
	if (!verify_with(file, text, caps, ENOTSUP, "(errno 95)"))
		return false;
	strcat(text, "CapPrm:\t0000000000000000\n");
	if (!verify_with(file, text, caps | SECMALLOC_VERIFY_IDS, 0, NULL))
		return false;
	snprintf(text, sizeof(text), "%sGroups:\nCapPrm:\t8000000000000001\n",
	         head);
	return verify_with(file, text, caps, EPERM,
	                   ": capabilities cap_chown, 63 are still permitted");
}

static bool patterns_differ(void)
{
	static const char file[] = CORE_PATTERN;
	const unsigned core = SECMALLOC_VERIFY_CORE;

	return drop() && verify_with(file, "|/bin/x %p\n", core, 0, NULL)
	       && verify_with(file, "\n", core, 0, NULL)
	       && verify_with(file, "@/run/x\n", core, 0, NULL)
	       && setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0}) == 0
	       && verify_with(file, "|/bin/x\n", core, EPERM, "is a pipe");
}

/* For a socket it matters whether the process is dumpable. */
static bool dumpable_is_unknown(void)
{
	const unsigned core = SECMALLOC_VERIFY_CORE;

	if (!drop())
		return false;
	fail_only = "prctl";
	fail_with = EPERM;
	fail_at = 1;
	return verify_with(CORE_PATTERN, "@/run/x\n", core, ENOTSUP,
	                   ": prctl(PR_GET_DUMPABLE) failed (errno 1): allow");
}

/* ---- The flag ----------------------------------------------------------- */

static bool nodump_fails_at(const char *name, int number)
{
	struct secmalloc_config config = {.flags = SECMALLOC_NODUMP};
	struct rlimit core;
	int result;

	fail_only = name;
	fail_at = number;
	fail_with = ENOSYS;
	calls = 0;
	result = secmalloc_init(&config);
	fail_at = 0;
	getrlimit(RLIMIT_CORE, &core);
	if (result == -1 && errno == EPERM && says("(errno 38)")
	    && says("leave out SECMALLOC_NODUMP") && core.rlim_cur == 4096
	    && core.rlim_max == 4096 && prctl(PR_GET_DUMPABLE) == 1
	    && secmalloc_audit() == -1 && errno == ENXIO)
		return true;
	tap_note("%s: %d, '%s'", name, result, secmalloc_error());
	return false;
}

static bool nodump_fails(void)
{
	struct rlimit core = {4096, 4096};

	if (setrlimit(RLIMIT_CORE, &core) != 0)
		case_skip("RLIMIT_CORE cannot be set to 4096: %s",
		          strerror(errno));
	/* The first call of prctl() queries the old value. */
	return nodump_fails_at("setrlimit", 1) && nodump_fails_at("prctl", 2);
}

int main(void)
{
	int fd;

	tap_needs_plain_build();
	tap_needs_file(CORE_PATTERN);
	machine_lock(LOCK_SH);
	if (secmalloc_init(NULL) != 0)
		tap_skip_all("%s", secmalloc_error());
	secmalloc_fini();
	fd = mkstemp(path);
	if (fd < 0 || fchmod(fd, 0666) != 0)
		tap_skip_all("cannot write in /tmp: %s", strerror(errno));
	try_case("no check passes if a call fails", calls_fail);
	try_case("no check passes if a call is refused", calls_are_refused);
	try_case("no check passes if a file is missing", files_are_missing);
	try_case("a thread is looked at again if its file was missing once",
	         one_look_is_bad);
	try_case("each cause has its own remedy, for each file",
	         each_cause_has_its_remedy);
	try_case("a signal during a call is no failure",
	         signals_are_no_failure);
	try_case("files can be read in small pieces", reads_are_short);
	try_case("smaps without flags, an empty smaps and pages in swap are "
	         "handled",
	         smaps_differ);
	try_case("a status without capabilities or with a new capability is "
	         "handled",
	         status_differs);
	try_case("each kind of core_pattern is handled", patterns_differ);
	try_case("for a socket nothing is claimed if dumpable is unknown",
	         dumpable_is_unknown);
	try_case("SECMALLOC_NODUMP changes nothing if it fails", nodump_fails);
	unlink(path);
	tap_done();
}
