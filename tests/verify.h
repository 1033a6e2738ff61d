/*
 * verify.h - checks the result and the message of secmalloc_verify()
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TESTS_VERIFY_H
#define TESTS_VERIFY_H

#include "case.h"

#include <errno.h>
#include <grp.h>

#define NOBODY 65534
/* Whether secmalloc_verify() fails with this errno, and with a message that
 * contains `part`. */
static inline bool fails(unsigned checks, int code, const char *part)
{
	int result;

	errno = 0;
	result = secmalloc_verify(checks);
	if (result == -1 && errno == code
	    && strncmp(secmalloc_error(), "secmalloc_verify: ", 18) == 0
	    && strstr(secmalloc_error(), part) != NULL)
		return true;
	tap_note("checks %#x: %d, errno %d instead of %d, '%s' without '%s'",
	         checks, result, errno, code, secmalloc_error(), part);
	return false;
}

static inline bool finds(unsigned checks, const char *part)
{
	return fails(checks, EPERM, part);
}

/* Whether secmalloc_verify() succeeds and leaves errno alone. */
static inline bool passes(unsigned checks)
{
	int result;

	errno = 4242;
	result = secmalloc_verify(checks);
	if (result == 0 && errno == 4242)
		return true;
	tap_note("checks %#x: %d, errno %d, '%s'", checks, result, errno,
	         secmalloc_error());
	return false;
}

static inline bool become_nobody(void)
{
	return setgroups(0, NULL) == 0 && setresgid(NOBODY, NOBODY, NOBODY) == 0
	       && setresuid(NOBODY, NOBODY, NOBODY) == 0;
}

#endif /* TESTS_VERIFY_H */
