/*
 * fails.h - one call of many that fails
 *
 * For a program whose linker sends calls through wrappers of its own (--wrap),
 * which ask fails_now() first.
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
 * The call that is to fail, counted from 1; 0: none. If fail_in is not 0, only
 * in that process, or, if it is negative, in any but that; if fail_only is not
 * NULL, only one of that name.
 */
static int fail_at, calls, fail_with, fail_in;
static const char *failed, *fail_only;

static inline bool fails_now(const char *name)
{
	if (fail_at == 0 || (fail_in > 0 && fail_in != getpid())
	    || (fail_in < 0 && -fail_in == getpid())
	    || (fail_only != NULL && strcmp(name, fail_only) != 0)
	    || ++calls != fail_at)
		return false;
	failed = name;
	errno = fail_with;
	return true;
}

/* The names that glibc gives these calls where file offsets have 64 bits. */
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
