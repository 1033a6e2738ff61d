/*
 * inject_proc.h - files of /proc that are replaced and cut
 *
 * For programs that link the library's objects. The linker sends the calls of
 * these objects through the wrappers in this file (--wrap).
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TESTS_INJECT_PROC_H
#define TESTS_INJECT_PROC_H

#include "fails.h"
#include "verify.h"

#include <fcntl.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <sys/syscall.h>

/* ---- The wrappers ------------------------------------------------------- */

/* Files that are opened instead of others. */
#define INSTEADS 2
static struct {
	char of[64];
	char with[64];
	/* Only from this use on, and up to that one; 0 means always. */
	unsigned from, until, uses;
} insteads[INSTEADS];

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...)
{
	for (int i = 0; i < INSTEADS; i++) {
		unsigned uses;

		if (strcmp(path, insteads[i].of) != 0)
			continue;
		uses = ++insteads[i].uses;
		if (uses >= insteads[i].from
		    && (insteads[i].until == 0 || uses < insteads[i].until))
			path = insteads[i].with;
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
	return insteads[0].uses > 0;
}

/* Call this before the first case, and inject_proc_end() after the last. */
static inline void inject_proc_start(void)
{
	tap_needs_plain_build();
	if (sysconf(_SC_PAGESIZE) != 4096)
		tap_skip_all("the figures are for pages of 4 KiB");
	tap_needs_lock(1024);
	tap_needs_file("/proc/thread-self/smaps");
	close(mkstemp(template));
}

static inline void inject_proc_end(void)
{
	unlink(template);
	tap_done();
}

#endif /* TESTS_INJECT_PROC_H */
