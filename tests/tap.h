/*
 * tap.h - results of a plain test program, in the Test Anything Protocol
 *
 * Suites use it where Check's own fork would be in the way, because memory
 * locks are not inherited across fork. A test that needs something that the
 * machine or the build does not have calls tap_skip(). Such a test counts as
 * skipped, never as passed.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TESTS_TAP_H
#define TESTS_TAP_H

#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define TAP_REASON_BYTES 400

static int tap_count;

__attribute__((format(printf, 2, 3))) static inline bool tap_ok(
	bool ok, const char *format, ...)
{
	va_list list;

	printf("%sok %d - ", ok ? "" : "not ", ++tap_count);
	va_start(list, format);
	vprintf(format, list);
	va_end(list);
	printf("\n");
	fflush(stdout);
	return ok;
}

__attribute__((format(printf, 2, 3))) static inline void tap_skip(
	const char *what, const char *why, ...)
{
	va_list list;

	printf("ok %d - %s # SKIP ", ++tap_count, what);
	va_start(list, why);
	vprintf(why, list);
	va_end(list);
	printf("\n");
	fflush(stdout);
}

/* Print a line that explains a result. */
__attribute__((format(printf, 1, 2))) static inline void tap_note(
	const char *format, ...)
{
	va_list list;

	printf("# ");
	va_start(list, format);
	vprintf(format, list);
	va_end(list);
	printf("\n");
	fflush(stdout);
}

/*
 * End the program. The plan is printed last, so that a crash before it is
 * noticed. The exit status is 0 even if tests failed: the "not ok" lines
 * already report the failures, and a nonzero status would count them twice.
 */
static inline _Noreturn void tap_done(void)
{
	printf("1..%d\n", tap_count);
	exit(0);
}

__attribute__((format(printf, 1, 2))) static inline _Noreturn void tap_skip_all(
	const char *why, ...)
{
	va_list list;

	printf("1..0 # SKIP ");
	va_start(list, why);
	vprintf(why, list);
	va_end(list);
	printf("\n");
	exit(0);
}

/* ---- Cases that cannot be tried ----------------------------------------- */

#define TAP_CANNOT 77 /* the exit status of the child */

static char *tap_reason; /* the child writes it, and the parent reads it */
static pid_t tap_pid;    /* the process that runs the suite */

/* The parent process may have closed some of the standard descriptors. */
static inline void tap_open_standard_descriptors(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	close(fd);
}
static inline void tap_let_signals_through(void)
{
	static const int numbers[] = {SIGABRT, SIGALRM, SIGBUS,  SIGCHLD,
	                              SIGPIPE, SIGSEGV, SIGTERM, SIGUSR1,
	                              SIGUSR2, SIGXCPU};
	struct sigaction is;
	sigset_t none;

	/* A handler that is already set belongs to a sanitizer, and stays. */
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (sigaction(numbers[i], NULL, &is) == 0
		    && is.sa_handler == SIG_IGN)
			signal(numbers[i], SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* This runs before main(), because some suites count the mappings of the
 * process, and the memory for reasons is one of them. */
__attribute__((constructor)) static void tap_start(void)
{
	tap_open_standard_descriptors();
	tap_let_signals_through();
	tap_pid = getpid();
	tap_reason = mmap(NULL, TAP_REASON_BYTES, PROT_READ | PROT_WRITE,
	                  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (tap_reason == MAP_FAILED)
		tap_skip_all("shared memory cannot be mapped: %s",
		             strerror(errno));
}

/* Record, in a child, why a case cannot be tried. Returns the exit status to
 * use. A reason that was recorded earlier is kept. */
__attribute__((format(printf, 1, 2))) static inline int tap_cannot(
	const char *why, ...)
{
	va_list list;

	va_start(list, why);
	if (tap_reason[0] == '\0')
		vsnprintf(tap_reason, TAP_REASON_BYTES, why, list);
	va_end(list);
	return TAP_CANNOT;
}

/* Skip what cannot be tried. In the suite's own process, that is every case
 * from here on. In a child, it is only the child's case. */
__attribute__((format(printf, 1, 2))) static inline _Noreturn void
tap_skip_rest(const char *why, ...)
{
	char text[TAP_REASON_BYTES];
	va_list list;

	va_start(list, why);
	vsnprintf(text, sizeof(text), why, list);
	va_end(list);
	if (getpid() != tap_pid)
		_exit(tap_cannot("%s", text));
	tap_skip("the rest of this suite", "%s", text);
	tap_done();
}

/* Skip a case, in the parent, for the reason that its child recorded. */
static inline void tap_skip_told(const char *what)
{
	tap_skip(what, "%s", tap_reason);
	tap_reason[0] = '\0';
}

/* ---- Requirements of a suite -------------------------------------------- */

/*
 * Sanitizers turn mlock() into a no-op, and bring their own signal handlers and
 * memory layout. Claims about locks and crashes therefore need a build without
 * sanitizers.
 */
static inline void tap_needs_plain_build(void)
{
#ifdef SECMALLOC_SANITIZED
	tap_skip_all("needs a build without sanitizers");
#endif
}

static inline void tap_needs_root(void)
{
	if (geteuid() != 0)
		tap_skip_all("needs root");
}

/* Try to become another user, in a child. Returns 0 or the errno. Root may lack
 * the capability for it, in a container for instance. */
static inline int tap_setuid_fails(void)
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0)
		_exit(setuid(65534) == 0 ? 0 : errno);
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : ENOTSUP;
}

static inline void tap_needs_setuid(void)
{
	int code = tap_setuid_fails();

	if (code != 0)
		tap_skip_all("root is not allowed to become another user: %s",
		             strerror(code));
}

/* Skip the suite if a file cannot be read. Some containers and root directories
 * provide only a part of /proc. */
static inline void tap_needs_file(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		tap_skip_all("cannot read %s: %s", path, strerror(errno));
	close(fd);
}

/* Create a directory from a template of mkdtemp(), or skip the suite. */
static inline void tap_needs_directory(char *template)
{
	if (mkdtemp(template) == NULL)
		tap_skip_all("cannot write in %.*s: %s",
		             (int)(strrchr(template, '/') - template), template,
		             strerror(errno));
}

/* Skip the suite if the directory for temporary files, which Check needs too,
 * cannot be written to. */
static inline void tap_needs_temporary_files(void)
{
	const char *directory = getenv("TMPDIR");

	if (directory == NULL)
		directory = "/tmp";
	if (access(directory, W_OK | X_OK) != 0)
		tap_skip_all("cannot write in %s: %s", directory,
		             strerror(errno));
}

/* Skip the suite unless this process can lock `kib` KiB at one time. */
static inline void tap_needs_lock(size_t kib)
{
	size_t bytes = kib * 1024;
	void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
	                MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED)
		tap_skip_all("%zu KiB cannot be mapped: %s", kib,
		             strerror(errno));
	if (mlock(at, bytes) != 0)
		tap_skip_all("%zu KiB cannot be locked: %s", kib,
		             strerror(errno));
	munmap(at, bytes);
}

#endif /* TESTS_TAP_H */
