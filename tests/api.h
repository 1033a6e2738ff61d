/*
 * api.h - helpers for the suites of the public functions
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TESTS_API_H
#define TESTS_API_H

#include "config.h"

#include "backing.h"
#include "hide.h"
#include "unit.h"

#include <errno.h>
#include <secmalloc.h>
#include <string.h>

static inline void start(size_t initial_pools)
{
	struct secmalloc_config config = {.initial_pools = initial_pools};

	ck_assert_msg(secmalloc_init(&config) == 0, "%s", secmalloc_error());
}

static inline void end(void)
{
	ck_assert_msg(secmalloc_audit() == 0, "%s", secmalloc_error());
	secmalloc_fini();
}

/* Assert that an expression returns `result`, sets errno to `code` and leaves a
 * message that contains `words`. */
#define FAILS(expression, result, code, words)                                 \
	do {                                                                   \
		errno = 0;                                                     \
		ck_assert((expression) == (result));                           \
		ck_assert_int_eq(errno, code);                                 \
		ck_assert_msg(strstr(secmalloc_error(), words) != NULL,        \
		              "'%s' is not in: %s", words, secmalloc_error()); \
	} while (0)

/* Each test creates its own arena and locks at most 1 MiB. */
#define API_MAIN(...) UNIT_MAIN_LOCKING("api", 1024, __VA_ARGS__)

#endif /* TESTS_API_H */
