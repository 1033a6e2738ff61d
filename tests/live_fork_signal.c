/*
 * A signal handler may fork, whatever it interrupts. No fork hangs. The child
 * has what the policy gives it, or has no arena if the handler interrupted a
 * call of the library.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "backing.h"
#include "child.h"
#include "hide.h"
#include "proc.h"
#include "tap.h"
#include "thread.h"

#include <errno.h>
#include <pthread.h>
#include <secmalloc.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/prctl.h>
#include <sys/time.h>

#define FORKS 100

static struct secmalloc_config config = {
	.initial_pools = 2,
	.max_pools = 2,
};
static char *kept;
static atomic_int forks, whole, without, wrong;
static atomic_bool stop;

/* How a child ends. */
enum { HAS_ALL = 1, HAS_NOTHING, IS_WRONG };

static bool can_use(void)
{
	char *own = secmalloc(3000);

	return own != NULL && proc_has_flag(own, "lo")
	       && secmalloc_audit() == 0;
}

/* A child without the arena that the policy was to give it. */
static int has_nothing(void)
{
	if (secmalloc(1) != NULL || errno != ENXIO
	    || strstr(secmalloc_error(), "fork: a signal handler called fork()")
	               == NULL
	    || proc_status_kb("VmLck") != 0)
		return IS_WRONG;
	secfree(kept);
	return secmalloc_init(&config) == 0 && can_use() ? HAS_NOTHING
	                                                 : IS_WRONG;
}

static int judge(void)
{
	switch (config.fork) {
	case SECMALLOC_FORK_NONE:
		return secmalloc(1) == NULL && errno == ENXIO
		                       && secmalloc_init(&config) == 0
		                       && can_use()
		               ? HAS_ALL
		               : IS_WRONG;
	case SECMALLOC_FORK_KEEP:
		if (!secmalloc_owns(kept))
			return has_nothing();
		return strcmp(kept, "kept") == 0 && can_use() ? HAS_ALL
		                                              : IS_WRONG;
	default:
		if (secmalloc(1) == NULL)
			return has_nothing();
		return kept[0] == '\0' && can_use() ? HAS_ALL : IS_WRONG;
	}
}

static void fork_in_handler(int signal)
{
	int code = errno, end;

	(void)signal;
	if (stop)
		return;
	end = in_child(judge);
	whole += end == HAS_ALL;
	without += end == HAS_NOTHING;
	wrong += end != HAS_ALL && end != HAS_NOTHING;
	stop = ++forks >= FORKS;
	errno = code;
}

/* Half of the time a call of the library is running, in the cache or under the
 * lock. */
static void *work(void *unused)
{
	while (!stop) {
		void *few[12], *p;

		for (size_t i = 0; i < 12; i++)
			few[i] = secmalloc(40 * i);
		p = secrealloc(secmalloc(100), 9000);
		for (size_t i = 0; i < 12; i++)
			secfree(few[i]);
		secfree(p);
		secmalloc_audit();
		for (volatile int i = 0; i < 10000; i++)
			;
	}
	return unused;
}

static int rain(void)
{
	struct itimerval often = {{0, 500}, {0, 500}}, never = {{0, 0}, {0, 0}};
	struct sigaction action = {.sa_flags = SA_RESTART};
	pthread_t other;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (secmalloc_init(&config) != 0)
		return tap_cannot("%s", secmalloc_error());
	kept = hide(secstrdup("kept"));
	action.sa_handler = fork_in_handler;
	sigaction(SIGVTALRM, &action, NULL);
	thread_begin(&other, work, NULL);
	setitimer(ITIMER_VIRTUAL, &often, NULL);
	work(NULL);
	setitimer(ITIMER_VIRTUAL, &never, NULL);
	pthread_join(other, NULL);
	tap_note("%d children have all, %d have no arena, %d are wrong",
	         (int)whole, (int)without, (int)wrong);
	return wrong == 0 && whole + without == forks
	       && (without > 0 || config.fork == SECMALLOC_FORK_NONE)
	       && strcmp(kept, "kept") == 0 && secmalloc_audit() == 0;
}

int main(void)
{
#ifndef __GLIBC__
	tap_skip_all("this libc has a lock while fork handlers run");
#endif
	static const char *const names[] = {"NONE", "KEEP", "WIPE"};

	tap_needs_plain_build();
	watchdog_start(200);
	tap_needs_lock(1024);
	for (unsigned i = 0; i < 3; i++) {
		char what[100];

		config.fork = i;
		snprintf(what, sizeof(what),
		         "%s: signal handlers fork in two threads that use the "
		         "library",
		         names[i]);
		child_try(what, rain);
	}
	tap_done();
}
