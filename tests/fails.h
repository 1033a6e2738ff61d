/*
 * fails.h - makes one of many calls fail
 *
 * For programs whose linker sends calls through wrappers (--wrap). Each wrapper
 * asks fails_now() first.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TESTS_FAILS_H
#define TESTS_FAILS_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

/*
 * fail_at is the number of the call that fails, counted from 1, or 0 for none.
 * If fail_in is positive, only calls in that process count. If it is negative,
 * calls in that process do not count. If fail_only is not NULL, only calls of
 * that name count. With fail_from_there, all later calls fail too.
 */
static int fail_at, calls, fail_with, fail_in;
static bool fail_from_there;
static const char *failed, *fail_only;

/* Called before each such call, if not NULL. */
static void (*watch_calls)(const char *name);

static inline bool fails_now(const char *name)
{
	if (watch_calls != NULL)
		watch_calls(name);
	if (fail_at == 0 || (fail_in > 0 && fail_in != getpid())
	    || (fail_in < 0 && -fail_in == getpid())
	    || (fail_only != NULL && strcmp(name, fail_only) != 0)
	    || ++calls < fail_at || (calls > fail_at && !fail_from_there))
		return false;
	failed = name;
	errno = fail_with;
	return true;
}

/* glibc uses these names for calls with 64-bit file offsets. */
#ifdef __USE_FILE_OFFSET64
#pragma redefine_extname __real_ftruncate __real_ftruncate64
#pragma redefine_extname __wrap_ftruncate __wrap_ftruncate64
#pragma redefine_extname __real_mmap __real_mmap64
#pragma redefine_extname __wrap_mmap __wrap_mmap64
#pragma redefine_extname __real_open __real_open64
#pragma redefine_extname __wrap_open __wrap_open64
#pragma redefine_extname __real_setrlimit __real_setrlimit64
#pragma redefine_extname __wrap_setrlimit __wrap_setrlimit64
#endif

#define WRAP(type, name, parameters, arguments, result)                       \
	type __real_##name parameters;                                        \
	type __wrap_##name parameters;                                        \
	type __wrap_##name parameters                                         \
	{                                                                     \
		return fails_now(#name) ? (result) : __real_##name arguments; \
	}

#endif /* TESTS_FAILS_H */
