/*
 * Before a growth fails, the arena gives back what is empty, and tries again.
 * It gives back nothing at any other time, and never what the initial pools or
 * secmalloc_reserve() have locked.
 *
 * SPDX-License-Identifier: ISC
 */
#include "grown.h"
#include "random.h"

#include <sys/mman.h>
#include <sys/resource.h>

#define ROUNDS 4000
#define CHUNKS 60

/* A chunk that does not fit into the hole that the first one leaves, and does
 * not fit beside it under the limit either. */
#define LARGER (GROWN_LARGE + GROWN_POOL)

/* ---- Growth that needs what is empty ------------------------------------- */

/* Control: as long as the first chunk lives, there is nothing to give back. */
static bool larger_fits_once_the_first_is_freed(void)
{
	struct secmalloc_stats stats;
	unsigned char *larger;
	size_t had;

	if (!grown_is_refused(LARGER)) {
		tap_note("control: %zu bytes fit", LARGER);
		return false;
	}
	stats = locked_stats();
	had = locked_now();
	secfree(grown.first);
	if (locked_now() != had)
		return false;
	larger = hide(secmalloc(LARGER));
	if (larger == NULL) {
		tap_note("%s", secmalloc_error());
		return false;
	}
	grown_put(larger, LARGER, 7);
	return locked_stats().trimmed_bytes
	               >= stats.trimmed_bytes + GROWN_LARGE - GROWN_REST
	       && proc_has_flag(larger, "lo")
	       && proc_has_flag(larger + LARGER - 1, "lo")
	       && grown_others_are_whole() && grown_last_is_whole()
	       && grown_is(larger, LARGER, 7)
	       && locked_as_counted(&grown.locked) && secmalloc_audit() == 0;
}

static int at_the_lock_limit(void)
{
	if (!child_be_ordinary(GROWN_ENOUGH) || !grown_begin()
	    || !grown_limit(4 * GROWN_POOL))
		return TAP_CANNOT;
	return larger_fits_once_the_first_is_freed();
}

static int at_max_bytes(void)
{
	struct secmalloc_config config = {.max_bytes = 40 * GROWN_POOL};

	if (!grown_begin_with(config))
		return TAP_CANNOT;
	return larger_fits_once_the_first_is_freed()
	       && locked_stats().pool_bytes <= config.max_bytes;
}

/* A process with CAP_IPC_LOCK may lock more than the limit, and often does. */
static int at_max_bytes_above_the_lock_limit(void)
{
	struct secmalloc_config config = {.max_bytes = 40 * GROWN_POOL};
	static const struct rlimit low = {GROWN_POOL, GROWN_POOL};
	static unsigned char bytes[2 * GROWN_POOL];

	if (setrlimit(RLIMIT_MEMLOCK, &low) != 0
	    || mlock(bytes, sizeof(bytes)) != 0)
		return tap_cannot("the lock limit binds this process");
	munlock(bytes, sizeof(bytes));
	return grown_begin_with(config) ? larger_fits_once_the_first_is_freed()
	                                : TAP_CANNOT;
}

/* The chunk grows instead of being allocated. It has to move, because another
 * one lies behind it. */
static int by_secrealloc(void)
{
	const size_t size = GROWN_LARGE + 8 * GROWN_POOL;
	unsigned char *larger;

	if (!grown_begin_with(
		    (struct secmalloc_config){.max_bytes = 48 * GROWN_POOL}))
		return TAP_CANNOT;
	if (hide(secmalloc(GROWN_POOL)) == NULL)
		return 2;
	if (hide(secrealloc(grown.last, size)) != NULL
	    || !grown_last_is_whole())
		return 3;
	secfree(grown.first);
	larger = hide(secrealloc(grown.last, size));
	if (larger == NULL) {
		tap_note("%s", secmalloc_error());
		return 4;
	}
	return grown_is(larger, GROWN_LARGE, 3) && grown_others_are_whole()
	       && secmalloc_audit() == 0;
}

/* ---- Nothing at any other time ------------------------------------------- */

/* While there is room to grow, VmLck never falls. */
static int ordinary_calls(void)
{
	void *chunks[CHUNKS] = {NULL};
	uint64_t state = 14;
	size_t had = 0;

	if (!grown_begin())
		return TAP_CANNOT;
	for (int i = 0; i < ROUNDS; i++) {
		uint64_t some = random_next(&state) >> 20;
		void **chunk = &chunks[some % CHUNKS];
		size_t size = (size_t)(some / CHUNKS)
		              % (some % 7 == 0 ? 200000 : 3000);

		if (*chunk != NULL && some % 3 != 0) {
			secfree(*chunk);
			*chunk = NULL;
		} else {
			*chunk = hide(secrealloc(*chunk, size));
			if (*chunk == NULL)
				return 2;
		}
		if (locked_now() < had) {
			tap_note("round %d: VmLck fell by %zu", i,
			         had - locked_now());
			return 3;
		}
		had = locked_now();
	}
	if (locked_stats().trimmed_bytes != 0)
		return 4;
	for (int i = 0; i < CHUNKS; i++)
		secfree(chunks[i]);
	grown_free_all();
	return locked_now() == had && secmalloc_trim() != 0
	       && locked_now() < had;
}

/* ---- What is never given back -------------------------------------------- */

/* The memory of a chunk of this size is free, was locked beforehand, and stays
 * so: there is no other memory that could be given back. */
static bool stays(size_t size)
{
	size_t had = locked_now();

	if (!grown_limit(GROWN_POOL) || !grown_is_refused(size + GROWN_LARGE))
		return false;
	if (locked_now() < had || secmalloc_trim() != 0 || locked_now() < had) {
		tap_note("VmLck fell by %zu", had - locked_now());
		return false;
	}
	had = locked_now();
	return grown_limit(0) && hide(secmalloc(size)) != NULL
	       && locked_now() == had && secmalloc_audit() == 0;
}

/* A small chunk lies behind the large one, so that this could not grow. */
static bool stays_once_used(size_t size)
{
	void *large = hide(secmalloc(size));
	bool good = large != NULL && hide(secmalloc(GROWN_SMALL)) != NULL;

	while (good && locked_stats().largest_free > GROWN_SMALL)
		good = hide(secmalloc(GROWN_SMALL)) != NULL;
	secfree(large);
	return good && stays(size);
}

static int initial_pools_stay(void)
{
	static const struct secmalloc_config config = {.initial_pools = 32};

	if (!child_be_ordinary(GROWN_ENOUGH))
		return TAP_CANNOT;
	if (secmalloc_init(&config) != 0)
		return tap_cannot("%s", secmalloc_error());
	return stays_once_used(2 * GROWN_LARGE - 16 * KIB);
}

static int reserved_memory_stays(void)
{
	static const struct secmalloc_config config = {.initial_pools = 1};

	if (!child_be_ordinary(GROWN_ENOUGH))
		return TAP_CANNOT;
	if (secmalloc_init(&config) != 0
	    || secmalloc_reserve(2 * GROWN_LARGE) != 0)
		return tap_cannot("%s", secmalloc_error());
	return stays_once_used(2 * GROWN_LARGE);
}

/* The same when there is also something to give back, behind it. */
static int reserved_memory_stays_beside_a_hole(void)
{
	if (!child_be_ordinary(GROWN_ENOUGH) || !grown_begin())
		return TAP_CANNOT;
	if (secmalloc_reserve(GROWN_LARGE) != 0)
		return tap_cannot("%s", secmalloc_error());
	secfree(grown.first);
	if (secmalloc_trim() < GROWN_LARGE - GROWN_REST)
		return 2;
	return stays(GROWN_LARGE) && grown_others_are_whole()
	       && grown_last_is_whole();
}

/*
 * No limit but max_pools stands in the way of a chunk, and there is enough to
 * give back. But the chunk would have no room afterwards either, and under a
 * limit that was lowered not all of that could be locked again.
 */
static int nothing_is_lost_for_lack_of_addresses(void)
{
	static const struct secmalloc_config config = {.max_pools = 36};
	const struct rlimit low = {GROWN_ENOUGH / 3, GROWN_ENOUGH / 3};
	size_t had;

	if (!child_be_ordinary(GROWN_ENOUGH) || !grown_begin_with(config))
		return TAP_CANNOT;
	secfree(grown.first);
	secfree(grown.last);
	had = locked_now();
	if (had <= low.rlim_cur || setrlimit(RLIMIT_MEMLOCK, &low) != 0)
		return tap_cannot("the lock limit cannot be lowered");
	if (!grown_is_refused(GROWN_LARGE + 4 * GROWN_POOL))
		return 2;
	if (locked_now() != had) {
		tap_note("VmLck fell by %zu", had - locked_now());
		return 3;
	}
	return hide(secmalloc(GROWN_LARGE)) != NULL
	       && hide(secmalloc(GROWN_LARGE)) != NULL
	       && secmalloc_audit() == 0;
}

int main(void)
{
	grown_start();
	child_try("at the lock limit what is empty is given back, and a large "
	          "chunk fits",
	          at_the_lock_limit);
	child_try("so it is at max_bytes", at_max_bytes);
	child_try("so it is at max_bytes for a process that has locked more "
	          "than its limit",
	          at_max_bytes_above_the_lock_limit);
	child_try("so it is for a chunk that secrealloc() makes larger",
	          by_secrealloc);
	child_try("ordinary calls give nothing back", ordinary_calls);
	child_try("initial pools stay locked", initial_pools_stay);
	child_try("reserved memory stays locked", reserved_memory_stays);
	child_try("reserved memory stays locked beside a hole",
	          reserved_memory_stays_beside_a_hole);
	child_try("nothing is given back for a chunk that has no addresses",
	          nothing_is_lost_for_lack_of_addresses);
	tap_done();
}
