/*
 * Where a chunk is placed, and what is tried before the arena grows, gives
 * memory back or fails: each step of the table in ARCHITECTURE.md, in an arena
 * in which a later step, or an earlier one that is not its turn yet, would do
 * as well. Addresses and counters tell which step it was.
 *
 * SPDX-License-Identifier: ISC
 */
#include "grown.h"
#include "thread.h"

#define UNIT  ((size_t)512)
#define ROOMY 64 /* so many pools let each thread have slabs of its own */

/* ---- Chunks and arenas --------------------------------------------------- */

/* A chunk that takes exactly so many units, as it is larger than a slot. */
static size_t size_of(size_t units)
{
	return units * UNIT - 8;
}

static char *large(size_t units)
{
	return hide(secmalloc(size_of(units)));
}

static char *larger(char *chunk, size_t units)
{
	return hide(secrealloc(chunk, size_of(units)));
}

static bool is_in(const char *at, const char *run, size_t units)
{
	return at >= run && at < run + units * UNIT;
}

static bool start(size_t pools, size_t max_bytes)
{
	struct secmalloc_config config = {
		.initial_pools = pools,
		.max_bytes = max_bytes,
	};

	if (secmalloc_init(&config) == 0)
		return true;
	tap_cannot("%s", secmalloc_error());
	return false;
}

/* Take the largest free piece. */
static char *take_rest(void)
{
	return hide(secmalloc((size_t)locked_stats().largest_free));
}

static uint64_t pool_bytes(void)
{
	return locked_stats().pool_bytes;
}

static uint64_t cached_bytes(void)
{
	return locked_stats().cached_bytes;
}

/* Everything is sound, and nothing was refused so far. */
static bool well(void)
{
	if (secmalloc_audit() == 0 && locked_stats().failures == 0)
		return true;
	tap_note("%s", secmalloc_error());
	return false;
}

/* ---- Another thread's cache ---------------------------------------------- */

static pthread_barrier_t ready, end;
static pthread_t other;
static char *others_chunk;

static void *hold(void *slots)
{
	others_chunk = hide(secmalloc(200));
	if (slots == NULL)
		secfree(others_chunk);
	pthread_barrier_wait(&ready);
	pthread_barrier_wait(&end);
	return NULL;
}

/* Another thread opens a slab. Its only slot in use is in that thread's cache,
 * or else is a chunk. */
static void begin_other(bool in_cache)
{
	pthread_barrier_init(&ready, NULL, 2);
	pthread_barrier_init(&end, NULL, 2);
	thread_begin(&other, hold, in_cache ? NULL : &other);
	pthread_barrier_wait(&ready);
}

static void end_other(void)
{
	pthread_barrier_wait(&end);
	pthread_join(other, NULL);
}

/* A slot in this thread's cache. Emptying that does not help, because a chunk
 * lies in the same slab. */
static void cache_in_vain(void)
{
	hide(secmalloc(24));
	secfree(hide(secmalloc(24)));
}

/* Fill the arena. Only another thread's cache holds what could be used. */
static void fill_beside_other(void)
{
	begin_other(true);
	cache_in_vain();
	take_rest();
}

/* All caches are empty, and the pool is still alone. */
static bool only_caches_helped(void)
{
	return cached_bytes() == 0 && pool_bytes() == GROWN_POOL;
}

/* Two slabs at the start of the pool have free slots that are in no cache:
 * those of a thread that has ended. */
static char *slab_of[3]; /* their starts, and the end of the last one */

static void *leave_slots(void *unused)
{
	static const size_t sizes[] = {600, 1200};
	char *slot[2];

	for (int i = 0; i < 2; i++) {
		hide(secmalloc(sizes[i]));
		slot[i] = hide(secmalloc(sizes[i]));
		slab_of[0] = slot[0] - (uintptr_t)slot[0] % GROWN_POOL;
		slab_of[i + 1] = slab_of[0] + GROWN_POOL
		                 - (locked_stats().largest_free + 8);
	}
	secfree(slot[0]);
	secfree(slot[1]);
	return unused;
}

static void make_slots(void)
{
	pthread_t thread;

	thread_begin(&thread, leave_slots, NULL);
	pthread_join(thread, NULL);
}

/* ---- A small chunk ------------------------------------------------------- */

static int cache_before_slab(void)
{
	char *chunks[4];
	uint64_t had;

	if (!start(1, 0))
		return TAP_CANNOT;
	for (int i = 0; i < 4; i++)
		chunks[i] = hide(secmalloc(100));
	secfree(chunks[2]);
	had = cached_bytes();
	return had > 0 && hide(secmalloc(100)) == chunks[2]
	       && cached_bytes() < had && well();
}

/* A new slab is opened only when all slots of the others are in use. */
static int slab_before_new_slab(void)
{
	uint64_t had;
	int chunks = 0;

	if (!start(1, 0))
		return TAP_CANNOT;
	hide(secmalloc(200));
	had = locked_stats().largest_free;
	while (locked_stats().largest_free == had) {
		struct secmalloc_stats before = locked_stats();

		hide(secmalloc(200));
		chunks++;
		if (locked_stats().largest_free != had
		    && (before.cached_bytes != 0
		        || before.free_bytes - before.largest_free
		                   >= 208 + 8)) {
			tap_note("after %d chunks slots were left", chunks);
			return 2;
		}
	}
	return chunks > 1 && well();
}

static int others_slab_before_new_slab(void)
{
	uint64_t had;
	bool same;

	if (!start(1, 0))
		return TAP_CANNOT;
	begin_other(false);
	had = locked_stats().largest_free;
	hide(secmalloc(200));
	same = locked_stats().largest_free == had;
	end_other();
	return same && well();
}

static int new_slab_before_others_slab_if_roomy(void)
{
	uint64_t had;
	bool same;

	if (!start(ROOMY, 0))
		return TAP_CANNOT;
	begin_other(false);
	had = locked_stats().largest_free;
	hide(secmalloc(200));
	same = locked_stats().largest_free == had;
	end_other();
	return !same && well();
}

/* Holes of 20, 12 and 12 units, and the rest of the pool. */
static int smallest_and_lowest(void)
{
	char *hole[3], *slot;
	static const size_t units[] = {20, 12, 12};

	if (!start(1, 0))
		return TAP_CANNOT;
	for (int i = 0; i < 3; i++) {
		hole[i] = large(units[i]);
		large(10);
	}
	for (int i = 0; i < 3; i++)
		secfree(hole[i]);
	slot = hide(secmalloc(24));
	if (!is_in(slot, hole[1], 12))
		return 2;
	secfree(slot);
	return large(12) == hole[2] && large(15) == hole[0] && well();
}

/* The new chunk gets a slab where that of the cached slot was. */
static int own_cache_before_others(void)
{
	char *mine;
	uint64_t had, others;
	bool good;

	if (!start(1, 0))
		return TAP_CANNOT;
	begin_other(true);
	others = cached_bytes();
	mine = hide(secmalloc(24));
	secfree(mine);
	take_rest();
	had = cached_bytes();
	good = others > 0 && had > others
	       && is_in(hide(secmalloc(100)), mine - 8 * UNIT, 16)
	       && cached_bytes() == others && pool_bytes() == GROWN_POOL;
	end_other();
	return good && well();
}

static int others_cache_before_larger_slot(void)
{
	char *chunk;
	bool good;

	if (!start(1, 0))
		return TAP_CANNOT;
	make_slots();
	fill_beside_other();
	good = cached_bytes() > 0;
	chunk = hide(secmalloc(100));
	good = good && only_caches_helped() && chunk >= slab_of[2]
	       && is_in(chunk, others_chunk - 8 * UNIT, 16);
	end_other();
	return good && well();
}

static int own_cache_before_larger_slot(void)
{
	char *mine, *chunk;

	if (!start(1, 0))
		return TAP_CANNOT;
	make_slots();
	mine = hide(secmalloc(24));
	secfree(mine);
	take_rest();
	if (cached_bytes() == 0)
		return 2;
	chunk = hide(secmalloc(100));
	return only_caches_helped() && chunk >= slab_of[2]
	       && is_in(chunk, mine - 8 * UNIT, 16) && well();
}

/* Of the larger slots it is the smallest. */
static int larger_slot_before_growth(void)
{
	char *chunk;

	if (!start(1, 0))
		return TAP_CANNOT;
	make_slots();
	take_rest();
	chunk = hide(secmalloc(100));
	return chunk >= slab_of[0] && chunk < slab_of[1]
	       && locked_stats().largest_free > 1000
	       && pool_bytes() == GROWN_POOL && well();
}

/* A slot of 608 bytes is not aligned, except for some. */
static int aligned_slot_before_growth(void)
{
	char *chunk, *slot = NULL;

	if (!start(1, 0))
		return TAP_CANNOT;
	while (locked_stats().largest_free > 5000) {
		chunk = hide(secmalloc(600));
		if (slot == NULL && (uintptr_t)chunk % UNIT == 0)
			slot = chunk;
	}
	while (locked_stats().largest_free > 0)
		take_rest();
	if (slot == NULL)
		return 2;
	secfree(slot);
	return hide(secaligned_alloc(UNIT, 590)) == slot
	       && pool_bytes() == GROWN_POOL && well();
}

/* ---- A large chunk ------------------------------------------------------- */

static int free_memory_before_own_cache(void)
{
	uint64_t had;

	if (!start(1, 0))
		return TAP_CANNOT;
	secfree(secmalloc(24));
	had = cached_bytes();
	return had > 0 && large(20) != NULL && cached_bytes() == had && well();
}

static int in_place_before_a_hole(void)
{
	char *hole, *chunk;

	if (!start(2, 0))
		return TAP_CANNOT;
	hole = large(30);
	large(10);
	chunk = large(20);
	secfree(hole);
	return larger(chunk, 28) == chunk && well();
}

static int hole_before_own_cache(void)
{
	char *hole, *chunk, *slot;
	uint64_t had;

	if (!start(1, 0))
		return TAP_CANNOT;
	hole = large(30);
	chunk = large(20);
	slot = hide(secmalloc(24));
	take_rest();
	secfree(slot);
	secfree(hole);
	had = cached_bytes();
	return had > 0 && slot > chunk && larger(chunk, 21) == hole
	       && cached_bytes() == had && well();
}

/* Emptying the cache makes room behind the chunk, and in a hole. */
static int in_place_again(void)
{
	char *hole, *chunk, *slot[2];

	if (!start(1, 0))
		return TAP_CANNOT;
	hole = large(20);
	slot[0] = hide(secmalloc(24));
	chunk = large(20);
	slot[1] = hide(secmalloc(100));
	take_rest();
	secfree(slot[0]);
	secfree(slot[1]);
	secfree(hole);
	return slot[0] < chunk && chunk < slot[1] && cached_bytes() > 0
	       && larger(chunk, 21) == chunk && cached_bytes() == 0 && well();
}

/* The chunk could also slide down. */
static int own_cache_before_sliding(void)
{
	char *before, *chunk, *slot;

	if (!start(1, 0))
		return TAP_CANNOT;
	before = large(20);
	chunk = large(20);
	slot = hide(secmalloc(24));
	take_rest();
	secfree(slot);
	secfree(before);
	return cached_bytes() > 0 && larger(chunk, 21) == chunk
	       && only_caches_helped() && well();
}

static int others_cache_before_sliding(void)
{
	char *before, *chunk;
	bool good;

	if (!start(1, 0))
		return TAP_CANNOT;
	before = large(20);
	chunk = large(20);
	fill_beside_other();
	secfree(before);
	good = cached_bytes() > 0 && larger(chunk, 21) == chunk
	       && only_caches_helped();
	end_other();
	return good && well();
}

static int sliding_before_growth(void)
{
	char *before, *chunk;

	if (!start(1, 0))
		return TAP_CANNOT;
	before = large(20);
	chunk = large(20);
	take_rest();
	grown_put((unsigned char *)chunk, size_of(20), 5);
	secfree(before);
	chunk = larger(chunk, 30);
	return chunk == before + 10 * UNIT && pool_bytes() == GROWN_POOL
	       && grown_is((unsigned char *)chunk, size_of(20), 5) && well();
}

/* ---- Growth -------------------------------------------------------------- */

/*
 * A hole lies between grown chunks, and `more` is free: before the hole or at
 * the end of the pools. A chunk that is larger is placed there, as less has to
 * be locked for it.
 */
static bool where_least_is_missing(bool at_the_end)
{
	const size_t more = 300 * KIB;
	char *before, *hole, *last;
	uint64_t had;

	before = hide(secmalloc(more));
	hole = hide(secmalloc(GROWN_LARGE));
	large(20);
	hide(secmalloc(GROWN_LARGE));
	last = hide(secmalloc(more));
	secfree(hole);
	if (last == NULL || secmalloc_trim() < GROWN_LARGE - GROWN_REST)
		return false;
	secfree(at_the_end ? last : before);
	had = pool_bytes();
	return hide(secmalloc(more + 300 * KIB)) == (at_the_end ? last : before)
	       && pool_bytes() - had < more + 4 * KIB && well();
}

static int in_a_hole(void)
{
	if (!start(0, 0))
		return TAP_CANNOT;
	return where_least_is_missing(false);
}

static int at_the_end(void)
{
	if (!start(0, 0))
		return TAP_CANNOT;
	return where_least_is_missing(true);
}

/* A full arena grows by what is missing, but at least by one part in 32, and at
 * least by a pool. */
static int by_a_share(void)
{
	if (!start(64, 0))
		return TAP_CANNOT;
	take_rest();
	large(20);
	if (pool_bytes() != 66 * GROWN_POOL)
		return 2;
	take_rest();
	hide(secmalloc(GROWN_LARGE));
	return pool_bytes() == 66 * GROWN_POOL + GROWN_LARGE + 4 * KIB
	       && well();
}

static int by_a_pool(void)
{
	if (!start(1, 0))
		return TAP_CANNOT;
	take_rest();
	large(20);
	return pool_bytes() == 2 * GROWN_POOL && well();
}

/* Less than a pool, but what is missing. */
static int by_less_at_max_bytes(void)
{
	if (!start(16, 16 * GROWN_POOL + 20 * KIB))
		return TAP_CANNOT;
	take_rest();
	large(20);
	return pool_bytes() == 16 * GROWN_POOL + 20 * KIB && well();
}

static int by_less_at_the_lock_limit(void)
{
	if (!child_be_ordinary(GROWN_ENOUGH) || !start(16, 0))
		return TAP_CANNOT;
	take_rest();
	if (!grown_limit(20 * KIB))
		return TAP_CANNOT;
	large(20);
	return pool_bytes() == 16 * GROWN_POOL + 20 * KIB && well();
}

/* Less is missing behind the chunk than for another place. */
static int in_place(void)
{
	char *chunk;

	if (!start(16, 0))
		return TAP_CANNOT;
	large(20);
	chunk = take_rest();
	return larger(chunk, 16 * 128) == chunk
	       && pool_bytes() == 17 * GROWN_POOL && well();
}

/* max_bytes has no room for more than what sliding lacks. */
static int by_sliding(void)
{
	char *before, *chunk;

	if (!start(1, GROWN_POOL + 8 * KIB))
		return TAP_CANNOT;
	before = large(20);
	chunk = take_rest();
	secfree(before);
	return larger(chunk, 108 + 20 + 16) == before
	       && pool_bytes() == GROWN_POOL + 8 * KIB && well();
}

/* ---- Giving back, and failing -------------------------------------------- */

/* Two stretches that are empty and too short. */
static bool start_with_holes(size_t max_bytes)
{
	char *first, *second;

	if (!start(1, max_bytes))
		return false;
	take_rest();
	first = hide(secmalloc(GROWN_LARGE));
	large(20);
	second = hide(secmalloc(4 * GROWN_POOL));
	large(20);
	secfree(first);
	secfree(second);
	return true;
}

static int growth_before_giving_back(void)
{
	if (!start_with_holes(0))
		return TAP_CANNOT;
	return hide(secmalloc(GROWN_LARGE + GROWN_POOL)) != NULL
	       && locked_stats().trimmed_bytes == 0 && well();
}

/* The shorter stretch is enough, and the longer one stays. */
static int giving_back_before_failing(void)
{
	const size_t size = GROWN_LARGE + GROWN_POOL;
	uint64_t had;

	if (!start_with_holes(0))
		return TAP_CANNOT;
	had = pool_bytes();
	secmalloc_fini();
	if (!start_with_holes((size_t)had + size - GROWN_POOL))
		return TAP_CANNOT;
	if (hide(secmalloc(size)) == NULL) {
		tap_note("%s", secmalloc_error());
		return 2;
	}
	return locked_stats().trimmed_bytes >= GROWN_POOL
	       && locked_stats().trimmed_bytes < 6 * GROWN_POOL
	       && locked_stats().largest_free > GROWN_LARGE - GROWN_REST
	       && well();
}

/* Nothing is given back if that is not enough. */
static int failing_with_words(void)
{
	struct secmalloc_stats before, after;

	if (!start_with_holes(40 * GROWN_POOL))
		return TAP_CANNOT;
	secfree(secmalloc(24));
	before = locked_stats();
	if (!grown_is_refused(40 * GROWN_POOL))
		return 2;
	after = locked_stats();
	return before.cached_bytes > 0 && after.cached_bytes == 0
	       && after.trimmed_bytes == 0
	       && after.pool_bytes == before.pool_bytes && after.failures == 1
	       && strstr(secmalloc_error(), "raise max_bytes to") != NULL
	       && secmalloc_audit() == 0;
}

int main(void)
{
	grown_start();
	child_try("the own cache comes before a slab", cache_before_slab);
	child_try("a slab with a free slot comes before a new one",
	          slab_before_new_slab);
	child_try("even a slab of another thread does",
	          others_slab_before_new_slab);
	child_try("where there is plenty of room, a new slab comes before one "
	          "of another thread",
	          new_slab_before_others_slab_if_roomy);
	child_try("the smallest free piece is taken, and the lowest of several",
	          smallest_and_lowest);
	child_try("free memory comes before the own cache is emptied",
	          free_memory_before_own_cache);
	child_try("the own cache is emptied before those of others",
	          own_cache_before_others);
	child_try("the own cache is emptied before a larger slot is used",
	          own_cache_before_larger_slot);
	child_try("all caches are emptied before a larger slot is used",
	          others_cache_before_larger_slot);
	child_try("a larger slot is used before the arena grows",
	          larger_slot_before_growth);
	child_try("so is one that happens to be aligned",
	          aligned_slot_before_growth);
	child_try("a large chunk grows in place although a hole fits better",
	          in_place_before_a_hole);
	child_try("it moves to a hole before the own cache is emptied",
	          hole_before_own_cache);
	child_try("after that it grows in place before it moves",
	          in_place_again);
	child_try("the own cache is emptied before it slides",
	          own_cache_before_sliding);
	child_try("all caches are emptied before it slides",
	          others_cache_before_sliding);
	child_try("it slides before the arena grows", sliding_before_growth);
	child_try("the arena grows in a hole if least is missing there",
	          in_a_hole);
	child_try("it grows at its end if least is missing there", at_the_end);
	child_try("it grows by a part in 32, or by more if more is missing",
	          by_a_share);
	child_try("a small one grows by a pool", by_a_pool);
	child_try("it grows by less at max_bytes", by_less_at_max_bytes);
	child_try("it grows by less at the lock limit",
	          by_less_at_the_lock_limit);
	child_try("a large chunk at its end grows in place", in_place);
	child_try("it slides if only that needs no more than is allowed",
	          by_sliding);
	child_try("the arena grows before it gives anything back",
	          growth_before_giving_back);
	child_try("it gives back before it fails, and no more than it has to",
	          giving_back_before_failing);
	child_try("it fails with words, and gives back nothing in vain",
	          failing_with_words);
	tap_done();
}
