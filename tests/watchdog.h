/*
 * watchdog.h - the end of a test that would never end by itself
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TESTS_WATCHDOG_H
#define TESTS_WATCHDOG_H

#include <sys/resource.h>
#include <unistd.h>

/*
 * A process that spins uses CPU time, and is ended by a limit on that, which it
 * reaches no sooner on a busy machine. A process that waits uses none: only a
 * limit on the time of day ends it, and this one is so generous that nothing
 * but a hang reaches it.
 */
#define WATCHDOG_WAIT_SECONDS 600

/* End this process after so much CPU time, and each child of fork() too, whose
 * time is counted from its own start. */
static inline void watchdog_limit_cpu(unsigned seconds)
{
	struct rlimit limit;

	getrlimit(RLIMIT_CPU, &limit);
	limit.rlim_cur = seconds;
	setrlimit(RLIMIT_CPU, &limit);
}

/* The same, and end this process when it has waited for too long. The children
 * do not inherit the limit on waiting. */
static inline void watchdog_start(unsigned cpu_seconds)
{
	watchdog_limit_cpu(cpu_seconds);
	alarm(WATCHDOG_WAIT_SECONDS + cpu_seconds);
}

#endif /* TESTS_WATCHDOG_H */
