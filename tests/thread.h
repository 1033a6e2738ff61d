/*
 * thread.h - threads that begin for certain
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TESTS_THREAD_H
#define TESTS_THREAD_H

#include "tap.h"

#include <pthread.h>

/* Begin a thread. Where that is impossible nothing more is tried, as the others
 * may wait for this one for ever. */
static inline void thread_begin(pthread_t *thread, void *(*work)(void *),
                                void *argument)
{
	int code = pthread_create(thread, NULL, work, argument);

	if (code != 0)
		tap_skip_rest("a thread cannot be begun: %s", strerror(code));
}

#endif /* TESTS_THREAD_H */
