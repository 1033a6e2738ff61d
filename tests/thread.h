/*
 * thread.h - starts a thread, or skips what needs it
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TESTS_THREAD_H
#define TESTS_THREAD_H

#include "tap.h"

#include <pthread.h>

/* Start a thread. If that is impossible, the rest of the suite is skipped,
 * because other threads may wait for this one forever. */
static inline void thread_begin(pthread_t *thread, void *(*work)(void *),
                                void *argument)
{
	int code = pthread_create(thread, NULL, work, argument);

	if (code != 0)
		tap_skip_rest("a thread cannot be started: %s", strerror(code));
}

#endif /* TESTS_THREAD_H */
