/*
 * tap.h - results of a plain test program, in the Test Anything Protocol
 *
 * For tests in which Check's own fork would be in the way: locks do not cross
 * it. A test that needs what the machine or the build has not says so with
 * tap_skip(), which counts as skipped, never as passed.
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

/* A line that explains a result. */
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
 * End the program. The plan comes last, so that a crash before it is seen. The
 * exit status is 0 whatever failed: the lines tell that, and it would count
 * twice.
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

/* ---- A case in a child that cannot be tried ----------------------------- */

#define TAP_CANNOT 77 /* the exit status of the child */

static char *tap_reason; /* the child writes it, and the parent reads it */
static pid_t tap_pid;    /* of the program itself */

/* Whoever started the program may have closed, ignored or blocked some. */
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

	/* Handlers are those of a sanitizer. */
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (sigaction(numbers[i], NULL, &is) == 0
		    && is.sa_handler == SIG_IGN)
			signal(numbers[i], SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Early, for some suites count the mappings of the process. */
__attribute__((constructor)) static void tap_start(void)
{
	tap_open_standard_descriptors();
	tap_let_signals_through();
	tap_pid = getpid();
	tap_reason = mmap(NULL, TAP_REASON_BYTES, PROT_READ | PROT_WRITE,
	                  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (tap_reason == MAP_FAILED)
		tap_skip_all("no memory can be shared: %s", strerror(errno));
}

/* In the child: tell why, and get the exit status. The first reason stays. */
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

/* In either: no case after this one can be tried, or not this one. */
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
	tap_skip("all that follows", "%s", text);
	tap_done();
}

/* In the parent. */
static inline void tap_skip_told(const char *what)
{
	tap_skip(what, "%s", tap_reason);
	tap_reason[0] = '\0';
}

/* ---- What a suite needs ------------------------------------------------- */

/*
 * The sanitizers make mlock() do nothing, and have handlers and a layout of
 * their own: what is claimed of locks and crashes must be seen without them.
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

/* Root may not have all capabilities, in a container for instance. The errno of
 * becoming another user, or 0. */
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
		tap_skip_all("root may not become another user: %s",
		             strerror(code));
}

/* Some containers and root directories do not have all of /proc. */
static inline void tap_needs_file(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		tap_skip_all("cannot read %s: %s", path, strerror(errno));
	close(fd);
}

/* Make a directory that mkdtemp() names. */
static inline void tap_needs_directory(char *template)
{
	if (mkdtemp(template) == NULL)
		tap_skip_all("cannot write in %.*s: %s",
		             (int)(strrchr(template, '/') - template), template,
		             strerror(errno));
}

/* A directory for files of the suite, or of what runs it. */
static inline void tap_needs_temporary_files(void)
{
	const char *directory = getenv("TMPDIR");

	if (directory == NULL)
		directory = "/tmp";
	if (access(directory, W_OK | X_OK) != 0)
		tap_skip_all("cannot write in %s: %s", directory,
		             strerror(errno));
}

/* So much has to be lockable at one time. */
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
