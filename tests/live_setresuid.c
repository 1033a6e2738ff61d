/*
 * A daemon locks memory as root, gives up the lock limit and root, then fills,
 * empties and refills the arena. All of its memory stays locked.
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

#define POOLS  16
#define NOBODY 65534
#define MOST   30000

static void *chunks[MOST];

static bool drop(void)
{
	struct rlimit none = {0, 0};
	uid_t real, effective, saved;

	return setrlimit(RLIMIT_MEMLOCK, &none) == 0 && setgroups(0, NULL) == 0
	       && setresgid(NOBODY, NOBODY, NOBODY) == 0
	       && setresuid(NOBODY, NOBODY, NOBODY) == 0
	       && getresuid(&real, &effective, &saved) == 0 && real == NOBODY
	       && effective == NOBODY && saved == NOBODY && setuid(0) != 0;
}

/* Allocate chunks of a size until there is no room, and write to all of their
 * bytes. */
static size_t fill(size_t size)
{
	size_t count = 0;

	while (count < MOST && (chunks[count] = secmalloc(size)) != NULL)
		memset(chunks[count++], 0x5a, size);
	return count;
}

static void release(size_t count)
{
	while (count > 0)
		secfree(chunks[--count]);
}

static bool all_locked(size_t count)
{
	for (size_t i = 0; i < count; i += 97)
		if (!proc_has_flag(chunks[i], "lo")
		    || !proc_has_flag(chunks[i], "dd"))
			return false;
	return true;
}

static void try_size(size_t size, size_t least)
{
	size_t first = fill(size), second;
	bool refused = errno == ENOMEM, locked = all_locked(first);

	release(first);
	second = fill(size);
	release(second);
	tap_ok(refused && locked && first >= least && second == first,
	       "%zu chunks of %zu bytes fit, all locked, and %zu fit again "
	       "after all are freed",
	       first, size, second);
}

int main(void)
{
	struct secmalloc_config config = {.initial_pools = POOLS};
	struct secmalloc_stats stats;
	long before, held;
	void *plain;

	tap_needs_plain_build();
	tap_needs_root();
	tap_needs_setuid();
	before = proc_status_kb("VmLck");
	if (!tap_ok(secmalloc_init(&config) == 0,
	            "secmalloc_init() succeeds as root"))
		tap_note("%s", secmalloc_error());
	held = proc_status_kb("VmLck");
	secmalloc_stats(&stats);
	tap_ok(held - before == (long)(stats.locked_bytes / 1024)
	               && stats.pools == POOLS,
	       "VmLck has grown by %ld kB, as the statistics say",
	       held - before);
	tap_ok(drop(), "the lock limit is 0 and root is given up for good");

	plain = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
	             MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	tap_ok(mlock(plain, 4096) != 0 && errno == EPERM,
	       "control: no more memory can be locked");
	tap_ok(!proc_has_flag(plain, "lo"),
	       "control: plain memory is not locked");

	/* This size is first because free memory is in one piece while no slot
	 * is in a cache. */
	try_size(65000, POOLS);
	/* The README states this figure. */
	try_size(32, POOLS * (size_t)1362);
	try_size(1000, POOLS * 60);
	/* Slots of other sizes that are in the cache at first may leave less
	 * than a page free in two places. */
	try_size(4032, POOLS * 16 - 1);
	tap_ok(secmalloc_audit() == 0, "the arena is sound");
	tap_ok(proc_status_kb("VmLck") == held, "VmLck is still %ld kB", held);
	secmalloc_stats(&stats);
	tap_ok(stats.pools == POOLS && stats.chunks == 0,
	       "the number of pools is the same, and no chunk is left");
	secmalloc_fini();
	tap_ok(proc_status_kb("VmLck") == before,
	       "secmalloc_fini() unlocks everything");
	tap_done();
}
