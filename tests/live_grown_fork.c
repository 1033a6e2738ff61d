/*
 * Forks and secmalloc_daemon() treat an arena that has grown, or has a hole, as
 * any other: the child gets nothing, all chunks in locked memory, or an empty
 * arena. The parent is unchanged.
 *
 * SPDX-License-Identifier: ISC
 */
#include "faults.h"
#include "grown.h"

#include <signal.h>
#include <sys/prctl.h>

#define LOCKED SECMALLOC_VERIFY_LOCKED
#define ADVICE SECMALLOC_VERIFY_ADVICE

static size_t locked_by_parent;

static bool start(unsigned policy)
{
	if (!grown_make((struct secmalloc_config){.fork = policy}))
		return false;
	locked_by_parent = locked_by_arena(&grown.locked);
	return true;
}

/* What a child does, which has no locks of its parent. Returns what it
 * returns, unless the parent is no longer as it was. */
static int child_of(unsigned policy, int (*act)(void))
{
	int result;

	if (!start(policy))
		return tap_reason[0] != '\0' ? TAP_CANNOT : 90;
	result = in_child(act);
	if (result == 1
	    && (!grown_is_well()
	        || locked_by_arena(&grown.locked) != locked_by_parent))
		return 91;
	return result;
}

static bool fault(const unsigned char *at)
{
	return reads_fault((const char *)at) && writes_fault((const char *)at);
}

/* Each address of the parent's chunks, and of the hole, behaves the same. */
static bool all_addresses(bool (*are)(const unsigned char *at))
{
	return are(grown.initial) && are(grown_hole()) && are(grown.small)
	       && are(grown.last) && are(grown.last + GROWN_LARGE - 1);
}

/* A new arena grows, and gives that back. */
static bool has_a_working_arena(void)
{
	size_t had = locked_now();
	unsigned char *large = hide(secmalloc(4 * GROWN_LARGE));

	if (large == NULL || !proc_has_flag(large, "lo")
	    || !proc_has_flag(large + 4 * GROWN_LARGE - 1, "lo")) {
		tap_note("%s", secmalloc_error());
		return false;
	}
	secfree(large);
	secmalloc_trim();
	return locked_now() <= had && secmalloc_verify(LOCKED | ADVICE) == 0
	       && secmalloc_audit() == 0;
}

/* ---- NONE ---------------------------------------------------------------- */

static int has_nothing(void)
{
	static const struct secmalloc_config config = {.initial_pools = 1};

	if (secmalloc(1) != NULL || errno != ENXIO || secmalloc_trim() != 0
	    || locked_now() != 0)
		return 2;
	secfree(grown.last);
	if (secrealloc(grown.small, 5) != NULL || errno != ENXIO
	    || secmalloc_owns(grown.last) || secmalloc_owns(grown_hole()))
		return 3;
	if (!all_addresses(fault))
		return 4;
	return secmalloc_init(&config) == 0 && has_a_working_arena()
	       && all_addresses(fault);
}

static int under_none(void)
{
	return child_of(SECMALLOC_FORK_NONE, has_nothing);
}

/* ---- KEEP ---------------------------------------------------------------- */

static int has_a_copy(void)
{
	grown.locked.before = 0;
	if (!grown_is_well() || locked_now() != locked_by_parent)
		return 2;
	if (grown_state == GROWN_HOLED && !fault(grown_hole()))
		return 3;
	if (secmalloc_verify(LOCKED | ADVICE) != 0) {
		tap_note("%s", secmalloc_error());
		return 4;
	}
	return 1;
}

static int copy_works(void)
{
	if (!has_a_working_arena() || !grown_others_are_whole()
	    || !grown_last_is_whole())
		return 6;
	secfree(grown.last);
	secfree(grown.small);
	return secmalloc_trim() >= GROWN_LARGE - GROWN_REST
	       && secmalloc_audit() == 0;
}

static int has_a_copy_as_its_child(void)
{
	int result = has_a_copy();

	if (result == 1 && in_child(has_a_copy) != 1)
		result = 5;
	return result == 1 ? copy_works() : result;
}

static int under_keep(void)
{
	return child_of(SECMALLOC_FORK_KEEP, has_a_copy_as_its_child);
}

/* Locks are not inherited, and the child may not lock the copy. */
static int has_no_copy(void)
{
	return secmalloc(1) == NULL && errno == ENXIO && locked_now() == 0
	       && strstr(secmalloc_error(), "was wiped") != NULL
	       && all_addresses(fault);
}

static int under_keep_beyond_the_limit(void)
{
	if (!start(SECMALLOC_FORK_KEEP) || !child_be_ordinary(GROWN_LARGE))
		return tap_reason[0] != '\0' ? TAP_CANNOT : 90;
	return in_child(has_no_copy) == 1 && grown_is_well();
}

/* ---- WIPE ---------------------------------------------------------------- */

/* The addresses of the parent's pools read as zero and fault on a write. Those
 * of a hole may also fault. */
static bool is_blank(const unsigned char *at)
{
	return writes_fault((const char *)at)
	       && (reads_fault((const char *)at)
	           || *(const volatile unsigned char *)at == 0);
}

static bool live_chunks_are_blank(void)
{
	const unsigned char *chunks[] = {grown.initial, grown.small,
	                                 grown.last};

	for (size_t i = 0; i < 3; i++)
		if (reads_fault((const char *)chunks[i])
		    || *(const volatile unsigned char *)chunks[i] != 0)
			return false;
	return all_addresses(is_blank);
}

static int has_an_empty_arena(void)
{
	struct secmalloc_stats stats = locked_stats();

	if (stats.chunks != 0 || stats.grown_bytes != 0
	    || stats.trimmed_bytes != 0
	    || stats.pool_bytes != GROWN_POOLS * GROWN_POOL
	    || stats.locked_bytes != locked_now())
		return 2;
	secfree(grown.last);
	return live_chunks_are_blank() && has_a_working_arena()
	       && live_chunks_are_blank();
}

static int under_wipe(void)
{
	return child_of(SECMALLOC_FORK_WIPE, has_an_empty_arena);
}

/* ---- secmalloc_daemon() -------------------------------------------------- */

/* The daemon leaves its result here. */
static volatile int *daemon_result;

static unsigned daemon_policy;

static int launch(void)
{
	int result;

	if (!start(daemon_policy))
		return tap_reason[0] != '\0' ? TAP_CANNOT : 90;
	if (secmalloc_daemon(1, 1) != 0) {
		tap_note("%s", secmalloc_error());
		return 2;
	}
	result = has_a_copy();
	*daemon_result = result == 1 ? copy_works() : result;
	_exit(0);
}

/* As the parent of a daemon that was left behind, this process waits for
 * it. */
static int daemon_has_all(void)
{
	int result;

	for (daemon_policy = 0; daemon_policy <= SECMALLOC_FORK_WIPE;
	     daemon_policy += SECMALLOC_FORK_WIPE) {
		*daemon_result = 0;
		prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
		result = in_child(launch);
		while (waitpid(-1, NULL, 0) > 0)
			;
		if (result != 0)
			return result;
		if (*daemon_result != 1)
			return 100 + *daemon_result;
	}
	return 1;
}

int main(void)
{
	grown_start();
	daemon_result = mmap(NULL, sizeof(*daemon_result),
	                     PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
	                     -1, 0);
	grown_try("a child with NONE has nothing", under_none);
	grown_try("a child with KEEP has all chunks, locked", under_keep);
	grown_try("a child with KEEP that may not lock them has nothing",
	          under_keep_beyond_the_limit);
	grown_try("a child with WIPE has an empty arena", under_wipe);
	grown_try("a daemon has all chunks, locked", daemon_has_all);
	tap_done();
}
