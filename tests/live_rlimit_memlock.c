/*
 * The library never hands out memory that it could not lock, and leaves nothing
 * mapped when it fails. The cases run as an ordinary user under each kind of
 * limit, and check the messages that an operator sees.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "backing.h"
#include "proc.h"
#include "tap.h"
#include "watchdog.h"

#include <errno.h>
#include <grp.h>
#include <secmalloc.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

#define NOBODY   65534
#define KIB      ((size_t)1024)
#define NO_LIMIT SIZE_MAX

static size_t page;

static bool become_ordinary(size_t lock_limit)
{
	struct rlimit limit = {lock_limit, lock_limit};

	if (setrlimit(RLIMIT_MEMLOCK, &limit) != 0)
		return false;
	return geteuid() != 0
	       || (setgroups(0, NULL) == 0
	           && setresgid(NOBODY, NOBODY, NOBODY) == 0
	           && setresuid(NOBODY, NOBODY, NOBODY) == 0);
}

/* Run a case as an ordinary user with this lock limit, in a process of its own.
 * It passes if `act` returns true. */
static void try(const char *name, size_t lock_limit, bool (*act)(void))
{
	int status = -1;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		struct rlimit now;

		watchdog_start(60);
		getrlimit(RLIMIT_MEMLOCK, &now);
		if (lock_limit > now.rlim_max && geteuid() != 0)
			_exit(tap_cannot("the hard limit is lower"));
		if (!become_ordinary(lock_limit))
			_exit(tap_cannot(
				"the process cannot become an ordinary user "
				"with that limit: %s",
				strerror(errno)));
		_exit(act() ? 0 : 1);
	}
	waitpid(pid, &status, 0);
	if (WIFEXITED(status) && WEXITSTATUS(status) == TAP_CANNOT)
		tap_skip_told(name);
	else
		tap_ok(status == 0, "%s", name);
}

/* Whether the message contains all of these words. Missing ones are printed. */
static bool says(const char *const *words)
{
	bool all = true;

	for (; *words != NULL; words++)
		if (strstr(secmalloc_error(), *words) == NULL) {
			tap_note("no '%s' in: %s", *words, secmalloc_error());
			all = false;
		}
	return all;
}
#define SAYS(...) says((const char *const[]){__VA_ARGS__, NULL})

/* An init that must fail, and leave no mapping and no lock behind. */
static bool fails(const struct secmalloc_config *config, int code)
{
	size_t mappings;

	proc_settle();
	mappings = proc_mappings();
	errno = 0;
	if (secmalloc_init(config) != -1 || errno != code) {
		tap_note("errno %d, wanted %d: %s", errno, code,
		         secmalloc_error());
		return false;
	}
	if (proc_mappings() != mappings || proc_status_kb("VmLck") != 0) {
		tap_note("%zu mappings before, %zu after, VmLck %ld", mappings,
		         proc_mappings(), proc_status_kb("VmLck"));
		return false;
	}
	return secmalloc(1) == NULL && errno == ENXIO;
}

static bool no_right(void)
{
	struct secmalloc_config config = {.initial_pools = 16};

	return fails(&config, EPERM) && fails(NULL, EPERM);
}

static bool words_of_no_right(void)
{
	struct secmalloc_config config = {.initial_pools = 16};

	secmalloc_init(&config);
	return SAYS("secmalloc_init: 0 of 16 pools were locked (0 bytes), ",
	            "and 4096 bytes more could not be locked",
	            "1052672 bytes are wanted in all",
	            "RLIMIT_MEMLOCK is 0 soft and 0 hard",
	            "CAP_IPC_LOCK is not effective", "while still root",
	            "LimitMEMLOCK=1052672", "memlock 1028 (limits.conf)",
	            "--ulimit memlock=1052672");
}

static bool limit_too_small(void)
{
	struct secmalloc_config config = {.initial_pools = 16};

	/* 1 MiB holds the key page and 15 pools. A 16th pool must be smaller
	 * than the others, and is. For a 17th there is not even a page left. */
	errno = 5;
	if (secmalloc_init(&config) != 0 || errno != 5)
		return false;
	secmalloc_fini();
	config.initial_pools = 17;
	return fails(&config, ENOMEM) && (secmalloc_init(&config), true)
	       && SAYS("0 of 17 pools were locked (0 bytes), and 1052672 bytes "
	               "more could not be locked",
	               "RLIMIT_MEMLOCK is 1048576 soft and 1048576 hard",
	               "LimitMEMLOCK=");
}

static bool fixed_pools_do_not_shrink(void)
{
	struct secmalloc_config config = {.initial_pools = 16};

	config.pool_size = 64 * KIB;
	return fails(&config, ENOMEM) && (secmalloc_init(&config), true)
	       && SAYS("15 of 16 pools were locked (983040 bytes), and 65536 "
	               "bytes more could not be locked");
}

static bool one_page_is_too_little(void)
{
	struct secmalloc_config config = {.initial_pools = 1};

	/* The page of the canary key takes the only page. */
	return fails(&config, ENOMEM);
}

static bool used_to_the_last_page(void)
{
	struct secmalloc_stats stats;
	size_t count = 0;

	if (secmalloc_init(NULL) != 0)
		return false;
	/* The first chunk adds a pool, which is smaller than usual because of
	 * the limit. */
	errno = 5;
	if (secmalloc(32) == NULL || errno != 5)
		return false;
	while (secmalloc(32) != NULL)
		count++;
	if (errno != ENOMEM || secmalloc_stats(&stats) != 0)
		return false;
	return stats.locked_bytes == 64 * KIB && proc_status_kb("VmLck") == 64
	       && count > 1200
	       && SAYS("secmalloc: no room for 32 bytes in 1 pools (61440 "
	               "bytes: chunks take 61",
	               "and 4096 bytes more could not be locked",
	               "RLIMIT_MEMLOCK is 65536");
}

/* After mlockall(MCL_FUTURE), the reserved addresses and the metadata must not
 * be locked as well. */
static bool all_is_to_be_locked(void)
{
	struct secmalloc_config config = {.initial_pools = 1};
	struct secmalloc_stats stats;
	long before;

	proc_settle();
	if (mlockall(MCL_FUTURE) != 0)
		return false;
	before = proc_status_kb("VmLck");
	if (secmalloc_init(&config) != 0) {
		tap_note("%s", secmalloc_error());
		return false;
	}
	return secmalloc_stats(&stats) == 0 && stats.locked_bytes == 68 * KIB
	       && proc_status_kb("VmLck") - before <= 68;
}

static bool growth_is_locked_or_fails(void)
{
	struct secmalloc_config config = {.initial_pools = 1};
	char *chunk, *last = NULL;

	if (secmalloc_init(&config) != 0)
		return false;
	while ((chunk = secmalloc(10000)) != NULL) {
		if (!proc_has_flag(chunk, "lo"))
			return false;
		last = chunk;
	}
	return errno == ENOMEM && last != NULL
	       && proc_status_kb("VmLck") == 256;
}

/* Pools of the default size are adjacent. Pools of a given size each have their
 * own guard pages. */
static bool initial_pools_are_joined(void)
{
	struct secmalloc_config config = {.initial_pools = 100,
	                                  .max_pools = 101};
	struct secmalloc_stats stats;
	size_t without, joined, apart;

	proc_settle();
	without = proc_mappings();
	if (secmalloc_init(&config) != 0)
		return false;
	joined = proc_mappings() - without;
	while (secmalloc(10000) != NULL)
		;
	if (secmalloc_stats(&stats) != 0 || stats.pools != 101
	    || stats.pool_bytes != 101 * 64 * KIB
	    || (size_t)proc_status_kb("VmLck") != 101 * 64 + 4
	    || secmalloc_audit() != 0)
		return false;
	secmalloc_fini();
	config.pool_size = 64 * KIB;
	if (secmalloc_init(&config) != 0 || secmalloc_stats(&stats) != 0
	    || stats.pools != 100)
		return false;
	apart = proc_mappings() - without;
	tap_note("%zu mappings, and %zu with a guard page after each pool",
	         joined, apart);
	/* One range with one guard page, instead of 100. */
	return apart - joined == 2 * (100 - 1);
}

/* Adjacent pools that exceed the limit use what the limit leaves, if that is
 * enough. */
static bool joined_pools_and_the_limit(void)
{
	struct secmalloc_config config = {.initial_pools = 16};
	struct secmalloc_stats stats;

	if (secmalloc_init(&config) != 0 || secmalloc_stats(&stats) != 0)
		return false;
	return stats.pools == 16 && stats.locked_bytes == 1024 * KIB
	       && proc_status_kb("VmLck") == 1024 && secmalloc_audit() == 0;
}

/* ---- Pools and guarded chunks under one limit ---------------------------- */

#define MOST_CELLS 14

/* Set the soft limit, in pages. */
static bool limit_to(size_t pages)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_MEMLOCK, &limit) != 0)
		return false;
	limit.rlim_cur = pages * page;
	return setrlimit(RLIMIT_MEMLOCK, &limit) == 0;
}

/* Whether all of these guarded chunks can be had, and an ordinary one too. */
static bool both_kinds(size_t guarded_chunks)
{
	char *chunks[MOST_CELLS], *plain;

	for (size_t i = 0; i < guarded_chunks; i++) {
		chunks[i] = secmalloc_guarded(32);
		if (chunks[i] == NULL || !proc_has_flag(chunks[i], "lo"))
			return false;
	}
	plain = secmalloc(32);
	if (plain == NULL || !proc_has_flag(plain, "lo"))
		return false;
	secfree(plain);
	for (size_t i = 0; i < guarded_chunks; i++)
		secfree(chunks[i]);
	return secmalloc_audit() == 0;
}

/* Init with one configuration under a limit of so many pages. The least that
 * the configuration needs is the key page, the cells, all initial pools but one
 * in full size, and a page for the last one. */
static bool fit_together(size_t pages, size_t pools, size_t cells)
{
	struct secmalloc_config config = {
		.initial_pools = pools,
		.guarded_chunks = cells,
	};
	size_t least = 1 + cells + (pools > 0 ? (pools - 1) * 16 + 1 : 0);
	size_t wanted = (1 + cells + pools * 16) * page;
	char total[30];
	bool good;

	snprintf(total, sizeof(total), "LimitMEMLOCK=%zu", wanted);
	if (!limit_to(pages))
		return false;
	errno = 0;
	if (secmalloc_init(&config) != 0)
		good = pages < least && errno == ENOMEM
		       && strstr(secmalloc_error(), total) != NULL;
	else
		/* The first chunk needs a pool, for which there may be no
		 * page. */
		good = pages >= least
		       && (pages == least && pools == 0 ? secmalloc(1) == NULL
		                                        : both_kinds(cells));
	if (!good)
		tap_note("%zu pages, %zu pools, %zu guarded chunks: %s", pages,
		         pools, cells, secmalloc_error());
	secmalloc_fini();
	return good && proc_status_kb("VmLck") == 0;
}

static bool pools_leave_room_for_cells(void)
{
	for (size_t pages = 2; pages <= 40; pages++)
		for (size_t pools = 0; pools <= 3; pools++)
			for (size_t cells = 0; cells <= 12; cells += 3)
				if (!fit_together(pages, pools, cells))
					return false;
	return fit_together(16, 1, 1) && fit_together(16, 0, 14)
	       && fit_together(15, 0, 14) && fit_together(16, 1, 14);
}

/* Under each policy that gives a child an arena, the child has both kinds too.
 */
static bool also_in_children(void)
{
	static const unsigned policies[] = {SECMALLOC_FORK_KEEP,
	                                    SECMALLOC_FORK_WIPE};
	struct secmalloc_config config = {
		.initial_pools = 1,
		.guarded_chunks = 4,
	};

	for (size_t i = 0; i < 2; i++) {
		int status = -1;
		pid_t pid;

		config.fork = policies[i];
		if (!limit_to(16) || secmalloc_init(&config) != 0)
			return false;
		pid = fork();
		if (pid == 0)
			_exit(both_kinds(4) && proc_status_kb("VmLck") == 64
			              ? 0
			              : 1);
		waitpid(pid, &status, 0);
		if (status != 0 || !both_kinds(4))
			return false;
		secmalloc_fini();
	}
	return true;
}

/* ---- Addresses ----------------------------------------------------------- */

/* With max_pools 0, the library plans for the addresses that it may reserve. */
static bool few_addresses(void)
{
	struct rlimit limit = {256 * KIB * KIB, 256 * KIB * KIB};
	struct secmalloc_config config = {.initial_pools = 1};
	struct secmalloc_stats stats;

	errno = 5;
	if (setrlimit(RLIMIT_AS, &limit) != 0)
		_exit(tap_cannot("RLIMIT_AS cannot be set to %ju: %s",
		                 (uintmax_t)limit.rlim_cur, strerror(errno)));
	if (secmalloc_init(&config) != 0 || errno != 5
	    || secmalloc_stats(&stats) != 0)
		return false;
	tap_note("max_pools is %llu", (unsigned long long)stats.pools_max);
	secmalloc_fini();
	config.max_pools = 10000;
	return stats.pools_max >= 100 && stats.pools_max < 10000
	       && fails(&config, ENOMEM) && (secmalloc_init(&config), true)
	       && SAYS("RLIMIT_AS");
}

int main(void)
{
	tap_needs_plain_build();
	page = (size_t)sysconf(_SC_PAGESIZE);
	if (page != 4096)
		tap_skip_all("the figures are for pages of 4 KiB");

	try("without the right to lock init fails with EPERM and leaves "
	    "nothing",
	    0, no_right);
	try("without the right to lock the message names the limit and the "
	    "remedies",
	    0, words_of_no_right);
	try("with a limit that is too small init fails with ENOMEM and leaves "
	    "nothing",
	    1024 * KIB, limit_too_small);
	try("pools of a given size do not shrink", 1024 * KIB,
	    fixed_pools_do_not_shrink);
	try("a limit of one page is too low", 4 * KIB, one_page_is_too_little);
	try("a limit of 64 KiB is used to its last page", 64 * KIB,
	    used_to_the_last_page);
	try("memory added by growth is locked, or growth fails", 256 * KIB,
	    growth_is_locked_or_fails);
	try("initial pools are adjacent", 8192 * KIB, initial_pools_are_joined);
	try("adjacent initial pools use a limit to its last page", 1024 * KIB,
	    joined_pools_and_the_limit);
	try("pools of the default size leave room for the guarded chunks",
	    1024 * KIB, pools_leave_room_for_cells);
	try("with a limit of 64 KiB children have guarded and other chunks",
	    64 * KIB, also_in_children);
	try("after mlockall(MCL_FUTURE) only pools and the key are locked",
	    4096 * KIB, all_is_to_be_locked);
	try("a limit on addresses lowers the default of max_pools", 1024 * KIB,
	    few_addresses);
	tap_done();
}
