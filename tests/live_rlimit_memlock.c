/*
 * Truth: what cannot be locked is not handed out, and nothing stays mapped. As
 * an ordinary user under each kind of limit, with the words an operator sees.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "backing.h"
#include "proc.h"
#include "tap.h"

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

/* Each case runs in a process of its own, which is 1 if all is well. */
static void try(const char *name, size_t lock_limit, bool (*act)(void))
{
	int status = -1;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		struct rlimit now;

		getrlimit(RLIMIT_MEMLOCK, &now);
		if (lock_limit > now.rlim_max && geteuid() != 0)
			_exit(77);
		if (!become_ordinary(lock_limit)) {
			tap_note("the limit cannot be set");
			_exit(78);
		}
		_exit(act() ? 0 : 1);
	}
	waitpid(pid, &status, 0);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		tap_skip(name, "the hard limit is lower");
	else
		tap_ok(status == 0, "%s", name);
}

/* Words that are wanted, all of them; those that are missing are printed. */
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
	return SAYS("secmalloc_init: 0 of 16 pools of 65536 bytes were locked",
	            "1052672 bytes are wanted in all",
	            "RLIMIT_MEMLOCK is 0 soft and 0 hard",
	            "CAP_IPC_LOCK is absent or of a user namespace",
	            "while still root", "LimitMEMLOCK=1052672",
	            "memlock 1028 (limits.conf)", "--ulimit memlock=1052672");
}

static bool limit_too_small(void)
{
	struct secmalloc_config config = {.initial_pools = 16};

	/* 1 MiB holds the key page and 15 pools; the 16th would be smaller
	 * than the others, and is. With 17 there is not a page left. */
	errno = 5;
	if (secmalloc_init(&config) != 0 || errno != 5)
		return false;
	secmalloc_fini();
	config.initial_pools = 17;
	return fails(&config, ENOMEM) && (secmalloc_init(&config), true)
	       && SAYS("16 of 17 pools",
	               "RLIMIT_MEMLOCK is 1048576 soft and 1048576 hard",
	               "LimitMEMLOCK=");
}

static bool fixed_pools_do_not_shrink(void)
{
	struct secmalloc_config config = {.initial_pools = 16};

	config.pool_size = 64 * KIB;
	return fails(&config, ENOMEM);
}

static bool one_page_is_too_little(void)
{
	struct secmalloc_config config = {.initial_pools = 1};

	/* The page is the key's. */
	return fails(&config, ENOMEM);
}

static bool used_to_the_last_page(void)
{
	struct secmalloc_stats stats;
	size_t count = 0;

	if (secmalloc_init(NULL) != 0)
		return false;
	/* The first makes a pool, for which more was asked than there is. */
	errno = 5;
	if (secmalloc(32) == NULL || errno != 5)
		return false;
	while (secmalloc(32) != NULL)
		count++;
	if (errno != ENOMEM || secmalloc_stats(&stats) != 0)
		return false;
	return stats.locked_bytes == 64 * KIB && proc_status_kb("VmLck") == 64
	       && count > 1200
	       && SAYS("secmalloc: no room for 32 bytes in 1 pools",
	               "one more of 65536 bytes could not be locked",
	               "RLIMIT_MEMLOCK is 65536");
}

/* The reservation and the metadata are not to be locked with all the rest. */
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

/* Initial pools of the default size lie side by side, 256 between two guards;
 * others are as they were asked for. */
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
	tap_note("%zu mappings, and %zu with a guard after each", joined,
	         apart);
	/* One range with its guard, instead of 100. */
	return apart - joined == 2 * (100 - 1);
}

/* A range that is too large takes what is left, if that is enough. */
static bool joined_pools_and_the_limit(void)
{
	struct secmalloc_config config = {.initial_pools = 16};
	struct secmalloc_stats stats;

	if (secmalloc_init(&config) != 0 || secmalloc_stats(&stats) != 0)
		return false;
	return stats.pools == 16 && stats.locked_bytes == 1024 * KIB
	       && proc_status_kb("VmLck") == 1024 && secmalloc_audit() == 0;
}

/* The addresses that 0 stands for shrink to what may be reserved. */
static bool few_addresses(void)
{
	struct rlimit limit = {256 * KIB * KIB, 256 * KIB * KIB};
	struct secmalloc_config config = {.initial_pools = 1};
	struct secmalloc_stats stats;

	errno = 5;
	if (setrlimit(RLIMIT_AS, &limit) != 0 || secmalloc_init(&config) != 0
	    || errno != 5 || secmalloc_stats(&stats) != 0)
		return false;
	tap_note("max_pools became %llu", (unsigned long long)stats.pools_max);
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
		tap_skip_all("the figures are those of pages of 4 KiB");

	try("no right to lock: EPERM, nothing stays", 0, no_right);
	try("no right to lock: the words", 0, words_of_no_right);
	try("a limit that is too small: ENOMEM, nothing stays", 1024 * KIB,
	    limit_too_small);
	try("pools of a given size do not shrink", 1024 * KIB,
	    fixed_pools_do_not_shrink);
	try("a limit of one page is too little", 4 * KIB,
	    one_page_is_too_little);
	try("a limit of 64 KiB is used to its last page", 64 * KIB,
	    used_to_the_last_page);
	try("growth is locked, or fails", 256 * KIB, growth_is_locked_or_fails);
	try("initial pools lie side by side", 8192 * KIB,
	    initial_pools_are_joined);
	try("side by side, they use a limit to its last page", 1024 * KIB,
	    joined_pools_and_the_limit);
	try("after mlockall(MCL_FUTURE) no more is locked than is meant",
	    4096 * KIB, all_is_to_be_locked);
	try("few addresses", 1024 * KIB, few_addresses);
	tap_done();
}
