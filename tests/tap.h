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

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

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

static inline _Noreturn void tap_skip_all(const char *why)
{
	printf("1..0 # SKIP %s\n", why);
	exit(0);
}

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

/* So much has to be lockable at one time. */
static inline void tap_needs_lock(size_t kib)
{
	size_t bytes = kib * 1024;
	void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
	                MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED || mlock(at, bytes) != 0) {
		printf("1..0 # SKIP %zu KiB cannot be locked\n", kib);
		exit(0);
	}
	munmap(at, bytes);
}

#endif /* TESTS_TAP_H */
