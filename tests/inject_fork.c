/*
 * Each call that the library makes to the kernel for a fork fails once, in
 * turn, in the child or in the parent. The child then has what its policy
 * promises, or has no arena and a message that says why, or dies. The parent is
 * unchanged.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "first.h"
#include "child.h"
#include "hide.h"
#include "inject.h"
#include "proc.h"
#include "tap.h"
#include "thread.h"

#include "process/current.h"

#include <pthread.h>
#include <secmalloc.h>
#include <signal.h>
#include <sys/prctl.h>

WRAP(int, socketpair, (int family, int type, int protocol, int ends[2]),
     (family, type, protocol, ends), -1)
WRAP(pid_t, fork, (void), (), -1)
WRAP(pid_t, setsid, (void), (), -1)
WRAP(int, chdir, (const char *path), (path), -1)
WRAP(int, dup2, (int from, int to), (from, to), -1)

#define LOCKED_KB 132

static struct secmalloc_config config = {
	.initial_pools = 2,
	.max_pools = 2,
	.pool_size = 65536,
};
static char *chunk;

/* How a child ended. */
enum { HAS_ALL = 1, HAS_NOTHING, IS_WRONG };

static void start(void)
{
	if (secmalloc_init(&config) != 0)
		tap_skip_all("2 pools cannot be locked: %s", secmalloc_error());
	chunk = hide(secstrdup("a secret"));
}

static bool is_untouched(void)
{
	char *more = secmalloc(3000);

	secfree(more);
	return more != NULL && strcmp(chunk, "a secret") == 0
	       && proc_has_flag(chunk, "lo")
	       && proc_status_kb("VmLck") == LOCKED_KB
	       && secmalloc_audit() == 0;
}

static int is_closed(void)
{
	if (secmalloc(1) != NULL || errno != ENXIO
	    || strstr(secmalloc_error(), "secmalloc: fork: ") == NULL
	    || proc_has_flag(chunk, "wr") || proc_status_kb("VmLck") != 0)
		return IS_WRONG;
	secfree(chunk);
	return HAS_NOTHING;
}

static int judge_keep(void)
{
	return secmalloc_owns(chunk) ? is_untouched() ? HAS_ALL : IS_WRONG
	                             : is_closed();
}

static int judge_wipe(void)
{
	char *own = secmalloc(10);

	if (own == NULL)
		return chunk[0] == '\0' ? is_closed() : IS_WRONG;
	return chunk[0] == '\0' && proc_has_flag(own, "lo")
	                       && proc_status_kb("VmLck") == LOCKED_KB
	               ? HAS_ALL
	               : IS_WRONG;
}

static int judge_none(void)
{
	return secmalloc(1) == NULL && errno == ENXIO
	                       && !proc_has_flag(chunk, "rd")
	               ? HAS_ALL
	               : IS_WRONG;
}

static int (*const judges[])(void) = {judge_none, judge_keep, judge_wipe};

/* Fork again and again, with another call failing each time, in the child or in
 * the parent. */
static void fork_with_failures(unsigned policy, const char *name, bool children,
                               int least)
{
	int *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
	                   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int ends[200] = {0}, tries = 0, end = HAS_ALL;
	bool good = true, reached;

	config.fork = policy;
	start();
	fail_in = children ? -getpid() : getpid();
	fail_with = ENOMEM;
	do {
		pid_t pid;

		calls = 0;
		failed = NULL;
		*shared = 0;
		fail_at = ++tries;
		pid = __real_fork();
		if (pid == 0) {
			fail_at = 0;
			*shared = failed != NULL;
			_exit(judges[policy]());
		}
		fail_at = 0;
		end = child_end(pid);
		ends[end]++;
		/* A child that dies in a fork handler cannot report that a call
		 * failed. */
		reached = children ? *shared != 0 || end > 127 : failed != NULL;
		good = good && is_untouched()
		       && (end == HAS_ALL || end == HAS_NOTHING
		           || end == 128 + SIGABRT);
	} while (reached && tries < 100);
	tap_ok(good && end == HAS_ALL && tries > least,
	       "%s: of %d children in which a call fails, %d have no arena and "
	       "%d die; %s",
	       name, tries - 1, ends[HAS_NOTHING], ends[128 + SIGABRT],
	       "the parent is unchanged");
	secmalloc_fini();
	munmap(shared, 4096);
}

/* ---- The daemon --------------------------------------------------------- */

static int attempt;
static bool fail_children;

/* By the time the parent of a daemon exits, it has wiped and unmapped its
 * copy. */
static pid_t launcher;
_Noreturn void __real__exit(int status);
_Noreturn void __wrap__exit(int status);
_Noreturn void __wrap__exit(int status)
{
	struct proc_mapping mapping;

	if (getpid() == launcher && status == 0
	    && proc_mapping_of(chunk, &mapping))
		status = 9;
	__real__exit(status);
}

/* If secmalloc_daemon() succeeds, the process that called it exits with 0. */
static int go_into_the_background(void)
{
	start();
	launcher = getpid();
	fail_in = fail_children ? -getpid() : getpid();
	fail_at = attempt;
	calls = 0;
	failed = NULL;
	errno = 0;
	if (secmalloc_daemon(0, 0) == 0)
		_exit(is_untouched() ? 0 : 5);
	fail_at = 0;
	/* ENOSYS means that there were no random bytes. */
	if ((errno != ENOMEM && errno != ENOSYS) || secmalloc_error()[0] == '\0'
	    || waitpid(-1, NULL, 0) != -1 || errno != ECHILD)
		return IS_WRONG;
	/* The failed call left nothing behind: the arena works, and children
	 * still have none. */
	return is_untouched() && in_child(judge_none) == HAS_ALL ? HAS_NOTHING
	                                                         : IS_WRONG;
}

static void daemon_with_failures(const char *where, int least)
{
	int end, orphan = 0, refused = 0;

	config.fork = SECMALLOC_FORK_NONE;
	for (attempt = 1; attempt < 100; attempt++) {
		end = in_child(go_into_the_background);
		if (end != HAS_NOTHING)
			break;
		refused++;
	}
	waitpid(-1, &orphan, 0);
	tap_ok(end == 0 && orphan == 0 && refused >= least,
	       "secmalloc_daemon fails completely if any of %d calls %s fails "
	       "(%d)",
	       refused, where, end);
}

/* ---- A cache that is busy during a fork --------------------------------- */

static struct smi_tcache *others;
static pthread_barrier_t meet;

/* A thread that is about to find its cache stopped has already announced that
 * it is busy. These two functions stand in for it. They are called while no
 * thread uses the arena. */
static void say_busy(void)
{
	if (others != NULL)
		atomic_store(&others->busy, 1);
}

static void say_idle(void)
{
	if (others != NULL)
		smi_tcache_leave(others);
}

static void send_pending(void);
static void wait_for_stop(void);
static void stop_child(void);

static void hook_first(void)
{
	pthread_atfork(say_busy, say_idle, NULL);
	pthread_atfork(send_pending, wait_for_stop, stop_child);
}
RUN_FIRST(hook_first);

static void *have_a_cache(void *unused)
{
	secfree(secmalloc(64));
	others = smi_current_cache();
	pthread_barrier_wait(&meet);
	pthread_barrier_wait(&meet);
	return unused;
}

/* An audit stops all caches, and would wait for a busy one. */
static int can_stop_caches(void)
{
	return atomic_load(&others->busy) == 0
	       && (atomic_load(&others->stop) & SMI_TCACHE_STOPPED) == 0
	       && secmalloc_audit() == 0;
}

static int is_refused(void)
{
	return is_closed() == HAS_NOTHING
	                       && strstr(secmalloc_error(),
	                                 "but is now refused")
	                                  != NULL
	               ? HAS_NOTHING
	               : IS_WRONG;
}

static void caught_busy(void)
{
	pthread_t thread;

	config.fork = SECMALLOC_FORK_KEEP;
	start();
	pthread_barrier_init(&meet, NULL, 2);
	thread_begin(&thread, have_a_cache, NULL);
	pthread_barrier_wait(&meet);
	refuse_barrier = true;
	tap_ok(in_child(is_refused) == HAS_NOTHING && is_untouched(),
	       "a child has no arena if other threads' caches cannot be "
	       "stopped");
	refuse_barrier = false;
	if (ran_first)
		tap_ok(others != NULL && in_child(can_stop_caches) == 1
		               && secmalloc_audit() == 0,
		       "a child does not wait for a thread that was about to "
		       "find its cache stopped");
	else
		tap_skip("a child does not wait for a thread that was about to "
		         "find its cache stopped",
		         NOT_RAN_FIRST);
	pthread_barrier_wait(&meet);
	pthread_join(thread, NULL);
	others = NULL;
	secmalloc_fini();
}

/* ---- A signal handler that forks ----------------------------------------- */

/* The call to the kernel during which the signal arrives. */
static const char *interrupted_call;
static int handler_forks, end_in_handler;

static void handle_with(void (*handler)(int signal))
{
	struct sigaction action = {.sa_flags = SA_RESTART};

	action.sa_handler = handler;
	sigaction(SIGUSR1, &action, NULL);
}

static void interrupt(const char *name)
{
	if (interrupted_call == NULL || strcmp(interrupted_call, name) != 0)
		return;
	interrupted_call = NULL;
	raise(SIGUSR1);
}

static int judge_interrupted(void)
{
	if (secmalloc(1) != NULL || errno != ENXIO
	    || proc_status_kb("VmLck") != 0)
		return IS_WRONG;
	if (config.fork != SECMALLOC_FORK_NONE
	    && strstr(secmalloc_error(), "fork: a signal handler called fork()")
	               == NULL)
		return IS_WRONG;
	secfree(chunk);
	return secmalloc_init(&config) == 0 && secmalloc(10) != NULL
	               ? HAS_NOTHING
	               : IS_WRONG;
}

static void fork_in_handler(int signal)
{
	(void)signal;
	handler_forks++;
	end_in_handler = in_child(judge_interrupted);
}

/* The fork in the handler went well, and so does the next one. */
static bool went_well(int (*judge)(void))
{
	int end = in_child(judge);
	bool good = handler_forks == 1 && end_in_handler == HAS_NOTHING
	            && end == HAS_ALL && secmalloc_audit() == 0;

	if (!good)
		tap_note("%d forks, the child of the handler %d, the next %d",
		         handler_forks, end_in_handler, end);
	handler_forks = 0;
	end_in_handler = 0;
	return good;
}

static bool cache_is_interrupted(void)
{
	struct smi_tcache *own = smi_current_cache();

	atomic_store(&own->busy, 1);
	raise(SIGUSR1);
	smi_tcache_leave(own);
	return went_well(judges[config.fork]);
}

/* Pretend to be a system whose fork() copies locked pages. */
static bool copies;
static unsigned *asked; /* shared with children */
bool __wrap_smi_os_fork_copies(void);
bool __wrap_smi_os_fork_copies(void)
{
	if (asked != NULL && asked != MAP_FAILED)
		++*asked;
	return copies;
}

/* A closed guarded chunk, of which the arena does not know yet, where the child
 * wipes its copy. */
static bool closing_is_interrupted(void)
{
	struct smi_tcache *own = smi_current_cache();
	char *guarded = hide(secmalloc_guarded(4096));
	char *at = (char *)((uintptr_t)guarded & ~(uintptr_t)4095);
	bool good;

	copies = true;
	mprotect(at, 4096, PROT_NONE);
	atomic_store(&own->busy, 1);
	raise(SIGUSR1);
	smi_tcache_leave(own);
	copies = false;
	mprotect(at, 4096, PROT_READ | PROT_WRITE);
	secfree(guarded);
	good = end_in_handler == HAS_NOTHING;
	end_in_handler = handler_forks = 0;
	return good;
}

static int has_grown(void)
{
	return config.fork == SECMALLOC_FORK_KEEP
	               ? secmalloc_owns(chunk) && secmalloc_audit() == 0
	       : judges[config.fork]() == HAS_ALL ? HAS_ALL
	                                          : IS_WRONG;
}

static bool growth_is_interrupted(void)
{
	char *large;

	interrupted_call = "mlock";
	large = secmalloc(100000);
	secfree(large);
	return large != NULL && went_well(has_grown);
}

/* No call of the library is interrupted, so the child has what its policy
 * promises. */
static int judge_policy(void)
{
	return judges[config.fork]() == HAS_ALL ? HAS_NOTHING : IS_WRONG;
}

static void fork_in_fork(int signal)
{
	(void)signal;
	handler_forks++;
	end_in_handler = in_child(judge_policy);
}

int __real_pthread_sigmask(int how, const sigset_t *set, sigset_t *before);
int __wrap_pthread_sigmask(int how, const sigset_t *set, sigset_t *before);
int __wrap_pthread_sigmask(int how, const sigset_t *set, sigset_t *before)
{
	if (watch_calls != NULL)
		watch_calls("pthread_sigmask");
	return __real_pthread_sigmask(how, set, before);
}

/* The signal arrives before the fork handlers block signals. */
static bool fork_is_interrupted(void)
{
	int end;

	handle_with(fork_in_fork);
	start();
	interrupted_call = "pthread_sigmask";
	end = in_child(judges[config.fork]);
	handle_with(fork_in_handler);
	return end == HAS_ALL && went_well(judges[config.fork]);
}

/* The arena that is being made has no chunks yet. */
static int judge_init(void)
{
	return secmalloc(1) == NULL && errno == ENXIO
	                       && secmalloc_init(&config) == 0
	               ? HAS_NOTHING
	               : IS_WRONG;
}

static void fork_in_init(int signal)
{
	(void)signal;
	handler_forks++;
	end_in_handler = in_child(judge_init);
}

static bool init_is_interrupted(void)
{
	handle_with(fork_in_init);
	interrupted_call = "mlock";
	start();
	return went_well(judges[config.fork]);
}

/* Nothing of an arena that is being ended is in the child. */
static int judge_fini(void)
{
	struct proc_mapping mapping;

	return !proc_mapping_of(chunk, &mapping)
	                       || strcmp(mapping.access, "---p") == 0
	               ? HAS_NOTHING
	               : IS_WRONG;
}

static void fork_in_fini(int signal)
{
	(void)signal;
	handler_forks++;
	end_in_handler = in_child(judge_fini);
}

static bool fini_is_interrupted(void)
{
	handle_with(fork_in_fini);
	interrupted_call = "munmap";
	secmalloc_fini();
	start();
	return went_well(judges[config.fork]);
}

/* A child must not share secret memory that its parent is just making. */
static size_t descriptors;

static bool sees_secret_memory(void)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	char line[300];
	bool found = false;

	while (maps != NULL && fgets(line, sizeof(line), maps) != NULL)
		found = found || strstr(line, "/secretmem") != NULL;
	return maps == NULL || fclose(maps) != 0 || found;
}

static int judge_secret(void)
{
	return proc_descriptors() == descriptors && !sees_secret_memory()
	               ? HAS_NOTHING
	               : IS_WRONG;
}

static void fork_in_secret(int signal)
{
	(void)signal;
	handler_forks++;
	end_in_handler = in_child(judge_secret);
}

static int secret_growth_is_interrupted(void)
{
	static const char *const steps[] = {"memfd_secret", "ftruncate", "mmap",
	                                    "madvise", "mremap"};

	config.fork = SECMALLOC_FORK_NONE;
	config.backing = SECMALLOC_BACKING_SECRET;
	config.max_pools = 20;
	if (secmalloc_init(&config) != 0)
		return tap_cannot("%s", secmalloc_error());
	chunk = hide(secstrdup("a secret"));
	if (!sees_secret_memory())
		return tap_cannot("secret memory has no name here");
	descriptors = proc_descriptors();
	handle_with(fork_in_secret);
	watch_calls = interrupt;
	for (int i = 0; i < 5; i++) {
		interrupted_call = steps[i];
		if (secmalloc(100000) == NULL || !went_well(judge_none))
			return 2 + i;
	}
	return 1;
}

/* Returns 1, or the number of the step that went wrong. */
static int handlers_fork(void)
{
	/* A thread that waits for its own lock during a fork cannot be ended by
	 * the limit on waiting, because it has blocked all signals. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	handle_with(fork_in_handler);
	watch_calls = interrupt;
	config.pool_size = 65536;
	if (!fork_is_interrupted())
		return 2;
	secmalloc_fini();
	config.max_pools = 4;
	start();
	if (!cache_is_interrupted())
		return 3;
	if (!growth_is_interrupted())
		return 4;
	if (!closing_is_interrupted())
		return 5;
	if (!fini_is_interrupted())
		return 6;
	secmalloc_fini();
	return init_is_interrupted() ? 1 : 7;
}

static void every_policy_of_handlers(void)
{
	static const char *const names[] = {"NONE", "KEEP", "WIPE"};

	for (unsigned i = 0; i < 3; i++) {
		int end;

		config.fork = i;
		end = in_child(handlers_fork);
		tap_ok(end == 1,
		       "%s: a signal handler can fork that interrupts a fork, "
		       "the use of a cache, a growth, the closing of a guarded "
		       "chunk, secmalloc_fini or secmalloc_init (%d)",
		       names[i], end);
	}
}

/* secmalloc_daemon() lets children have the arena for a moment. */
static int daemon_is_interrupted(void)
{
	handle_with(fork_in_fork);
	watch_calls = interrupt;
	start();
	interrupted_call = "fork";
	fail_in = -getpid();
	fail_only = "setsid";
	fail_with = ENOMEM;
	calls = 0;
	fail_at = 1;
	if (secmalloc_daemon(0, 0) == 0)
		_exit(2);
	fail_at = 0;
	return handler_forks == 1 && end_in_handler == HAS_NOTHING
	       && is_untouched() && in_child(judges[config.fork]) == HAS_ALL;
}

/* The kernel lets a child have the pools whatever the policy is. */
static int advice_is_unknown(void)
{
	unknown_advice = MADV_DONTFORK;
	start();
	return in_child(judges[config.fork]) == HAS_ALL && is_untouched();
}

static void no_copy_strays(void)
{
	static const unsigned policies[] = {SECMALLOC_FORK_NONE,
	                                    SECMALLOC_FORK_WIPE};

	for (unsigned i = 0; i < 2; i++) {
		const char *name = i == 0 ? "NONE" : "WIPE";
		char what[100];

		config.fork = policies[i];
		snprintf(what, sizeof(what),
		         "%s: a signal handler can fork that interrupts "
		         "secmalloc_daemon",
		         name);
		child_try(what, daemon_is_interrupted);
		snprintf(what, sizeof(what),
		         "%s: a child keeps no copy that the kernel gives it "
		         "against its policy",
		         name);
		child_try(what, advice_is_unknown);
	}
}

/* ---- A stopped child ------------------------------------------------------
 */

/* How many times the parent looks at its child. */
static int looks;
int __real_waitid(idtype_t kind, id_t child, siginfo_t *info, int options);
int __wrap_waitid(idtype_t kind, id_t child, siginfo_t *info, int options);
int __wrap_waitid(idtype_t kind, id_t child, siginfo_t *info, int options)
{
	looks++;
	return __real_waitid(kind, child, info, options);
}

static bool stop_in_child;
static int pending;

static void send_pending(void)
{
	if (pending != 0)
		raise(pending);
}

/* In the parent, before it looks at the child for the first time. */
static void wait_for_stop(void)
{
	siginfo_t info;

	if (stop_in_child)
		__real_waitid(P_ALL, 0, &info, WSTOPPED | WNOWAIT);
}

static void stop_child(void)
{
	if (stop_in_child)
		raise(SIGSTOP);
}

static int looks_with(int signal)
{
	pid_t pid;

	looks = 0;
	stop_in_child = true;
	pending = signal;
	pid = fork();
	stop_in_child = false;
	pending = 0;
	kill(pid, SIGKILL);
	child_end(pid);
	return looks;
}

static void ignore(int signal)
{
	(void)signal;
}

static void looks_at_stopped_child(void)
{
	int calm, hurried, blocked;
	sigset_t set;

	if (!ran_first) {
		tap_skip("a pending signal shortens the wait", NOT_RAN_FIRST);
		return;
	}
	config.fork = SECMALLOC_FORK_KEEP;
	start();
	handle_with(ignore);
	calm = looks_with(0);
	hurried = looks_with(SIGUSR1);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	blocked = looks_with(SIGUSR1);
	tap_ok(calm == 10 && hurried == 1 && blocked == 10 && is_untouched(),
	       "the parent looks at a stopped child %d times, or %d if a signal "
	       "is pending, or %d if the program blocks that signal",
	       calm, hurried, blocked);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	handle_with(SIG_DFL);
	secmalloc_fini();
}

/* The pages that a child has written to in the two pools, in kB, when the pools
 * are unmapped. */
static char *places[2];
static long own_kb = -1;

int __real_munmap(void *at, size_t n);
int __wrap_munmap(void *at, size_t n);
int __wrap_munmap(void *at, size_t n)
{
	struct proc_mapping mapping;

	if (watch_calls != NULL)
		watch_calls("munmap");
	for (size_t i = 0; i < 2 && fail_at != 0; i++)
		if ((char *)at <= places[i] && places[i] < (char *)at + n
		    && proc_mapping_of(places[i], &mapping))
			own_kb += mapping.own_kb + (own_kb < 0);
	return __real_munmap(at, n);
}

static int loses_copy(void)
{
	return failed != NULL && strcmp(failed, "mlock") == 0
	                       && is_closed() == HAS_NOTHING
	               ? (int)own_kb
	               : 255;
}

/* A child does not write to pools that it could not lock, because that would
 * create an unlocked copy. On a system whose fork() has already created one,
 * the child wipes all of it. */
static void writes_what_is_its_own(void)
{
	int kb[3];

	asked = mmap(NULL, sizeof(*asked), PROT_READ | PROT_WRITE,
	             MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	config.fork = SECMALLOC_FORK_KEEP;
	config.pool_size = 32768;
	start();
	for (size_t i = 0; i < 2; i++) {
		places[i] = hide(secmalloc(20000));
		memset(places[i], 1, 20000);
	}
	fail_in = -getpid();
	fail_with = ENOMEM;
	calls = 0;
	fail_at = 1;
	kb[0] = in_child(loses_copy);
	calls = 0;
	fail_at = 2;
	kb[1] = in_child(loses_copy);
	calls = 0;
	fail_at = 1;
	copies = true;
	kb[2] = in_child(loses_copy);
	copies = false;
	fail_at = 0;
	tap_ok(kb[0] == 0 && kb[1] == 32,
	       "a child that loses its copy has written %d kB if it cannot "
	       "lock the first of 2 pools, and %d kB if it cannot lock the "
	       "second",
	       kb[0], kb[1]);
	if (asked != MAP_FAILED && *asked == 0)
		tap_skip("where fork() copies the pools, the child wipes them",
		         "link-time optimization bypasses --wrap");
	else
		tap_ok(kb[2] == 64,
		       "where fork() has copied the pools, the child has "
		       "written %d kB",
		       kb[2]);
	secmalloc_fini();
}

int main(void)
{
	tap_needs_plain_build();
	watchdog_start(100);
	if (sysconf(_SC_PAGESIZE) != 4096)
		tap_skip_all("the figures are for pages of 4 KiB");
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	tap_note("fatal lines are expected here");
	fork_with_failures(SECMALLOC_FORK_NONE, "NONE", true, 1);
	fork_with_failures(SECMALLOC_FORK_KEEP, "KEEP", true, 3);
	fork_with_failures(SECMALLOC_FORK_WIPE, "WIPE", true, 10);
	fork_with_failures(SECMALLOC_FORK_KEEP, "KEEP, and the parent", false,
	                   1);
	daemon_with_failures("in the parent", 3);
	fail_children = true;
	daemon_with_failures("in the child", 11);
	caught_busy();
	every_policy_of_handlers();
	no_copy_strays();
	child_try("a signal handler that interrupts the growth of secret "
	          "memory can fork, and the child shares nothing",
	          secret_growth_is_interrupted);
	looks_at_stopped_child();
	writes_what_is_its_own();
	tap_done();
}
