/*
 * Each call that the library makes to the kernel fails once, in turn.
 * secmalloc_init() then fails completely and leaves nothing behind. Growth
 * fails and leaves the arena as it was. Memory is wiped before it is unmapped.
 *
 * The program links the library's objects. The linker sends their calls through
 * the wrappers in this file and in inject.h (--wrap).
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "backing.h"
#include "hide.h"
#include "inject.h"
#include "proc.h"
#include "tap.h"

#include <errno.h>
#include <secmalloc.h>
#include <sys/mman.h>

/* The sums of the bytes of locked memory at the moment it is unmapped. */
static uintptr_t watched, watched_key, watched_cell;
static int watched_sum = -1, key_sum = -1, cell_sum = -1;

static int sum(uintptr_t at, size_t bytes)
{
	int sum = 0;

	for (size_t i = 0; i < bytes; i++)
		sum += ((unsigned char *)at)[i];
	return sum;
}

int __real_munmap(void *at, size_t n);
int __wrap_munmap(void *at, size_t n);
int __wrap_munmap(void *at, size_t n)
{
	if (watched - (uintptr_t)at < n) {
		watched_sum = sum(watched, 60000);
		key_sum = sum(watched_key, 4096);
	}
	if (watched_cell - (uintptr_t)at < n)
		cell_sum = sum(watched_cell, 4096);
	return __real_munmap(at, n);
}

static size_t descriptors;

static bool nothing_stays(size_t mappings)
{
	if (proc_mappings() == mappings && proc_status_kb("VmLck") == 0
	    && proc_descriptors() == descriptors)
		return true;
	tap_note("after %s: %zu mappings, before %zu; VmLck %ld; %zu of %zu "
	         "descriptors",
	         failed, proc_mappings(), mappings, proc_status_kb("VmLck"),
	         proc_descriptors(), descriptors);
	return false;
}

/* Whether secmalloc_init() documents an errno for the call that failed. */
static bool is_documented(int code)
{
	if (strcmp(failed, "getrandom") == 0)
		return code == ENOSYS;
	if (strcmp(failed, "memfd_secret") == 0 && fail_with == ENOSYS)
		return code == ENOTSUP;
	if (strcmp(failed, "memfd_secret") == 0 && fail_with == EMFILE)
		return code == EMFILE;
	/* For these, it does not matter to the library which call failed. */
	if (backing_is_secret() && (code == ENOTSUP || code == EMFILE))
		return fail_with == ENOSYS || fail_with == EMFILE;
	return code == EPERM || code == ENOMEM;
}

static void init_fails_whole(int code)
{
	struct secmalloc_config config = {
		.initial_pools = 3,
		.max_pools = 5,
		.pool_size = 65536,
		.guarded_chunks = 2,
	};
	bool good = true;
	int tries = 0;

	fail_with = code;
	for (fail_at = 1;; fail_at++, tries++) {
		size_t mappings = proc_mappings();
		int result;

		calls = 0;
		failed = NULL;
		errno = 0;
		result = secmalloc_init(&config);
		if (failed == NULL) {
			good = good && result == 0;
			break;
		}
		if (result != -1 || !is_documented(errno)
		    || secmalloc_error()[0] == '\0') {
			tap_note("%s, call %d: %d, errno %d, '%s'", failed,
			         fail_at, result, errno, secmalloc_error());
			good = false;
			break;
		}
		good = nothing_stays(mappings) && good;
	}
	fail_at = 0;
	secmalloc_fini();
	tap_ok(good && tries >= 18,
	       "secmalloc_init() fails completely if any of %d calls fails "
	       "with errno %d",
	       tries, code);
}

/* With AUTO, if any call that SECRET needs fails once, the result is the same
 * as with LOCKED. */
static void auto_falls_back_whole(void)
{
	struct secmalloc_config config = {
		.initial_pools = 3,
		.max_pools = 5,
		.pool_size = 65536,
		.backing = SECMALLOC_BACKING_AUTO,
	};
	bool good = true;
	int tries = 0;

	fail_with = EPERM;
	for (fail_at = 1; good; fail_at++, tries++) {
		size_t mappings = proc_mappings();
		struct secmalloc_stats stats = {0};

		calls = 0;
		failed = NULL;
		errno = 5;
		good = secmalloc_init(&config) == 0 && errno == 5
		       && secmalloc_stats(&stats) == 0;
		if (failed == NULL) {
			good = good
			       && stats.backing == SECMALLOC_BACKING_SECRET;
			break;
		}
		good = good && stats.backing == SECMALLOC_BACKING_LOCKED
		       && secmalloc_error()[0] != '\0';
		secmalloc_fini();
		good = nothing_stays(mappings) && good;
	}
	fail_at = 0;
	secmalloc_fini();
	tap_ok(good && tries >= 20,
	       "AUTO uses LOCKED pools if any of %d calls fails", tries);
}

#define GROWTH_BYTES ((size_t)1 << 20)

/* Allocate one chunk more than there is room for. */
static char *take_pool(void)
{
	return secmalloc(GROWTH_BYTES - 50000);
}
static char *take_cell(void)
{
	return secmalloc_guarded(5000);
}

/* Let an arena grow while one call fails. The arena is new, because it opens
 * its metadata only the first time: those of the initial pool and of one more
 * at init, and those of the next one here. If no call is left to fail, growth
 * must succeed. */
static bool growth_is_clean(char *(*take)(void))
{
	struct secmalloc_config config = {
		.initial_pools = 1,
		.max_pools = 4,
		.pool_size = GROWTH_BYTES,
	};
	struct secmalloc_stats before, after;
	int nth = fail_at;
	long locked;
	char *more;

	fail_at = 0;
	if (secmalloc_init(&config) != 0)
		return false;
	for (int i = 0; i < 2; i++)
		memset(hide(take_pool()), 1, GROWTH_BYTES / 2);
	locked = proc_status_kb("VmLck");
	secmalloc_stats(&before);
	calls = 0;
	failed = NULL;
	fail_at = nth;
	more = take();
	if (failed == NULL)
		return more != NULL && proc_has_flag(more, "lo");
	secmalloc_stats(&after);
	before.failures++;
	return more == NULL && errno == ENOMEM
	       && memcmp(&before, &after, sizeof(after)) == 0
	       && proc_status_kb("VmLck") == locked && secmalloc_audit() == 0
	       && proc_descriptors() == descriptors && take() != NULL;
}

static void growth_fails_clean(char *(*take)(void), int least)
{
	bool good = true;
	int tries = 0;

	fail_with = ENOMEM;
	for (fail_at = 1; good; fail_at++, tries++) {
		good = growth_is_clean(take);
		secmalloc_fini();
		if (failed == NULL)
			break;
	}
	fail_at = 0;
	tap_ok(good && tries >= least,
	       "growth changes nothing if any of %d calls fails, and succeeds "
	       "afterwards",
	       tries);
}

#define TRIM_BYTES ((size_t)256 * 1024)

/*
 * Give back what a chunk has left, while one call fails, or all from there on.
 * Ordinary memory can be given back in two ways: either one is enough. What is
 * said to be given back is unlocked, and all else is still locked and sound.
 */
static bool trim_is_clean(void)
{
	struct secmalloc_config config = {.initial_pools = 1};
	struct secmalloc_stats before, after;
	size_t trimmed;
	int nth = fail_at;
	long locked;
	char *chunk;

	fail_at = 0;
	if (secmalloc_init(&config) != 0)
		return false;
	chunk = hide(secmalloc(TRIM_BYTES));
	memset(chunk, 1, TRIM_BYTES);
	secfree(hide(chunk));
	secmalloc_stats(&before);
	locked = proc_status_kb("VmLck");
	calls = 0;
	failed = NULL;
	fail_at = nth;
	trimmed = secmalloc_trim();
	fail_at = 0;
	secmalloc_stats(&after);
	if (after.pool_bytes != before.pool_bytes - trimmed
	    || proc_status_kb("VmLck") != locked - (long)(trimmed / 1024)
	    || secmalloc_audit() != 0
	    || secmalloc_verify(SECMALLOC_VERIFY_LOCKED) != 0)
		return false;
	if (trimmed < TRIM_BYTES / 2
	    && (failed == NULL || (!backing_is_secret() && !fail_from_there)))
		return false;
	chunk = hide(secmalloc(TRIM_BYTES));
	for (size_t i = 0; i < TRIM_BYTES; i++)
		if (chunk[i] != 0)
			return false;
	fail_at = nth;
	return proc_has_flag(chunk, "lo") && proc_descriptors() == descriptors;
}

static void trim_fails_clean(void)
{
	bool good = true;
	int tries = 0;

	fail_with = ENOMEM;
	for (int all = 0; all < 2 && good; all++) {
		fail_from_there = all != 0;
		for (fail_at = 1; good; fail_at++, tries++) {
			good = trim_is_clean();
			secmalloc_fini();
			if (failed == NULL)
				break;
		}
	}
	fail_at = 0;
	fail_from_there = false;
	tap_ok(good && tries >= 6,
	       "trimming is right in what it says if any of %d calls fails",
	       tries);
}

/* If the kernel does not change the access, the access and the count of opens
 * stay the same. */
static void access_fails_clean(void)
{
	struct secmalloc_config config = {.guarded_chunks = 1};
	bool good = true;
	char *chunk;

	secmalloc_init(&config);
	chunk = secmalloc_guarded(32);
	fail_with = ENOMEM;
	calls = 0;
	fail_at = 1;
	good = secmalloc_protect(chunk, SECMALLOC_NOACCESS) == -1
	       && errno == ENOMEM;
	fail_at = 0;
	chunk[0] = 1;
	secmalloc_protect(chunk, SECMALLOC_NOACCESS);
	calls = 0;
	fail_at = 1;
	fail_with = EPERM;
	good = good && secmalloc_open(chunk, SECMALLOC_READONLY) == -1
	       && errno == EPERM;
	fail_at = 0;
	good = good && secmalloc_close(chunk) == -1 && errno == EINVAL
	       && secmalloc_open(chunk, SECMALLOC_READONLY) == 0;
	calls = 0;
	fail_at = 1;
	good = good && secmalloc_close(chunk) == -1 && errno == EPERM
	       && chunk[0] == 1;
	fail_at = 0;
	tap_ok(good && secmalloc_close(chunk) == 0 && secmalloc_audit() == 0,
	       "a change of access that fails changes nothing");
	secmalloc_fini();
}

static void unknown_advice_is_reported(void)
{
	static const struct {
		int advice;
		unsigned bit;
	} table[] = {
		{MADV_DONTDUMP, SECMALLOC_ADVICE_DONTDUMP},
		{MADV_DONTFORK, SECMALLOC_ADVICE_DONTFORK},
		{MADV_UNMERGEABLE, SECMALLOC_ADVICE_UNMERGEABLE},
		{MADV_NOHUGEPAGE, SECMALLOC_ADVICE_NOHUGEPAGE},
	};
	bool good = true;

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct secmalloc_stats stats = {0}, without = {0};

		/* Secret memory is refused if children would share it. */
		if (backing_is_secret() && table[i].advice == MADV_DONTFORK)
			continue;
		secmalloc_init(NULL);
		secmalloc_stats(&without);
		secmalloc_fini();
		unknown_advice = table[i].advice;
		secmalloc_init(NULL);
		secmalloc_stats(&stats);
		secmalloc_fini();
		unknown_advice = -1;
		good = good
		       && stats.advice_missing
		                  == (without.advice_missing | table[i].bit);
	}
	tap_ok(good,
	       "the statistics show advice that the kernel does not know");
}

static void fini_wipes(void)
{
	struct secmalloc_config config = {
		.initial_pools = 1,
		.guarded_chunks = 1,
	};
	char *chunk;

	secmalloc_init(&config);
	chunk = secmalloc_guarded(32);
	memset(hide(chunk), 'K', 32);
	watched_cell = (uintptr_t)chunk + 32 - 4096;
	tap_ok(sum(watched_cell, 4096) > 'K' * 32 + 1000,
	       "control: a guarded cell holds a chunk and canaries");
	secmalloc_protect(chunk, SECMALLOC_NOACCESS);
	chunk = secmalloc(60000);
	memset(hide(chunk), 'K', 60000);
	watched = (uintptr_t)chunk;
	/* The key page is the second page of the stride before the pool. */
	watched_key = (watched & ~(uintptr_t)(64 * 1024 - 1)) - 60 * 1024;
	tap_ok(sum(watched_key, 56) > 500, "control: the key page holds a key");
	secmalloc_fini();
	tap_ok(watched_sum == 0,
	       "a pool is wiped before secmalloc_fini() unmaps it");
	tap_ok(key_sum == 0,
	       "the key page is wiped before secmalloc_fini() unmaps it");
	tap_ok(cell_sum == 0,
	       "a closed guarded chunk is wiped before secmalloc_fini() unmaps "
	       "it");
	watched_cell = 0;

	/* Control: look in the same way at memory that was not wiped. */
	chunk = mmap(NULL, 65536, PROT_READ | PROT_WRITE,
	             MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memset(hide(chunk), 'K', 60000);
	watched = watched_key = (uintptr_t)chunk;
	munmap(chunk, 65536);
	tap_ok(watched_sum == 'K' * 60000,
	       "control: memory that is not wiped has its contents when it is "
	       "unmapped");
	watched = 0;
}

int main(void)
{
	tap_needs_plain_build();
	if (sysconf(_SC_PAGESIZE) != 4096)
		tap_skip_all("the offsets are for pages of 4 KiB");
	tap_needs_lock(5 * 1024);
	proc_settle();
	proc_status_kb("VmLck");
	descriptors = proc_descriptors();
	init_fails_whole(ENOMEM);
	init_fails_whole(EPERM);
	/* The kernel itself never returns these, but a system call filter
	 * may. */
	init_fails_whole(EACCES);
	init_fails_whole(EAGAIN);
	if (backing_is_secret()) {
		init_fails_whole(ENOSYS);
		init_fails_whole(EMFILE);
	}
	if (backing_secret_exists())
		auto_falls_back_whole();
	else
		tap_skip("AUTO uses LOCKED pools if any call fails",
		         "the kernel has no memfd_secret");
	growth_fails_clean(take_pool, 4);
	growth_fails_clean(take_cell, 2);
	trim_fails_clean();
	access_fails_clean();
	unknown_advice_is_reported();
	fini_wipes();
	tap_done();
}
