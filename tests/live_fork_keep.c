/*
 * Under the policy KEEP, the child of a fork has its own locked copy, or no
 * arena and a message that says why. The parent is unchanged.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "first.h"
#include "backing.h"
#include "child.h"
#include "hide.h"
#include "pattern.h"
#include "proc.h"
#include "tap.h"
#include "thread.h"

#include <errno.h>
#include <pthread.h>
#include <secmalloc.h>
#include <signal.h>
#include <sys/mman.h>

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif

#define POOLS     4
#define LOCKED_KB (POOLS * 64 + 4)

static const struct secmalloc_config keep = {
	.initial_pools = POOLS,
	.max_pools = POOLS,
	.fork = SECMALLOC_FORK_KEEP,
};
static unsigned char *chunk, *big;
static uint64_t seed;

static bool start(void)
{
	if (secmalloc_init(&keep) != 0)
		return false;
	chunk = hide(secmalloc(PATTERN_BYTES));
	big = hide(secmalloc(100000));
	pattern_put(chunk, seed);
	pattern_put(big + 99000, seed);
	return true;
}

static bool is_whole(const unsigned char *bytes)
{
	return pattern_count(bytes, PATTERN_BYTES, seed) == 1;
}

/* Whether the chunks are unchanged and the arena is locked. */
static bool is_untouched(void)
{
	return is_whole(chunk) && is_whole(big + 99000)
	       && proc_has_flag(chunk, "lo") && proc_has_flag(big, "lo")
	       && proc_status_kb("VmLck") == LOCKED_KB
	       && secmalloc_audit() == 0;
}

/* Count the pattern in the pages of [at, end) that can be read. The other pages
 * are counted in *skipped. */
static size_t count_between(const unsigned char *at, const unsigned char *end,
                            size_t *skipped)
{
	const unsigned char *from = at;
	size_t count = 0;

	for (; at < end; at += 4096) {
		if (proc_can_read(at))
			continue;
		count += pattern_count(from, (size_t)(at - from), seed);
		from = at + 4096;
		++*skipped;
	}
	return count + pattern_count(from, (size_t)(end - from), seed);
}

/* Count the pattern in all memory that this process can read and write. */
static size_t count_everywhere(void)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	unsigned long start, end;
	size_t count = 0, skipped = 0;
	char line[512], access[5];

	while (maps != NULL && fgets(line, sizeof(line), maps) != NULL)
		if (sscanf(line, "%lx-%lx %4s", &start, &end, access) == 3
		    && access[0] == 'r' && access[1] == 'w'
		    && strstr(line, "[stack]") == NULL)
			count += count_between((unsigned char *)start,
			                       (unsigned char *)end, &skipped);
	if (maps != NULL)
		fclose(maps);
	if (skipped != 0)
		tap_note("%zu pages that cannot be read were skipped", skipped);
	return count;
}

/* Map three pages of which the middle one cannot be read, as newer versions of
 * glibc do in the stacks of threads. Returns false if the kernel does not
 * support this. */
static bool place_guard(void)
{
	char *at = mmap(NULL, (size_t)3 * 4096, PROT_READ | PROT_WRITE,
	                MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return at != MAP_FAILED
	       && madvise(at + 4096, 4096, MADV_GUARD_INSTALL) == 0;
}

/* ---- A child that may lock --------------------------------------------- */

static int has_plain_copy(void)
{
	return proc_status_kb("VmLck") == 0 && !proc_has_flag(big, "lo")
	                       && is_whole(big)
	               ? 1
	               : 0;
}

/* Control: fork() copies memory that was locked with mlock(), but not the
 * lock. */
static void lock_is_not_inherited(void)
{
	big = mmap(NULL, 65536, PROT_READ | PROT_WRITE,
	           MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pattern_put(big, seed);
	tap_ok(mlock(big, 65536) == 0 && proc_has_flag(big, "lo")
	               && in_child(has_plain_copy) == 1,
	       "control: a child has a copy of locked memory that is not "
	       "locked");
	munmap(big, 65536);
}

static int nothing_but_look(void)
{
	return is_untouched() ? 1 : 0;
}

static int has_a_copy(void)
{
	struct secmalloc_stats stats;
	void *more;

	if (!is_untouched() || !proc_has_flag(chunk, "dd")
	    || secmalloc_stats(&stats) != 0 || stats.chunks != 2
	    || stats.locked_bytes != LOCKED_KB * KIB || count_everywhere() != 2)
		return 2;
	more = secmalloc(3000);
	if (more == NULL || !proc_has_flag(more, "lo") || !secmalloc_owns(chunk)
	    || in_child(nothing_but_look) != 1)
		return 3;
	chunk[0] ^= 1;
	secfree(chunk);
	big = secrealloc(big, 5000);
	if (big == NULL || secmalloc_owns(chunk) || secmalloc_audit() != 0)
		return 4;
	secmalloc_fini();
	return secmalloc(1) == NULL && errno == ENXIO
	       && proc_status_kb("VmLck") == 0
	       && strstr(secmalloc_error(), "secmalloc_init() first") != NULL;
}

static void copies_are_locked(void)
{
	if (!start()) {
		tap_skip("a child has a locked copy, and its own child has one "
		         "too",
		         "%d pools cannot be locked", POOLS);
		return;
	}
	tap_ok(in_child(has_a_copy) == 1,
	       "a child has a locked copy, and its own child has one too");
	tap_ok(is_untouched(), "the parent is unchanged");
	secmalloc_fini();
}

/* Under a lock limit of exactly the bytes that are needed. */
static int within_the_limit(void)
{
	if (!child_be_ordinary(LOCKED_KB * KIB) || !start())
		return tap_cannot("%s", secmalloc_error());
	return in_child(has_a_copy) == 1 && is_untouched();
}

/* ---- A child that may not lock ----------------------------------------- */

static const char *const *wanted;

static int read_stale(void)
{
	return ((volatile unsigned char *)big)[99000];
}

static int has_nothing(void)
{
	struct proc_mapping mapping;
	void *got = secmalloc(1);

	if (got != NULL || errno != ENXIO)
		return 2;
	for (const char *const *word = wanted; *word != NULL; word++)
		if (strstr(secmalloc_error(), *word) == NULL) {
			tap_note("no '%s' in: %s", *word, secmalloc_error());
			return 3;
		}
	secfree(chunk);
	if (secrealloc(chunk, 9) != NULL || errno != ENXIO
	    || secmalloc_audit() == 0 || secmalloc_owns(chunk)
	    || proc_status_kb("VmLck") != 0)
		return 4;
	if (!proc_mapping_of(big, &mapping)
	    || strcmp(mapping.access, "---p") != 0 || count_everywhere() != 0)
		return 5;
	return in_child(read_stale) == 128 + SIGSEGV;
}

/* An arena of the child's own is small enough for the limit. */
static int makes_its_own(void)
{
	struct secmalloc_config config = {.initial_pools = 1,
	                                  .pool_size = 8 * KIB};
	char *own;

	if (has_nothing() != 1 || secmalloc_init(&config) != 0)
		return 2;
	own = secmalloc(10);
	secfree(chunk);
	return own != NULL && proc_has_flag(own, "lo") && secmalloc_audit() == 0
	       && secrealloc(chunk, 1) == NULL;
}

static int beyond_the_limit(void)
{
	static const char *const words[] = {
		("secmalloc: fork: the child's copy of 4 pools (262144 bytes) "
	         "could not be locked and was wiped, 266240 bytes are wanted"),
		"RLIMIT_MEMLOCK is 131072 soft", "fork while still root",
		"LimitMEMLOCK=266240", NULL};

	wanted = words;
	if (!start() || !child_be_ordinary(128 * KIB))
		return tap_cannot("%s", secmalloc_error());
	return in_child(makes_its_own) == 1 && is_untouched();
}

static int without_a_right(void)
{
	static const char *const words[] = {"could not be locked and was wiped",
	                                    "RLIMIT_MEMLOCK is 0 soft", NULL};

	wanted = words;
	if (!start() || !child_be_ordinary(0))
		return tap_cannot("%s", secmalloc_error());
	return in_child(has_nothing) == 1 && is_untouched();
}

static int without_descriptors(void)
{
	static const char *const words[] = {"fork: no socket to the child",
	                                    "errno 24", NULL};
	struct rlimit none = {4, 0}, all;
	int result;

	wanted = words;
	getrlimit(RLIMIT_NOFILE, &all);
	none.rlim_max = all.rlim_max;
	if (!start())
		return tap_cannot("%s", secmalloc_error());
	/* Reading /proc needs the fourth descriptor. */
	while (dup(0) >= 0 && dup(0) < 3)
		;
	setrlimit(RLIMIT_NOFILE, &none);
	for (int fd = 4; fd < 20; fd++)
		close(fd);
	close(3);
	result = in_child(has_nothing);
	setrlimit(RLIMIT_NOFILE, &all);
	return result == 1 && is_untouched();
}

/* ---- Calls by other handlers and by on_fault ---------------------------- */

static bool call_in_handlers, refused;

static void use(void)
{
	void *small, *large;

	if (!call_in_handlers)
		return;
	small = secmalloc(700);
	large = secmalloc(20000);
	refused |= small == NULL || large == NULL;
	secfree(large);
	secfree(small);
}

static void hook_first(void)
{
	pthread_atfork(use, use, NULL);
}
RUN_FIRST(hook_first);

static int handlers_may_call(void)
{
	int end;

	if (!start())
		return tap_cannot("%s", secmalloc_error());
	call_in_handlers = true;
	end = in_child(nothing_but_look);
	call_in_handlers = false;
	return end == 1 && !refused && is_untouched();
}

static _Atomic int reported = -1;

static void report(const char *line)
{
	(void)line;
	reported = in_child(has_nothing);
	_exit(reported);
}

static void *fork_on_and_on(void *unused)
{
	while (reported < 0)
		in_child(nothing_but_look);
	return unused;
}

/* The thread that aborts holds the arena's lock. Another thread waits for that
 * lock while it holds the lock that is taken before it. */
static int on_fault_may_fork(void)
{
	static const char *const words[] = {
		"fork: the arena was found damaged in the parent", NULL};
	struct secmalloc_config config = keep;
	pthread_t thread;

#ifndef __GLIBC__
	return tap_cannot("this libc has a lock while fork handlers run");
#endif
	wanted = words;
	config.on_fault = report;
	if (secmalloc_init(&config) != 0)
		return tap_cannot("%s", secmalloc_error());
	chunk = hide(secmalloc(10));
	big = hide(secmalloc(100000));
	pattern_put(big, seed);
	thread_begin(&thread, fork_on_and_on, NULL);
	usleep(20000);
	chunk[10] ^= 1;
	secfree(chunk);
	return 4;
}

/* ---- Differences of the copy -------------------------------------------- */

/* The addresses of the chunks of a new size class, for the parent to read. */
static uintptr_t *order;

static int take_some(void)
{
	for (int i = 0; i < 16; i++)
		order[i] = (uintptr_t)secmalloc(200);
	return 1;
}

static void random_differs(void)
{
	uintptr_t seen[16];
	bool served;

	order = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
	             MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (!start()) {
		tap_skip("two children use slots in different orders",
		         "%d pools cannot be locked", POOLS);
		return;
	}
	served = in_child(take_some) == 1 && order[0] != 0;
	memcpy(seen, order, sizeof(seen));
	served = served && in_child(take_some) == 1 && order[15] != 0;
	tap_ok(served && memcmp(seen, order, sizeof(seen)) != 0,
	       "two children use slots in different orders");
	memcpy(seen, order, sizeof(seen));
	take_some();
	tap_ok(memcmp(seen, order, sizeof(seen)) != 0,
	       "children and their parent use slots in different orders");
	secmalloc_fini();
}

/* ---- Signals ------------------------------------------------------------ */

static pid_t forker;

/* A daemon may do this when it is told to terminate. */
static void wipe_in_child(int signal)
{
	(void)signal;
	if (getpid() != forker)
		secmalloc_wipe(chunk, PATTERN_BYTES);
}

/* Fork while signals keep arriving, which the children receive too. */
static int forks_in_rain(void)
{
	struct sigaction action = {.sa_flags = SA_RESTART};
	bool good = true;
	pid_t rain;

	action.sa_handler = wipe_in_child;
	if (setpgid(0, 0) != 0 || !start())
		return tap_cannot("%s", secmalloc_error());
	forker = getpid();
	sigaction(SIGUSR1, &action, NULL);
	rain = fork();
	if (rain == 0) {
		signal(SIGUSR1, SIG_IGN);
		for (;;) {
			kill(-forker, SIGUSR1);
			usleep(200);
		}
	}
	for (int i = 0; i < 200 && good; i++) {
		pid_t pid = fork();

		if (pid == 0)
			_exit(1);
		good = child_end(pid) == 1 && is_whole(chunk);
	}
	kill(rain, SIGKILL);
	child_end(rain);
	return good && is_untouched() ? 1 : 0;
}

static void signals_wait(void)
{
	int end = in_child(forks_in_rain);

	if (end == TAP_CANNOT)
		tap_skip_told("a handler that wipes in a child wipes only the "
		              "child's copy");
	else
		tap_ok(end == 1,
		       "a handler that wipes in a child wipes only the child's "
		       "copy (%d)",
		       end);
}

int main(void)
{
	tap_needs_plain_build();
	if (sysconf(_SC_PAGESIZE) != 4096)
		tap_skip_all("the figures are for pages of 4 KiB");
	tap_needs_lock(1024);
	seed = (uint64_t)getpid() << 32 | (uint64_t)time(NULL);
	if (!place_guard())
		tap_note("this kernel cannot guard a page within a mapping");
	lock_is_not_inherited();
	copies_are_locked();
	child_try(
		"a child of an ordinary user has a copy under a limit that is "
		"just enough",
		within_the_limit);
	if (geteuid() == 0) {
		child_try(
			"beyond the limit the child's copy is wiped, its calls "
			"fail with a message, and the parent is unchanged",
			beyond_the_limit);
		child_try(
			"without the right to lock the child's copy is wiped, "
			"its calls fail with a message, and the parent is "
			"unchanged",
			without_a_right);
	} else {
		tap_skip(
			"beyond the limit the child's copy is wiped, its calls "
			"fail with a message, and the parent is unchanged",
			"needs root, to lock more before the limit is lowered");
	}
	child_try(
		"without a descriptor for the socket the child's copy is wiped, "
		"its calls fail with a message, and the parent is unchanged",
		without_descriptors);
	if (ran_first)
		child_try("fork handlers that were registered earlier may use "
		          "the library",
		          handlers_may_call);
	else
		tap_skip("fork handlers that were registered earlier may use "
		         "the library",
		         NOT_RAN_FIRST);
	tap_note("a fatal message is expected here");
	child_try("on_fault may fork while other threads do, "
	          "and its child has no arena",
	          on_fault_may_fork);
	random_differs();
	signals_wait();
	tap_done();
}
