/*
 * Truth: what cannot be locked is not handed out, and nothing stays mapped. As
 * an ordinary user under each kind of limit, with the words an operator sees.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "backing.h"
#include "hide.h"
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

static bool max_pools_holds(void)
{
	struct secmalloc_config config = {.initial_pools = 1, .max_pools = 3};
	struct secmalloc_stats stats;

	if (secmalloc_init(&config) != 0)
		return false;
	while (secmalloc(10000) != NULL)
		;
	return errno == ENOMEM && secmalloc_stats(&stats) == 0
	       && stats.pools == 3 && stats.pool_bytes == 192 * KIB
	       && SAYS("max_pools (3) leaves none for one more of 65536 bytes");
}

/* A chunk larger than a pool has its own, which serves others afterwards. */
static bool larger_than_a_pool(void)
{
	struct secmalloc_config config = {.initial_pools = 1, .max_pools = 7};
	struct secmalloc_stats stats;
	char *chunk;

	if (secmalloc_init(&config) != 0)
		return false;
	chunk = secmalloc(300 * KIB);
	if (chunk == NULL || !proc_has_flag(chunk, "lo")
	    || !proc_has_flag(chunk + 300 * KIB - 1, "lo"))
		return false;
	/* 300 KiB and a canary are 76 pages, or five pools of 16. */
	secmalloc_stats(&stats);
	if (stats.pools != 6 || stats.pool_bytes != 64 * KIB + 76 * page)
		return false;
	/* One more is left, but none of that size. */
	if (secmalloc(300 * KIB) != NULL || errno != ENOMEM)
		return false;
	secfree(chunk);
	secmalloc_stats(&stats);
	if (stats.pools != 6)
		return false;
	for (int i = 0; i < 5; i++)
		if (secmalloc(60000) == NULL)
			return false;
	secmalloc_stats(&stats);
	return stats.pools == 6 && secmalloc_audit() == 0;
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

/* A place is found as long as one fits, whatever it was made for. */
static bool no_free_place_is_out_of_reach(void)
{
	struct secmalloc_config config = {.initial_pools = 1, .max_pools = 1};
	char *chunks[200];
	size_t count = 0, served = 0;

	if (secmalloc_init(&config) != 0)
		return false;
	/* Slots of 1,216 bytes, side by side, and then no room at all. */
	while ((chunks[count] = hide(secmalloc(1200))) != NULL)
		count++;
	while (secmalloc(0) != NULL)
		;
	/* One is freed whose slab has another: only its slot is free then. */
	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < count; j++) {
			char *freed = chunks[i];

			if (chunks[j] != freed + 1216)
				continue;
			secfree(freed);
			if (hide(secmalloc(24)) != freed)
				return false;
			served++;
		}
	tap_note("%zu small chunks in slots of a larger class", served);
	return served > 10 && secmalloc(24) == NULL && secmalloc_audit() == 0;
}

/* Adjacent free memory is one place, on whatever border it begins. */
static bool a_hole_is_found(void)
{
	struct secmalloc_config config = {.initial_pools = 1, .max_pools = 1};
	void *chunks[130];
	size_t count = 0;

	if (secmalloc_init(&config) != 0)
		return false;
	while ((chunks[count] = hide(secaligned_alloc(512, 5 * 512 - 8)))
	       != NULL)
		count++;
	/* 128 units: 25 chunks of 5. Free neighbours by address. */
	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < count; j++)
			if (chunks[i] != NULL && chunks[j] != NULL
			    && (char *)chunks[j] == (char *)chunks[i] + 2560) {
				secfree(chunks[i]);
				secfree(chunks[j]);
				return secmalloc(10 * 512 - 8) != NULL
				       && secmalloc_audit() == 0;
			}
	return false;
}

/* A free slot serves an alignment that its class does not promise. */
static bool an_aligned_slot_is_found(void)
{
	struct secmalloc_config config = {.initial_pools = 1, .max_pools = 1};
	void *chunks[1500];
	size_t count = 0, aligned = 0, served = 0;

	if (secmalloc_init(&config) != 0)
		return false;
	while ((chunks[count] = secmalloc(32)) != NULL)
		count++;
	while (secmalloc(0) != NULL)
		;
	for (size_t i = 0; i < count; i++)
		if ((uintptr_t)chunks[i] % 1024 == 0) {
			secfree(chunks[i]);
			aligned++;
		}
	while (secaligned_alloc(1024, 20) != NULL)
		served++;
	tap_note("%zu of %zu places at a multiple of 1,024", served, aligned);
	return aligned > 5 && served == aligned && secmalloc_audit() == 0;
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
	try("growth never gets past max_pools", 1024 * KIB, max_pools_holds);
	try("a chunk larger than a pool", 1024 * KIB, larger_than_a_pool);
	try("initial pools lie side by side", 8192 * KIB,
	    initial_pools_are_joined);
	try("side by side, they use a limit to its last page", 1024 * KIB,
	    joined_pools_and_the_limit);
	try("after mlockall(MCL_FUTURE) no more is locked than is meant",
	    4096 * KIB, all_is_to_be_locked);
	try("few addresses", 1024 * KIB, few_addresses);
	try("no free place is out of reach", 1024 * KIB,
	    no_free_place_is_out_of_reach);
	try("a place that happens to be aligned is found", 1024 * KIB,
	    an_aligned_slot_is_found);
	try("adjacent free memory is found", 1024 * KIB, a_hole_is_found);
	tap_done();
}
