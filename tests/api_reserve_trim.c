/*
 * secmalloc_reserve() locks what it is asked for or nothing, secmalloc_trim()
 * gives back nothing else than what the arena has grown by, and max_bytes
 * limits both. Neither fails in another way with any argument, in any child.
 *
 * SPDX-License-Identifier: ISC
 */
#include "api.h"

#include "child.h"
#include "proc.h"

#include <stdint.h>
#include <unistd.h>

#define POOL (64 * KIB)

static struct secmalloc_stats stats_now(void)
{
	struct secmalloc_stats stats;

	ck_assert_int_eq(secmalloc_stats(&stats), 0);
	return stats;
}

/* The counters other than those of the chunks that were made. */
static void assert_same_pools(const struct secmalloc_stats *before)
{
	struct secmalloc_stats now = stats_now();

	ck_assert_uint_eq(now.pools, before->pools);
	ck_assert_uint_eq(now.pool_bytes, before->pool_bytes);
	ck_assert_uint_eq(now.locked_bytes, before->locked_bytes);
	ck_assert_uint_eq(now.grown_bytes, before->grown_bytes);
	ck_assert_uint_eq(now.trimmed_bytes, before->trimmed_bytes);
}

/* Nothing is locked, or given back, by these calls. */
static void nothing_happens(void)
{
	struct secmalloc_stats before = stats_now();
	char want[100];

	errno = 77;
	ck_assert_int_eq(secmalloc_reserve(0), 0);
	ck_assert_uint_eq(secmalloc_trim(), 0);
	ck_assert_int_eq(errno, 77);
	snprintf(
		want, sizeof(want),
		"secmalloc_reserve: %zu bytes is larger than any object can be",
		SIZE_MAX);
	FAILS(secmalloc_reserve(SIZE_MAX), -1, ENOMEM, want);
	FAILS(secmalloc_reserve((size_t)PTRDIFF_MAX + 1), -1, ENOMEM,
	      "larger than any object can be");
	FAILS(secmalloc_reserve(PTRDIFF_MAX), -1, ENOMEM,
	      "secmalloc_reserve: ");
	FAILS(secmalloc_reserve(PTRDIFF_MAX - 8), -1, ENOMEM,
	      "secmalloc_reserve: ");
	assert_same_pools(&before);
	ck_assert_uint_eq(stats_now().failures, before.failures);
}

static void without_an_arena(const char *words)
{
	char before[400];

	FAILS(secmalloc_reserve(1), -1, ENXIO, "secmalloc_reserve: ");
	FAILS(secmalloc_reserve(0), -1, ENXIO, words);
	FAILS(secmalloc_reserve(SIZE_MAX), -1, ENXIO, words);
	strcpy(before, secmalloc_error());
	errno = 77;
	ck_assert_uint_eq(secmalloc_trim(), 0);
	ck_assert_int_eq(errno, 77);
	ck_assert_str_eq(secmalloc_error(), before);
}

START_TEST(without_an_arena_nothing_can_be_reserved)
{
	without_an_arena("there is no arena");
	start(1);
	secmalloc_fini();
	without_an_arena("there is no arena");
}
END_TEST

START_TEST(bad_sizes_change_nothing)
{
	void *chunk;

	start(0);
	nothing_happens();
	end();
	start(2);
	nothing_happens();
	chunk = secmalloc(100000);
	nothing_happens();
	secfree(chunk);
	nothing_happens();
	end();
}
END_TEST

/* ---- What is reserved --------------------------------------------------- */

/* Allocate a chunk that must fit into what is locked. */
static void *take_without_growth(size_t size)
{
	struct secmalloc_stats before = stats_now();
	void *chunk = secmalloc(size);

	ck_assert_msg(chunk != NULL, "%zu: %s", size, secmalloc_error());
	assert_same_pools(&before);
	return chunk;
}

START_TEST(a_chunk_of_the_reserved_size_fits)
{
	static const size_t sizes[] = {1,     504,   505,   4088,  4089,
	                               65528, 65529, 65536, 99999, 150000};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct secmalloc_stats before, after;
		void *full, *chunk;

		start(1);
		full = secmalloc(POOL - 8);
		before = stats_now();
		ck_assert_int_eq(secmalloc_reserve(sizes[i]), 0);
		after = stats_now();
		ck_assert_uint_ge(after.free_bytes,
		                  before.free_bytes + sizes[i]);
		ck_assert_uint_ge(after.largest_free, sizes[i]);
		ck_assert_uint_eq(after.grown_bytes, 0);
		chunk = take_without_growth(sizes[i]);
		secfree(chunk);
		secfree(full);
		end();
	}
}
END_TEST

/* What is free already does not count, since others rely on it. */
START_TEST(reservations_add_up)
{
	struct secmalloc_stats before;
	void *chunks[3];

	start(1);
	before = stats_now();
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(secmalloc_reserve(70000), 0);
	ck_assert_uint_ge(stats_now().free_bytes, before.free_bytes + 210000);
	for (int i = 0; i < 3; i++)
		chunks[i] = take_without_growth(70000);
	for (int i = 0; i < 3; i++)
		secfree(chunks[i]);
	end();
}
END_TEST

START_TEST(a_library_that_finds_an_arena_reserves_its_part)
{
	struct secmalloc_config config = {.initial_pools = 4};
	struct secmalloc_stats before;

	start(1);
	before = stats_now();
	FAILS(secmalloc_init(&config), -1, EALREADY, "already exists");
	errno = 77;
	ck_assert_int_eq(secmalloc_reserve(2 * POOL), 0);
	ck_assert_int_eq(errno, 77);
	ck_assert_uint_ge(stats_now().pool_bytes, before.pool_bytes + 2 * POOL);
	end();
}
END_TEST

START_TEST(a_reservation_is_not_trimmed)
{
	struct secmalloc_stats before;

	start(1);
	ck_assert_int_eq(secmalloc_reserve(150000), 0);
	before = stats_now();
	ck_assert_uint_eq(secmalloc_trim(), 0);
	assert_same_pools(&before);
	secfree(take_without_growth(150000));
	ck_assert_uint_eq(secmalloc_trim(), 0);
	assert_same_pools(&before);
	end();
}
END_TEST

START_TEST(max_pools_is_a_limit_of_what_is_reserved)
{
	struct secmalloc_config config = {.initial_pools = 1, .max_pools = 3};
	struct secmalloc_stats before;

	ck_assert_int_eq(secmalloc_init(&config), 0);
	before = stats_now();
	FAILS(secmalloc_reserve(10 * POOL), -1, ENOMEM, "max_pools");
	assert_same_pools(&before);
	ck_assert_int_eq(secmalloc_reserve(100000), 0);
	end();
}
END_TEST

/* ---- What is given back ------------------------------------------------- */

static void fill(unsigned char *chunk, size_t size)
{
	ck_assert_ptr_nonnull(chunk);
	for (size_t i = 0; i < size; i++)
		chunk[i] = (unsigned char)(i % 251 + 1);
}

static void assert_filled(const unsigned char *chunk, size_t size)
{
	for (size_t i = 0; i < size; i++)
		unit_check(chunk[i] == i % 251 + 1);
}

/* Trim, and compare the counters with what it returns. */
static size_t trim(void)
{
	struct secmalloc_stats before = stats_now(), after;
	size_t bytes;

	errno = 77;
	bytes = secmalloc_trim();
	ck_assert_int_eq(errno, 77);
	after = stats_now();
	ck_assert_uint_eq(after.pool_bytes, before.pool_bytes - bytes);
	ck_assert_uint_eq(after.locked_bytes, before.locked_bytes - bytes);
	ck_assert_uint_eq(after.grown_bytes, before.grown_bytes - bytes);
	ck_assert_uint_eq(after.trimmed_bytes, before.trimmed_bytes + bytes);
	ck_assert_uint_eq(after.chunks, before.chunks);
	ck_assert_uint_eq(after.frees, before.frees);
	ck_assert_msg(secmalloc_audit() == 0, "%s", secmalloc_error());
	return bytes;
}

/* Grow by a chunk, free it, and trim, several times. */
static void grow_and_trim(size_t initial_pools, size_t pool_size)
{
	struct secmalloc_config config = {
		.initial_pools = initial_pools,
		.pool_size = pool_size,
	};
	struct secmalloc_stats before;

	ck_assert_int_eq(secmalloc_init(&config), 0);
	before = stats_now();
	for (int i = 0; i < 3; i++) {
		unsigned char *chunk = secmalloc(300000);

		fill(chunk, 300000);
		ck_assert_uint_ge(stats_now().grown_bytes,
		                  300000 - before.pool_bytes);
		secfree(chunk);
		ck_assert_uint_gt(trim(), 0);
		ck_assert_uint_eq(stats_now().grown_bytes, 0);
		ck_assert_uint_eq(stats_now().pool_bytes, before.pool_bytes);
		ck_assert_uint_eq(trim(), 0);
	}
	end();
}

START_TEST(what_the_arena_grew_by_is_given_back)
{
	grow_and_trim(0, 0);
	grow_and_trim(1, 0);
	grow_and_trim(2, POOL);
}
END_TEST

/* Free slots that only caches hold are given back as well. */
START_TEST(caches_are_emptied_first)
{
	static void *chunks[8000];

	start(1);
	for (int i = 0; i < 8000; i++)
		chunks[i] = secmalloc(32);
	ck_assert_uint_gt(stats_now().grown_bytes, 4 * POOL);
	for (int i = 0; i < 8000; i++)
		secfree(chunks[i]);
	ck_assert_uint_gt(stats_now().cached_bytes, 0);
	ck_assert_uint_gt(trim(), 0);
	ck_assert_uint_eq(stats_now().grown_bytes, 0);
	end();
}
END_TEST

START_TEST(live_chunks_stay_where_they_are)
{
	unsigned char *first, *large, *last;

	start(1);
	first = secmalloc(50000);
	large = secmalloc(400000);
	last = secmalloc(20000);
	fill(first, 50000);
	fill(large, 400000);
	fill(last, 20000);
	secfree(large);
	ck_assert_uint_gt(trim(), 300000);
	assert_filled(first, 50000);
	assert_filled(last, 20000);
	/* The hole can be used again. */
	large = secmalloc(400000);
	fill(large, 400000);
	assert_filled(first, 50000);
	assert_filled(last, 20000);
	secfree(large);
	secfree(last);
	secfree(first);
	trim();
	ck_assert_uint_eq(stats_now().grown_bytes, 0);
	end();
}
END_TEST

START_TEST(the_largest_free_chunk_fits_and_no_larger_one)
{
	struct secmalloc_stats before;
	void *small, *chunk;

	start(1);
	ck_assert_uint_eq(stats_now().largest_free, POOL - 8);
	small = secmalloc(20000);
	before = stats_now();
	ck_assert_uint_lt(before.largest_free, before.free_bytes);
	secfree(take_without_growth((size_t)before.largest_free));
	chunk = secmalloc((size_t)before.largest_free + 1);
	ck_assert_uint_gt(stats_now().pool_bytes, before.pool_bytes);
	secfree(chunk);
	secfree(small);
	end();
}
END_TEST

/* ---- max_bytes ---------------------------------------------------------- */

/* The arena gets this full, and no fuller. */
static void fill_up_to(size_t max_bytes, size_t pool_size)
{
	struct secmalloc_config config = {
		.max_bytes = max_bytes,
		.pool_size = pool_size,
	};
	size_t whole = max_bytes / POOL * POOL, chunks = 0;

	ck_assert_int_eq(secmalloc_init(&config), 0);
	while (chunks * 4000 < max_bytes && hide(secmalloc(4000)) != NULL)
		chunks++;
	ck_assert_uint_lt(chunks * 4000, max_bytes);
	ck_assert_int_eq(errno, ENOMEM);
	ck_assert_msg(strstr(secmalloc_error(), "max_bytes") != NULL, "%s",
	              secmalloc_error());
	ck_assert_uint_le(stats_now().pool_bytes, max_bytes);
	ck_assert_uint_ge(stats_now().pool_bytes, whole);
	FAILS(secmalloc_reserve(POOL), -1, ENOMEM, "max_bytes");
	end();
}

START_TEST(the_pools_grow_up_to_max_bytes)
{
	fill_up_to(5 * POOL, 0);
	fill_up_to(5 * POOL + 4095, 0);
	fill_up_to(5 * POOL + 4096, 0);
	fill_up_to(5 * POOL + 4096, POOL);
}
END_TEST

START_TEST(max_bytes_is_checked)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	struct secmalloc_config config = {.max_bytes = page - 1};
	char want[120];

	snprintf(want, sizeof(want),
	         "max_bytes is %zu, which is less than the smallest pool, %zu",
	         page - 1, page);
	FAILS(secmalloc_init(&config), -1, EINVAL, want);
	config = (struct secmalloc_config){
		.max_bytes = 2 * page - 1,
		.pool_size = 2 * page,
	};
	snprintf(want, sizeof(want),
	         "max_bytes is %zu, which is less than the smallest pool, %zu",
	         2 * page - 1, 2 * page);
	FAILS(secmalloc_init(&config), -1, EINVAL, want);
	config = (struct secmalloc_config){
		.initial_pools = 3,
		.pool_size = 2 * page,
		.max_bytes = 6 * page - 1,
	};
	snprintf(want, sizeof(want),
	         "initial_pools is 3, which with pool_size %zu is more than "
	         "max_bytes, %zu",
	         2 * page, 6 * page - 1);
	FAILS(secmalloc_init(&config), -1, EINVAL, want);
	config.initial_pools = SIZE_MAX;
	FAILS(secmalloc_init(&config), -1, EINVAL, "more than max_bytes, ");
	config.initial_pools = 3;
	config.max_bytes = 6 * page;
	ck_assert_int_eq(secmalloc_init(&config), 0);
	ck_assert_uint_eq(stats_now().pool_bytes, 6 * page);
	end();
	/* Less than a page beyond whole pages does not count, and the largest
	 * number is no limit. */
	config = (struct secmalloc_config){.max_bytes = page};
	ck_assert_int_eq(secmalloc_init(&config), 0);
	end();
	config = (struct secmalloc_config){.max_bytes = SIZE_MAX};
	ck_assert_int_eq(secmalloc_init(&config), 0);
	secfree(secmalloc(1));
	end();
}
END_TEST

/* How much a configuration adds to the addresses of the process. */
static long reserved_kb(const struct secmalloc_config *config)
{
	long before, after;

	proc_settle();
	before = proc_status_kb("VmSize");
	ck_assert_int_eq(secmalloc_init(config), 0);
	after = proc_status_kb("VmSize");
	end();
	return after - before;
}

START_TEST(max_bytes_makes_the_reservation_smaller)
{
	struct secmalloc_config config = {.max_bytes = 16 * POOL};
	long limited = reserved_kb(&config);

	/* Twice the size, as much again for guards, and the metadata. */
	ck_assert(limited < 16 * 1024);
	ck_assert(limited > 1024);
	config.max_bytes = 0;
	ck_assert(reserved_kb(&config) > 32 * 1024);
	/* What max_pools asks for is reserved. */
	config.max_bytes = 16 * POOL;
	config.max_pools = 1024;
	ck_assert(reserved_kb(&config) > 32 * 1024);
}
END_TEST

/* ---- Children ----------------------------------------------------------- */

static int has_nothing(void)
{
	without_an_arena("the arena belongs to the parent");
	start(1);
	nothing_happens();
	ck_assert_int_eq(secmalloc_reserve(100000), 0);
	secfree(take_without_growth(100000));
	end();
	return 42;
}

static unsigned char *kept;

/* The child's copy has what was reserved, and can grow and shrink. */
static int has_a_copy(void)
{
	nothing_happens();
	assert_filled(kept, 50000);
	secfree(take_without_growth(100000));
	ck_assert_int_eq(secmalloc_reserve(100000), 0);
	ck_assert_uint_eq(secmalloc_trim(), 0);
	assert_filled(kept, 50000);
	secfree(kept);
	end();
	return 42;
}

static int has_an_empty_arena(void)
{
	nothing_happens();
	ck_assert_uint_eq(stats_now().pool_bytes, 2 * POOL);
	ck_assert_uint_eq(stats_now().grown_bytes, 0);
	ck_assert_int_eq(secmalloc_reserve(100000), 0);
	secfree(take_without_growth(100000));
	end();
	return 42;
}

static void fork_under(unsigned policy, int (*act)(void))
{
	struct secmalloc_config config = {.initial_pools = 2, .fork = policy};
	struct secmalloc_stats before;

	ck_assert_int_eq(secmalloc_init(&config), 0);
	kept = secmalloc(50000);
	fill(kept, 50000);
	ck_assert_int_eq(secmalloc_reserve(100000), 0);
	before = stats_now();
	ck_assert_int_eq(in_child(act), 42);
	assert_same_pools(&before);
	assert_filled(kept, 50000);
	nothing_happens();
	secfree(take_without_growth(100000));
	secfree(kept);
	end();
}

START_TEST(in_a_child_without_the_arena_nothing_can_be_reserved)
{
	fork_under(SECMALLOC_FORK_NONE, has_nothing);
}
END_TEST

START_TEST(a_child_with_a_copy_reserves_and_trims_it)
{
	fork_under(SECMALLOC_FORK_KEEP, has_a_copy);
}
END_TEST

START_TEST(a_child_with_an_empty_arena_reserves_for_itself)
{
	fork_under(SECMALLOC_FORK_WIPE, has_an_empty_arena);
}
END_TEST

API_MAIN(without_an_arena_nothing_can_be_reserved, bad_sizes_change_nothing,
         a_chunk_of_the_reserved_size_fits, reservations_add_up,
         a_library_that_finds_an_arena_reserves_its_part,
         a_reservation_is_not_trimmed, max_pools_is_a_limit_of_what_is_reserved,
         what_the_arena_grew_by_is_given_back, caches_are_emptied_first,
         live_chunks_stay_where_they_are,
         the_largest_free_chunk_fits_and_no_larger_one,
         the_pools_grow_up_to_max_bytes, max_bytes_is_checked,
         max_bytes_makes_the_reservation_smaller,
         in_a_child_without_the_arena_nothing_can_be_reserved,
         a_child_with_a_copy_reserves_and_trims_it,
         a_child_with_an_empty_arena_reserves_for_itself)
