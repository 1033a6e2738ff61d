/*
 * watchdog.h - ends a test that would otherwise never end
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TESTS_WATCHDOG_H
#define TESTS_WATCHDOG_H

#include <sys/resource.h>
#include <unistd.h>

/*
 * A process that spins uses CPU time, so a limit on CPU time ends it, and a
 * busy machine does not make it reach that limit sooner. A process that waits
 * uses no CPU time, so only a limit on the time of day ends it. This limit is
 * so generous that only a hang reaches it.
 */
#define WATCHDOG_WAIT_SECONDS 600

/* End this process after `seconds` of CPU time. Each child of fork() gets the
 * same limit, and its time is counted from its own start. */
static inline void watchdog_limit_cpu(unsigned seconds)
{
	struct rlimit limit;

	getrlimit(RLIMIT_CPU, &limit);
	limit.rlim_cur = seconds;
	setrlimit(RLIMIT_CPU, &limit);
}

/* Limit the CPU time as watchdog_limit_cpu() does, and end this process when it
 * has waited for too long. Children do not inherit the limit on waiting. */
static inline void watchdog_start(unsigned cpu_seconds)
{
	watchdog_limit_cpu(cpu_seconds);
	alarm(WATCHDOG_WAIT_SECONDS + cpu_seconds);
}

#endif /* TESTS_WATCHDOG_H */
