/*
 * secrealloc() from every size to every other one, and when there is no room.
 *
 * SPDX-License-Identifier: ISC
 */
#include "api.h"

#include <unistd.h>

START_TEST(realloc_of_null_allocates_and_to_0_keeps_the_chunk)
{
	char *chunk;

	start(1);
	chunk = secrealloc(NULL, 33);
	ck_assert_uint_eq(secmalloc_usable_size(chunk), 33);
	memset(chunk, 'x', 33);
	chunk = secrealloc(chunk, 0);
	ck_assert_ptr_nonnull(chunk);
	ck_assert_uint_eq(secmalloc_usable_size(chunk), 0);
	ck_assert_int_eq(secmalloc_owns(chunk), 1);
	chunk = secrealloc(chunk, 33);
	for (int i = 0; i < 33; i++)
		ck_assert_int_eq(chunk[i], 0);
	secfree(chunk);
	end();
}
END_TEST

START_TEST(realloc_keeps_old_bytes_and_zeroes_new_ones)
{
	static const size_t sizes[] = {
		0,    1,    8,    24,   32,   200,   500,   520,   2400,
		4000, 4088, 4089, 6000, 9000, 30000, 65000, 70000, 200000,
	};
	const size_t count = sizeof(sizes) / sizeof(sizes[0]);

	start(12);
	for (size_t from = 0; from < count; from++)
		for (size_t to = 0; to < count; to++) {
			size_t kept = sizes[from] < sizes[to] ? sizes[from]
			                                      : sizes[to];
			unsigned char *chunk = secmalloc(sizes[from]);

			ck_assert_msg(chunk != NULL, "%s", secmalloc_error());
			for (size_t i = 0; i < sizes[from]; i++)
				chunk[i] = (unsigned char)(i * 7 + 1);
			chunk = secrealloc(chunk, sizes[to]);
			ck_assert_msg(chunk != NULL, "%s", secmalloc_error());
			ck_assert_uint_eq(secmalloc_usable_size(chunk),
			                  sizes[to]);
			for (size_t i = 0; i < kept; i++)
				if (chunk[i] != (unsigned char)(i * 7 + 1))
					ck_abort_msg("%zu to %zu, byte %zu",
					             sizes[from], sizes[to], i);
			for (size_t i = kept; i < sizes[to]; i++)
				if (chunk[i] != 0)
					ck_abort_msg("%zu to %zu, byte %zu",
					             sizes[from], sizes[to], i);
			/* The audit notices bytes that were not wiped. */
			ck_assert_msg(secmalloc_audit() == 0, "%s",
			              secmalloc_error());
			secfree(chunk);
		}
	end();
}
END_TEST

START_TEST(a_failed_realloc_leaves_the_chunk_unchanged)
{
	struct secmalloc_config config = {.initial_pools = 1, .max_pools = 1};
	struct secmalloc_stats before, after;
	unsigned char *chunk;

	ck_assert_int_eq(secmalloc_init(&config), 0);
	chunk = secmalloc(40000);
	ck_assert_ptr_nonnull(chunk);
	memset(chunk, 0x5c, 40000);
	ck_assert_int_eq(secmalloc_stats(&before), 0);
	FAILS(secrealloc(chunk, 70000), NULL, ENOMEM, "no room for 70000");
	ck_assert_int_eq(secmalloc_stats(&after), 0);
	before.failures++;
	ck_assert_mem_eq(&before, &after, sizeof(before));
	ck_assert_uint_eq(secmalloc_usable_size(chunk), 40000);
	for (int i = 0; i < 40000; i++)
		ck_assert_uint_eq(chunk[i], 0x5c);
	end();
}
END_TEST

START_TEST(realloc_to_a_smaller_size_never_fails)
{
	struct secmalloc_config config = {.initial_pools = 1, .max_pools = 1};
	void *large[20], *chunk;
	int count = 0;

	/* Fill the pool, so that there is no smaller slot to move to. */
	ck_assert_int_eq(secmalloc_init(&config), 0);
	chunk = secmalloc(4000);
	while ((large[count] = secmalloc(4000)) != NULL)
		count++;
	ck_assert_int_ge(count, 10);
	while (secmalloc(1) != NULL)
		;
	errno = 5;
	for (size_t size = 3999; size > 0; size /= 3) {
		chunk = secrealloc(chunk, size);
		ck_assert_ptr_nonnull(chunk);
		ck_assert_uint_eq(secmalloc_usable_size(chunk), size);
		ck_assert_int_eq(secmalloc_audit(), 0);
	}
	ck_assert_int_eq(errno, 5);
	end();
}
END_TEST

START_TEST(realloc_within_the_slot_adds_no_pool)
{
	struct secmalloc_config config = {.initial_pools = 1, .max_pools = 2};
	struct secmalloc_stats stats;
	void *chunk;

	config.pool_size = (size_t)sysconf(_SC_PAGESIZE);
	ck_assert_int_eq(secmalloc_init(&config), 0);
	chunk = secmalloc(4088);
	while (config.pool_size > 4096 && secmalloc(4088) != NULL)
		;
	chunk = secrealloc(chunk, 10);
	chunk = secrealloc(chunk, 100);
	chunk = secrealloc(chunk, 2000);
	ck_assert_ptr_nonnull(chunk);
	ck_assert_int_eq(secmalloc_stats(&stats), 0);
	ck_assert_uint_eq(stats.failures, 0);
	/* No pool was added, because the chunk's own slot could hold it. */
	if (config.pool_size == 4096)
		ck_assert_uint_eq(stats.pools, 1);
	end();
}
END_TEST

API_MAIN(realloc_of_null_allocates_and_to_0_keeps_the_chunk,
         realloc_keeps_old_bytes_and_zeroes_new_ones,
         a_failed_realloc_leaves_the_chunk_unchanged,
         realloc_to_a_smaller_size_never_fails,
         realloc_within_the_slot_adds_no_pool)
