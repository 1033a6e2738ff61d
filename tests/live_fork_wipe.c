/*
 * Under the policy WIPE, the child of a fork has an empty, locked arena of its
 * own. Where the parent's pools were, the child reads zeros.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "backing.h"
#include "child.h"
#include "hide.h"
#include "proc.h"
#include "tap.h"

#include <errno.h>
#include <secmalloc.h>
#include <signal.h>

#define LOCKED_KB (2 * 64 + 4)
#define BYTES     100000

static struct secmalloc_config config = {
	.initial_pools = 2,
	.max_pools = 2,
	.fork = SECMALLOC_FORK_WIPE,
};
static unsigned char *chunk;

static bool start(void)
{
	if (secmalloc_init(&config) != 0)
		return false;
	chunk = hide(secmalloc(BYTES));
	memset(chunk, 'K', BYTES);
	return true;
}

static size_t count_marks(void)
{
	size_t count = 0;

	for (size_t i = 0; i < BYTES; i++)
		count += ((volatile unsigned char *)chunk)[i] != 0;
	return count;
}

static bool is_untouched(void)
{
	return count_marks() == BYTES && proc_has_flag(chunk, "lo")
	       && proc_status_kb("VmLck") == LOCKED_KB && secmalloc_owns(chunk)
	       && secmalloc_audit() == 0;
}

static int reads_all(void)
{
	return count_marks() == BYTES;
}

static int write_stale(void)
{
	((volatile unsigned char *)chunk)[5] = 1;
	return 0;
}

/* The child recognises the parent's pointers and leaves them alone. */
static bool old_is_known(void)
{
	struct proc_mapping mapping;

	secfree(chunk);
	secfree(chunk + 5);
	return count_marks() == 0 && !secmalloc_owns(chunk)
	       && secrealloc(chunk, 5) == NULL && errno == ENXIO
	       && secmalloc_usable_size(chunk) == 0
	       && secmalloc_munlock(chunk, 1) == -1 && errno == EINVAL
	       && proc_mapping_of(chunk, &mapping)
	       && strcmp(mapping.access, "r--p") == 0
	       && in_child(write_stale) == 128 + SIGSEGV;
}

static int knows_old(void)
{
	return old_is_known();
}

static int has_an_empty_arena(void)
{
	struct secmalloc_stats stats;
	unsigned char *own;

	if (secmalloc_stats(&stats) != 0 || stats.chunks != 0
	    || stats.pools != 2 || stats.allocations != 0
	    || proc_status_kb("VmLck") != LOCKED_KB)
		return 2;
	if (!old_is_known())
		return 3;
	own = secmalloc(BYTES);
	if (own == NULL || !proc_has_flag(own, "lo") || own[77] != 0
	    || (own < chunk + BYTES && chunk < own + BYTES))
		return 4;
	memset(hide(own), 'C', BYTES);
	if (count_marks() != 0 || secmalloc(BYTES) != NULL || errno != ENOMEM)
		return 5;
	secfree(chunk);
	secfree(own);
	return secmalloc_audit() == 0;
}

static int and_so_do_its_children(void)
{
	unsigned char *first = chunk;
	int end = has_an_empty_arena();

	if (end != 1)
		return end;
	chunk = hide(secmalloc(BYTES));
	memset(chunk, 'G', BYTES);
	if (in_child(has_an_empty_arena) != 1 || !is_untouched())
		return 6;
	chunk = first;
	return old_is_known() && in_child(knows_old) == 1;
}

static int closed_with_words(void)
{
	if (secmalloc(1) != NULL || errno != ENXIO
	    || strstr(secmalloc_error(), "secmalloc: fork: ") == NULL
	    || strstr(secmalloc_error(), "of 2 pools were locked") == NULL
	    || strstr(secmalloc_error(),
	              "fork while still root on the host, or set "
	              "LimitMEMLOCK=135168")
	               == NULL) {
		tap_note("%s", secmalloc_error());
		return 2;
	}
	return old_is_known() && proc_status_kb("VmLck") == 0
	       && secmalloc_audit() == -1 && errno == ENXIO;
}

static int within_the_limit(void)
{
	if (!child_be_ordinary(LOCKED_KB * KIB) || !start())
		return tap_cannot("%s", secmalloc_error());
	return in_child(and_so_do_its_children) == 1 && is_untouched();
}

static int beyond_the_limit(void)
{
	if (!start() || !child_be_ordinary(32 * KIB))
		return tap_cannot("%s", secmalloc_error());
	return in_child(closed_with_words) == 1 && is_untouched();
}

int main(void)
{
	tap_needs_plain_build();
	if (sysconf(_SC_PAGESIZE) != 4096)
		tap_skip_all("the figures are for pages of 4 KiB");
	tap_needs_lock(256);
	config.fork = SECMALLOC_FORK_KEEP;
	tap_ok(start() && in_child(reads_all) == 1,
	       "control: with KEEP a child reads the chunk's contents");
	secmalloc_fini();
	config.fork = SECMALLOC_FORK_WIPE;
	start();
	tap_ok(in_child(and_so_do_its_children) == 1,
	       "a child and its own child read zeros in the chunk's place, and "
	       "have an empty, locked arena");
	tap_ok(is_untouched(), "the parent is unchanged");
	secmalloc_fini();
	child_try("a child of an ordinary user has an arena under a limit that "
	          "is just enough",
	          within_the_limit);
	if (geteuid() == 0)
		child_try("beyond the limit a child reads zeros and has no "
		          "arena, and the parent is unchanged",
		          beyond_the_limit);
	else
		tap_skip(
			"beyond the limit a child reads zeros and has no "
			"arena, and the parent is unchanged",
			"needs root, to lock more before the limit is lowered");
	tap_done();
}
