/*
 * first.h - runs a function before the constructors of libraries
 *
 * A test uses it to register fork handlers earlier than the library does. glibc
 * supports this and musl does not: ran_first says whether it worked.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TESTS_FIRST_H
#define TESTS_FIRST_H

#include <stdbool.h>

static bool ran_first;
#define NOT_RAN_FIRST \
	"this libc runs no code before the constructors of libraries"

#define RUN_FIRST(function)                                            \
	static void run_first(void)                                    \
	{                                                              \
		ran_first = true;                                      \
		function();                                            \
	}                                                              \
	__attribute__((section(".preinit_array"), used)) static void ( \
		*run_first_too)(void) = run_first

#endif /* TESTS_FIRST_H */
