/*
 * What secmalloc_reserve() has locked is there for chunks of these sizes, also
 * when no system call is allowed any more. Calls add up, lock everything or
 * nothing, and trimming does not undo them.
 *
 * SPDX-License-Identifier: ISC
 */
#include "filter.h"
#include "grown.h"

#include <sys/syscall.h>

#define ONE ((size_t)300000)
#define TWO ((size_t)500000)

static const struct secmalloc_config two_pools = {
	.initial_pools = GROWN_POOLS,
};

static int begin(const struct secmalloc_config *config)
{
	if (locked_begin(&grown.locked, 2, config))
		return 0;
	return tap_cannot("%s", secmalloc_error());
}

static _Noreturn void leave(int status)
{
	syscall(SYS_exit_group, status);
	__builtin_unreachable();
}

/* From here on, any other system call than exit_group() is fatal. */
static bool close_the_kernel(void)
{
	return filter_on(SYS_exit_group, SECCOMP_RET_ALLOW,
	                 SECCOMP_RET_KILL_PROCESS);
}

/* ---- Two libraries ------------------------------------------------------- */

/* Each library finds the arena of the other one, or of the program. */
static bool library_reserves(size_t bytes)
{
	struct secmalloc_stats before, after;

	if (secmalloc_init(&two_pools) != -1 || errno != EALREADY)
		return false;
	before = locked_stats();
	errno = 5;
	if (secmalloc_reserve(bytes) != 0 || errno != 5) {
		tap_note("errno %d: %s", errno, secmalloc_error());
		return false;
	}
	after = locked_stats();
	return after.free_bytes >= before.free_bytes + bytes
	       && after.largest_free >= bytes && after.grown_bytes == 0
	       && locked_as_counted(&grown.locked) && secmalloc_audit() == 0;
}

static bool first_is_first;

/* The first chunk is what the program itself has in its initial pools. */
static int both_get_theirs(void)
{
	char *program, *one, *two;

	if (begin(&two_pools) != 0)
		return TAP_CANNOT;
	program = hide(secmalloc(GROWN_INITIAL));
	if (!library_reserves(ONE) || !library_reserves(TWO))
		return 2;
	if (!close_the_kernel())
		return tap_cannot("no seccomp filter can be set");
	one = hide(secmalloc(first_is_first ? ONE : TWO));
	two = hide(secmalloc(first_is_first ? TWO : ONE));
	if (program == NULL || one == NULL || two == NULL)
		leave(3);
	one[ONE - 1] = 1;
	two[ONE - 1] = 1;
	secfree(one);
	secfree(two);
	leave(1);
}

/* The same with twenty libraries. */
static int twenty_get_theirs(void)
{
	if (begin(&two_pools) != 0)
		return TAP_CANNOT;
	for (size_t i = 0; i < 20; i++)
		if (!library_reserves(3000 + 1500 * i))
			return 2;
	if (!close_the_kernel())
		return tap_cannot("no seccomp filter can be set");
	for (size_t i = 20; i-- > 0;)
		if (hide(secmalloc(3000 + 1500 * i)) == NULL)
			leave(3);
	leave(1);
}

static int control_without(void)
{
	if (begin(&two_pools) != 0)
		return TAP_CANNOT;
	if (!close_the_kernel())
		return tap_cannot("no seccomp filter can be set");
	hide(secmalloc(ONE));
	leave(1);
}

static int after_privileges_are_dropped(void)
{
	if (begin(&two_pools) != 0)
		return TAP_CANNOT;
	if (!library_reserves(ONE) || !library_reserves(TWO))
		return 2;
	if (!child_be_ordinary(0))
		return TAP_CANNOT;
	return hide(secmalloc(TWO)) != NULL && hide(secmalloc(ONE)) != NULL
	       && grown_is_refused(ONE) && secmalloc_audit() == 0;
}

/* ---- All or nothing -------------------------------------------------------
 */

/* A call that fails, and changes nothing. */
static bool fails(size_t bytes, int code, const char *words)
{
	size_t had = locked_now(), mappings = proc_mappings();

	errno = 0;
	if (secmalloc_reserve(bytes) == -1 && errno == code
	    && strncmp(secmalloc_error(), "secmalloc_reserve: ", 19) == 0
	    && strstr(secmalloc_error(), words) != NULL && locked_now() == had
	    && proc_mappings() == mappings)
		return true;
	tap_note("errno %d, VmLck %zu and then %zu, %zu mappings and then %zu, "
	         "'%s' without '%s'",
	         errno, had, locked_now(), mappings, proc_mappings(),
	         secmalloc_error(), words);
	return false;
}

static int beyond_the_limit(void)
{
	if (!child_be_ordinary(GROWN_ENOUGH) || begin(&two_pools) != 0
	    || !grown_limit(8 * GROWN_POOL))
		return TAP_CANNOT;
	/* What is free already does not count towards it. */
	if (!fails(9 * GROWN_POOL, ENOMEM, "RLIMIT_MEMLOCK is ")
	    || secmalloc_audit() != 0)
		return 2;
	return library_reserves(7 * GROWN_POOL)
	       && fails(2 * GROWN_POOL, ENOMEM, "RLIMIT_MEMLOCK is ")
	       && locked_as_counted(&grown.locked);
}

static int without_the_right(void)
{
	proc_settle();
	if (begin(&two_pools) != 0 || !child_be_ordinary(0))
		return TAP_CANNOT;
	return fails(ONE, EPERM, "RLIMIT_MEMLOCK is 0 soft")
	       && secmalloc_reserve(0) == 0;
}

static int beyond_the_maximum(void)
{
	struct secmalloc_config config = {.initial_pools = 2, .max_pools = 8};

	proc_settle();
	if (begin(&config) != 0)
		return TAP_CANNOT;
	if (!fails(7 * GROWN_POOL, ENOMEM, "max_pools")
	    || !fails(SIZE_MAX, ENOMEM, "") || !fails(SIZE_MAX / 2, ENOMEM, "")
	    || secmalloc_reserve(5 * GROWN_POOL) != 0)
		return 2;
	secmalloc_fini();
	config.max_pools = 0;
	config.max_bytes = 8 * GROWN_POOL;
	if (begin(&config) != 0)
		return TAP_CANNOT;
	return fails(7 * GROWN_POOL, ENOMEM, "max_bytes")
	       && secmalloc_reserve(5 * GROWN_POOL) == 0
	       && locked_stats().pool_bytes <= config.max_bytes;
}

static int of_nothing(void)
{
	size_t had;

	proc_settle();
	if (!fails(0, ENXIO, "secmalloc_init() first")
	    || !fails(ONE, ENXIO, "secmalloc_init() first"))
		return 2;
	if (begin(&two_pools) != 0)
		return TAP_CANNOT;
	had = locked_now();
	return secmalloc_reserve(0) == 0 && locked_now() == had;
}

/* ---- What happens to it later ---------------------------------------------
 */

static int trimming_leaves_it(void)
{
	size_t reserved;

	if (begin(&two_pools) != 0)
		return TAP_CANNOT;
	if (!library_reserves(ONE))
		return 2;
	reserved = locked_now();
	if (secmalloc_trim() != 0 || locked_now() != reserved)
		return 3;
	if (!grown_take_all() || locked_now() == reserved)
		return 4;
	grown_free_all();
	secmalloc_trim();
	if (locked_now() != reserved || locked_stats().grown_bytes != 0) {
		tap_note("VmLck was %zu and is %zu", reserved, locked_now());
		return 5;
	}
	return locked_stats().largest_free >= ONE
	       && hide(secmalloc(ONE)) != NULL && locked_now() == reserved
	       && secmalloc_audit() == 0;
}

/* The arena grows beside reserved memory that is in use, and beside a hole. No
 * chunk gets what another one has. */
static int growing_leaves_it(void)
{
	const size_t large = GROWN_LARGE + GROWN_POOL;
	unsigned char *one, *chunks[2];

	if (!grown_begin())
		return TAP_CANNOT;
	if (secmalloc_reserve(ONE) != 0 || grown_make_hole() == 0)
		return 2;
	one = hide(secmalloc(ONE));
	grown_put(one, ONE, 5);
	for (size_t i = 0; i < 2; i++) {
		chunks[i] = hide(secmalloc(large));
		if (chunks[i] == NULL)
			return 3;
		grown_put(chunks[i], large, 10 + i);
		if (secmalloc_reserve(ONE) != 0)
			return 4;
	}
	for (size_t i = 0; i < 2; i++)
		if (!grown_is(chunks[i], large, 10 + i))
			return 5;
	return grown_is(one, ONE, 5) && grown_others_are_whole()
	       && grown_last_is_whole() && locked_as_counted(&grown.locked)
	       && secmalloc_audit() == 0;
}

static unsigned policy;
static size_t reserved_by_parent;

static int child_has_it(void)
{
	if (policy == SECMALLOC_FORK_KEEP)
		return locked_by_arena(&grown.locked) == reserved_by_parent
		       && secmalloc_trim() == 0 && child_be_ordinary(0)
		       && hide(secmalloc(ONE)) != NULL;
	return locked_by_arena(&grown.locked) == grown.locked.initial
	       && secmalloc_reserve(ONE) == 0
	       && locked_by_arena(&grown.locked) >= grown.locked.initial + ONE
	       && secmalloc_trim() == 0;
}

static int in_children(void)
{
	for (policy = SECMALLOC_FORK_KEEP; policy <= SECMALLOC_FORK_WIPE;
	     policy++) {
		struct secmalloc_config config = two_pools;

		config.fork = policy;
		if (begin(&config) != 0)
			return TAP_CANNOT;
		if (secmalloc_reserve(ONE) != 0)
			return 2;
		reserved_by_parent = locked_by_arena(&grown.locked);
		/* Locks are not inherited. */
		grown.locked.before = 0;
		if (in_child(child_has_it) != 1)
			return 3;
		secmalloc_fini();
	}
	return 1;
}

int main(void)
{
	grown_start();
	tap_ok(in_child(control_without) == 128 + SIGSYS,
	       "control: without a reserve the filter kills a process whose "
	       "arena grows");
	child_try("two libraries that reserve both get theirs without a system "
	          "call",
	          both_get_theirs);
	first_is_first = true;
	child_try("in the other order, too", both_get_theirs);
	child_try("twenty libraries that reserve get theirs",
	          twenty_get_theirs);
	child_try("they get theirs when nothing can be locked any more",
	          after_privileges_are_dropped);
	child_try("beyond the lock limit nothing is locked", beyond_the_limit);
	child_try("without the right to lock the call fails with EPERM",
	          without_the_right);
	child_try("beyond max_pools and max_bytes nothing is locked",
	          beyond_the_maximum);
	child_try("without an arena the call fails, and of 0 bytes it does "
	          "nothing",
	          of_nothing);
	child_try("trimming leaves what was reserved", trimming_leaves_it);
	child_try("growing leaves it, beside a hole too", growing_leaves_it);
	child_try("a child with KEEP has it, and one with WIPE reserves for "
	          "itself",
	          in_children);
	tap_done();
}
