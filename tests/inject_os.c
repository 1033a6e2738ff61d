/*
 * Each call that the library makes to the kernel fails once, in turn: an init
 * then fails as a whole and leaves nothing, growth fails and leaves the arena
 * as it was, and what is unmapped has been wiped.
 *
 * The program holds the library's objects, and the linker sends their calls
 * through the wrappers here (--wrap).
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "hide.h"
#include "inject.h"
#include "proc.h"
#include "tap.h"

#include <errno.h>
#include <secmalloc.h>
#include <sys/mman.h>

/* What is left in locked memory when it is unmapped. */
static uintptr_t watched, watched_key;
static int watched_sum = -1, key_sum = -1;

int __real_munmap(void *at, size_t n);
int __wrap_munmap(void *at, size_t n);
int __wrap_munmap(void *at, size_t n)
{
	if (watched - (uintptr_t)at < n) {
		watched_sum = 0;
		for (int i = 0; i < 60000; i++)
			watched_sum += ((unsigned char *)watched)[i];
		key_sum = 0;
		for (int i = 0; i < 4096; i++)
			key_sum += ((unsigned char *)watched_key)[i];
	}
	return __real_munmap(at, n);
}

static bool nothing_stays(size_t mappings)
{
	if (proc_mappings() == mappings && proc_status_kb("VmLck") == 0)
		return true;
	tap_note("after %s: %zu mappings, before %zu; VmLck %ld", failed,
	         proc_mappings(), mappings, proc_status_kb("VmLck"));
	return false;
}

/* Whether secmalloc_init() documents an errno for the call that failed. */
static bool is_documented(int code)
{
	if (strcmp(failed, "getrandom") == 0)
		return code == ENOSYS;
	return code == EPERM || code == ENOMEM;
}

static void init_fails_whole(int code)
{
	struct secmalloc_config config = {
		.initial_pools = 3, .max_pools = 5, .pool_size = 65536,
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
	tap_ok(good && tries >= 12, "an init of which any of %d calls fails "
	       "with errno %d fails whole", tries, code);
}

static void growth_fails_clean(void)
{
	struct secmalloc_config config = {
		.initial_pools = 1, .max_pools = 3, .pool_size = 65536,
	};
	struct secmalloc_stats before, after;
	bool good = true;
	long locked;
	int tries = 0;
	char *chunk;

	fail_with = ENOMEM;
	if (secmalloc_init(&config) != 0)
		tap_skip_all("no pool can be locked");
	chunk = secmalloc(50000);
	memset(hide(chunk), 1, 50000);
	locked = proc_status_kb("VmLck");
	secmalloc_stats(&before);
	for (fail_at = 1;; fail_at++, tries++) {
		char *more;

		calls = 0;
		failed = NULL;
		more = secmalloc(50000);
		if (failed == NULL) {
			good = good && more != NULL
			       && proc_has_flag(more, "lo");
			break;
		}
		secmalloc_stats(&after);
		before.failures++;
		good = good && more == NULL && errno == ENOMEM
		       && memcmp(&before, &after, sizeof(after)) == 0
		       && proc_status_kb("VmLck") == locked
		       && secmalloc_audit() == 0;
	}
	fail_at = 0;
	tap_ok(good && tries >= 3, "growth of which any of %d calls fails "
	       "changes nothing", tries);
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

		secmalloc_init(NULL);
		secmalloc_stats(&without);
		secmalloc_fini();
		unknown_advice = table[i].advice;
		secmalloc_init(NULL);
		secmalloc_stats(&stats);
		secmalloc_fini();
		unknown_advice = -1;
		good = good && stats.advice_missing
		                       == (without.advice_missing
		                           | table[i].bit);
	}
	tap_ok(good, "advice that the kernel does not know shows in the "
	       "statistics");
}

static void fini_wipes(void)
{
	struct secmalloc_config config = {.initial_pools = 1};
	char *chunk;

	secmalloc_init(&config);
	chunk = secmalloc(60000);
	memset(hide(chunk), 'K', 60000);
	watched = (uintptr_t)chunk;
	/* The key page is the second of the stride before the pool. */
	watched_key = (watched & ~(uintptr_t)(128 * 1024 - 1)) - 124 * 1024;
	for (int i = 0; i < 56; i++)
		key_sum += ((unsigned char *)watched_key)[i];
	tap_ok(key_sum > 500, "control: the key page holds a key");
	secmalloc_fini();
	tap_ok(watched_sum == 0, "what fini unmaps has been wiped");
	tap_ok(key_sum == 0, "so has the key page");

	/* The same look at memory that nobody wiped. */
	chunk = mmap(NULL, 65536, PROT_READ | PROT_WRITE,
	             MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memset(hide(chunk), 'K', 60000);
	watched = watched_key = (uintptr_t)chunk;
	munmap(chunk, 65536);
	tap_ok(watched_sum == 'K' * 60000, "control: other memory has not");
	watched = 0;
}

int main(void)
{
	tap_needs_plain_build();
	if (sysconf(_SC_PAGESIZE) != 4096)
		tap_skip_all("the offsets are those of pages of 4 KiB");
	if (secmalloc_init(NULL) != 0)
		tap_skip_all("nothing can be locked");
	secmalloc_fini();
	proc_mappings(); /* stdio has its buffers from now on */
	proc_status_kb("VmLck");
	init_fails_whole(ENOMEM);
	init_fails_whole(EPERM);
	/* What no kernel says of itself, but a filter of system calls may. */
	init_fails_whole(EACCES);
	init_fails_whole(EAGAIN);
	growth_fails_clean();
	unknown_advice_is_reported();
	fini_wipes();
	tap_done();
}
