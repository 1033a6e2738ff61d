/*
 * first.h - what runs before the constructors of libraries
 *
 * So a test has fork handlers that were there before the library's. Not every
 * libc does it (glibc does, musl does not): ran_first tells.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TESTS_FIRST_H
#define TESTS_FIRST_H

#include <stdbool.h>

static bool ran_first;
#define NOT_RAN_FIRST "this libc runs nothing before libraries' constructors"

#define RUN_FIRST(function)                                            \
	static void run_first(void)                                    \
	{                                                              \
		ran_first = true;                                      \
		function();                                            \
	}                                                              \
	__attribute__((section(".preinit_array"), used)) static void ( \
		*run_first_too)(void) = run_first

#endif /* TESTS_FIRST_H */
