/*
 * secmalloc_trim() gives back what the arena has grown by and what is empty,
 * between live chunks too, and nothing else. It can be locked again as long as
 * the lock limit allows that. Meanwhile its addresses are inaccessible, and
 * nothing of the old contents is left.
 *
 * SPDX-License-Identifier: ISC
 */
#include "faults.h"
#include "grown.h"
#include "thread.h"

#include <pthread.h>
#include <sys/uio.h>

/* Trim, and compare what the call says with what the kernel says. */
static bool trim_tells_the_truth(size_t *given_back)
{
	struct secmalloc_stats before = locked_stats();
	size_t had = locked_now();

	errno = 5;
	*given_back = secmalloc_trim();
	if (errno == 5 && had - locked_now() == *given_back
	    && locked_as_counted(&grown.locked)
	    && locked_stats().trimmed_bytes - before.trimmed_bytes
	               == *given_back)
		return true;
	tap_note("%zu bytes were given back, VmLck fell by %zu, errno %d",
	         *given_back, had - locked_now(), errno);
	return false;
}

/* Everything but the initial pools is given back, once. */
static bool all_is_given_back(void)
{
	struct secmalloc_stats stats;
	size_t first, second;

	if (!trim_tells_the_truth(&first) || !trim_tells_the_truth(&second))
		return false;
	stats = locked_stats();
	if (first > 0 && second == 0 && stats.grown_bytes == 0
	    && stats.pool_bytes == GROWN_POOLS * GROWN_POOL
	    && secmalloc_audit() == 0)
		return true;
	tap_note("%zu and then %zu bytes were given back, of %ju are left %ju",
	         first, second, (uintmax_t)(first + stats.grown_bytes),
	         (uintmax_t)stats.grown_bytes);
	return false;
}

/* ---- What is given back ------------------------------------------------- */

static int after_all_is_freed(void)
{
	if (!grown_begin())
		return TAP_CANNOT;
	grown_free_all();
	return all_is_given_back()
	       && locked_by_arena(&grown.locked) == grown.locked.initial;
}

static int with_own_pools(void)
{
	static const struct secmalloc_config config = {
		.initial_pools = GROWN_POOLS,
		.pool_size = GROWN_POOL,
	};
	void *chunks[10], *large;

	if (!locked_begin(&grown.locked, 4, &config))
		return tap_cannot("%s", secmalloc_error());
	for (int i = 0; i < 10; i++)
		chunks[i] = secmalloc(60000);
	large = secmalloc(300000);
	for (int i = 0; i < 10; i++)
		secfree(chunks[i]);
	secfree(large);
	return all_is_given_back()
	       && locked_by_arena(&grown.locked) == grown.locked.initial;
}

static pthread_barrier_t filled, end;

/* Allocate and free small chunks, more than a cache holds. */
static void use_small_chunks(void)
{
	static const size_t sizes[] = {32, 240, 500, 1200, 3000};
	void *chunks[5][100];

	for (int i = 0; i < 5; i++)
		for (int j = 0; j < 100; j++)
			chunks[i][j] = secmalloc(sizes[i]);
	for (int i = 0; i < 5; i++)
		for (int j = 0; j < 100; j++)
			secfree(chunks[i][j]);
}

static void *hold_a_cache(void *unused)
{
	use_small_chunks();
	pthread_barrier_wait(&filled);
	pthread_barrier_wait(&end);
	use_small_chunks();
	return unused;
}

/* What is in the caches of this thread and of another one is empty too. */
static int with_caches(void)
{
	pthread_t thread;
	bool good;

	if (!grown_begin())
		return TAP_CANNOT;
	pthread_barrier_init(&filled, NULL, 2);
	pthread_barrier_init(&end, NULL, 2);
	thread_begin(&thread, hold_a_cache, NULL);
	use_small_chunks();
	pthread_barrier_wait(&filled);
	grown_free_all();
	good = locked_stats().cached_bytes > 4096 && all_is_given_back();
	pthread_barrier_wait(&end);
	pthread_join(thread, NULL);
	return good && secmalloc_audit() == 0;
}

/* What is reserved begins with a stride and ends anywhere in one, so the arena
 * grows into the rest of that stride. */
static int beside_what_is_reserved(void)
{
	static const struct secmalloc_config config = {
		.initial_pools = GROWN_POOLS,
	};
	void *chunks[4];
	size_t given_back;

	if (!locked_begin(&grown.locked, 4, &config))
		return tap_cannot("%s", secmalloc_error());
	for (int i = 0; i < 4; i++)
		if (secmalloc_reserve(1) != 0)
			return 2;
	/* They fill the initial pools and the rest of three strides. */
	for (int i = 0; i < 4; i++)
		chunks[i] = hide(
			secmalloc(i == 0 ? GROWN_INITIAL : GROWN_POOL - 9000));
	for (int i = 0; i < 4; i++)
		secfree(chunks[i]);
	if (locked_stats().grown_bytes < 3 * (GROWN_POOL - 9000))
		return 3;
	if (!trim_tells_the_truth(&given_back))
		return 4;
	return locked_stats().grown_bytes == 0 && secmalloc_audit() == 0
	       && secmalloc_verify(SECMALLOC_VERIFY_LOCKED) == 0;
}

static bool gives_nothing(void)
{
	size_t had = locked_now();

	errno = 5;
	return secmalloc_trim() == 0 && errno == 5 && locked_now() == had;
}

static int of_nothing(void)
{
	static const struct secmalloc_config config = {
		.initial_pools = GROWN_POOLS,
		.guarded_chunks = 2,
	};
	void *guarded[3];

	if (!gives_nothing())
		return 2;
	if (secmalloc_init(&config) != 0)
		return tap_cannot("%s", secmalloc_error());
	if (!gives_nothing())
		return 3;
	for (int i = 0; i < 3; i++)
		guarded[i] = secmalloc_guarded(32);
	for (int i = 0; i < 3; i++)
		secfree(guarded[i]);
	if (locked_stats().guarded_free != 3 || !gives_nothing())
		return 4;
	secmalloc_fini();
	return gives_nothing();
}

/* ---- Between live chunks ------------------------------------------------ */

static bool both_sides_are_given_back(void)
{
	size_t given_back, left;

	secfree(grown.first);
	secfree(grown.last);
	if (!trim_tells_the_truth(&given_back))
		return false;
	left = locked_by_arena(&grown.locked) - grown.locked.initial;
	if (left <= GROWN_REST && grown_others_are_whole()
	    && secmalloc_audit() == 0)
		return true;
	tap_note("%zu bytes were given back, and %zu are left", given_back,
	         left);
	return false;
}

static int beside_a_live_chunk(void)
{
	if (!grown_begin())
		return TAP_CANNOT;
	return both_sides_are_given_back();
}

/* If holes were never used again, this would need more addresses than
 * max_pools provides. */
static int and_grown_again(void)
{
	if (!grown_begin_with((struct secmalloc_config){.max_pools = 80}))
		return TAP_CANNOT;
	for (int i = 0; i < 100; i++)
		if (!both_sides_are_given_back() || !grown_take_first()
		    || !grown_take_last()) {
			tap_note("round %d: %s", i, secmalloc_error());
			return 2;
		}
	return grown_others_are_whole() && grown_last_is_whole()
	       && secmalloc_audit() == 0;
}

static int live_chunks_stay(void)
{
	size_t given_back;

	if (!grown_begin() || !trim_tells_the_truth(&given_back))
		return TAP_CANNOT;
	secfree(grown.first);
	return trim_tells_the_truth(&given_back)
	       && given_back >= GROWN_LARGE - GROWN_REST
	       && grown_others_are_whole() && grown_last_is_whole()
	       && proc_has_flag(grown.small, "lo")
	       && proc_has_flag(grown.last, "lo") && secmalloc_audit() == 0;
}

/* ---- The lock limit ------------------------------------------------------ */

/* What was given back can be locked for something else. Until that is unlocked,
 * the arena cannot grow. */
static bool limit_is_shared(void)
{
	size_t given_back = grown_make_hole();
	void *other = mmap(NULL, given_back, PROT_READ | PROT_WRITE,
	                   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	bool good;

	if (other == MAP_FAILED || mlock(other, given_back) != 0)
		return false;
	good = grown_is_refused(GROWN_LARGE);
	munmap(other, given_back);
	return good && grown_take_first();
}

static int within_the_limit(void)
{
	if (!child_be_ordinary(GROWN_ENOUGH) || !grown_begin()
	    || !grown_limit(0))
		return TAP_CANNOT;
	for (int i = 0; i < 10; i++)
		if (!limit_is_shared()) {
			tap_note("round %d: %s", i, secmalloc_error());
			return 2;
		}
	return grown_others_are_whole() && grown_last_is_whole()
	       && secmalloc_audit() == 0;
}

static int without_the_right(void)
{
	if (!grown_begin())
		return TAP_CANNOT;
	if (!child_be_ordinary(0))
		return TAP_CANNOT;
	if (grown_make_hole() == 0 || !grown_is_refused(GROWN_LARGE))
		return 2;
	if (strstr(secmalloc_error(), "RLIMIT_MEMLOCK is 0 soft") == NULL) {
		tap_note("%s", secmalloc_error());
		return 3;
	}
	secfree(grown.initial);
	return hide(secmalloc(GROWN_INITIAL)) != NULL && grown_last_is_whole()
	       && secmalloc_audit() == 0;
}

/* ---- What is left at the addresses --------------------------------------- */

static bool by_vm_readv(const unsigned char *from, unsigned char *to)
{
	struct iovec local = {to, PATTERN_BYTES};
	struct iovec remote = {hide((void *)(uintptr_t)from), PATTERN_BYTES};

	return process_vm_readv(getpid(), &local, 1, &remote, 1, 0)
	       == PATTERN_BYTES;
}

static bool by_proc_mem(const unsigned char *from, unsigned char *to)
{
	int fd = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
	bool got = pread(fd, to, PATTERN_BYTES, (off_t)(uintptr_t)from)
	           == PATTERN_BYTES;

	close(fd);
	return got;
}

/* At how many of these addresses the kernel reads other bytes than 0, in either
 * of two ways. */
static size_t bytes_read(const unsigned char *from)
{
	unsigned char seen[2][PATTERN_BYTES] = {{0}};
	size_t count = 0;

	if (!by_vm_readv(from, seen[0]))
		memset(seen[0], 0, PATTERN_BYTES);
	if (!by_proc_mem(from, seen[1]))
		memset(seen[1], 0, PATTERN_BYTES);
	for (size_t i = 0; i < PATTERN_BYTES; i++)
		count += seen[0][i] + seen[1][i] != 0;
	return count;
}

/* Controls: the chunk can be read, by the kernel too unless it is secret. */
static bool can_be_read(const unsigned char *at)
{
	return !reads_fault((const char *)at)
	       && (backing_is_secret() || bytes_read(at) > PATTERN_BYTES / 2);
}

static int nothing_is_left(void)
{
	const unsigned char *at, *end_of_hole;
	size_t left = 0;

	if (!grown_begin())
		return TAP_CANNOT;
	at = grown.first + GROWN_POOL;
	end_of_hole = grown.first + GROWN_LARGE - GROWN_POOL;
	if (!can_be_read(grown.first + GROWN_POOL))
		return tap_cannot("memory of this process cannot be read");
	grown_make_hole();
	for (; at < end_of_hole; at += 4096)
		if (!reads_fault((const char *)at)
		    || !writes_fault((const char *)at) || bytes_read(at) != 0)
			return 2;
	grown.first = hide(secmalloc(GROWN_LARGE));
	for (size_t i = 0; i < GROWN_LARGE; i++)
		left += grown.first[i] != 0;
	return left == 0 && proc_has_flag(grown.first, "lo")
	       && proc_has_flag(grown_hole(), "lo") && secmalloc_audit() == 0;
}

int main(void)
{
	grown_start();
	child_try("after all chunks are freed, all but the initial pools are "
	          "given back",
	          after_all_is_freed);
	child_try("so are pools that each have guards of their own",
	          with_own_pools);
	child_try("what is only in caches of threads is given back",
	          with_caches);
	child_try("so is all that lies beside what is reserved",
	          beside_what_is_reserved);
	child_try("without an arena, and of initial pools and guarded chunks, "
	          "nothing is given back",
	          of_nothing);
	child_try("the memory on both sides of a live chunk is given back",
	          beside_a_live_chunk);
	child_try("and the arena grows into it again", and_grown_again);
	child_try("live chunks stay as they are, and locked", live_chunks_stay);
	child_try("under a lock limit others can lock what was given back, or "
	          "the arena can again",
	          within_the_limit);
	child_try("without the right to lock it cannot, and the message says "
	          "why",
	          without_the_right);
	child_try("addresses that were given back fault, and show zeros later",
	          nothing_is_left);
	tap_done();
}
