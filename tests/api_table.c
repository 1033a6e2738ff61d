/* The public functions, input by input, as secmalloc.h promises. */
/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "backing.h"
#include "hide.h"
#include "unit.h"

#include <errno.h>
#include <secmalloc.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static size_t page;

static void start(size_t initial_pools)
{
	struct secmalloc_config config = {.initial_pools = initial_pools};

	page = (size_t)sysconf(_SC_PAGESIZE);
	ck_assert_msg(secmalloc_init(&config) == 0, "%s", secmalloc_error());
}

static void end(void)
{
	ck_assert_msg(secmalloc_audit() == 0, "%s", secmalloc_error());
	secmalloc_fini();
}

/* An expression fails with `result` and `code`, and with these words. */
#define FAILS(expression, result, code, words)                                 \
	do {                                                                   \
		errno = 0;                                                     \
		ck_assert((expression) == (result));                           \
		ck_assert_int_eq(errno, code);                                 \
		ck_assert_msg(strstr(secmalloc_error(), words) != NULL,        \
		              "'%s' is not in: %s", words, secmalloc_error()); \
	} while (0)

/* ---- Without an arena --------------------------------------------------- */

static void every_call_is_closed(void)
{
	static const char text[] = "x";
	struct secmalloc_stats stats;

	FAILS(secmalloc(1), NULL, ENXIO, "secmalloc: there is no arena");
	FAILS(secmalloc(0), NULL, ENXIO, "secmalloc_init() first");
	FAILS(seccalloc(1, 1), NULL, ENXIO, "seccalloc: ");
	FAILS(secrealloc(NULL, 1), NULL, ENXIO, "secrealloc: ");
	FAILS(secaligned_alloc(16, 1), NULL, ENXIO, "secaligned_alloc: ");
	FAILS(secstrdup("x"), NULL, ENXIO, "secstrdup: ");
	FAILS(secmemdup("x", 1), NULL, ENXIO, "secmemdup: ");
	FAILS(secmalloc_usable_size(text), 0, ENXIO, "usable_size: ");
	FAILS(secmalloc_stats(&stats), -1, ENXIO, "secmalloc_stats: ");
	FAILS(secmalloc_audit(), -1, ENXIO, "secmalloc_audit: ");
	FAILS(secmalloc_daemon(0, 0), -1, ENXIO, "secmalloc_daemon: ");
	ck_assert_int_eq(secmalloc_owns(text), 0);
	errno = 77;
	secfree(NULL);
	secmalloc_fini();
	ck_assert_int_eq(errno, 77);
	ck_assert_int_eq(secmalloc_equal("a", "a", 1), 1);
}

START_TEST(before_init_every_call_is_closed)
{
	ck_assert_str_eq(secmalloc_error(), "");
	every_call_is_closed();
}
END_TEST

START_TEST(after_fini_every_call_is_closed)
{
	start(1);
	ck_assert_ptr_nonnull(secmalloc(40));
	secmalloc_fini();
	every_call_is_closed();
	/* And it can be made again. */
	start(1);
	end();
}
END_TEST

START_TEST(a_second_init_changes_nothing)
{
	struct secmalloc_config config = {.initial_pools = 50};
	struct secmalloc_stats before, after;
	char *chunk;

	start(2);
	chunk = secstrdup("still here");
	ck_assert_int_eq(secmalloc_stats(&before), 0);
	FAILS(secmalloc_init(&config), -1, EALREADY, "is an arena already");
	FAILS(secmalloc_init(NULL), -1, EALREADY, "unchanged");
	ck_assert_int_eq(secmalloc_stats(&after), 0);
	ck_assert_mem_eq(&before, &after, sizeof(before));
	ck_assert_str_eq(chunk, "still here");
	secfree(chunk);
	end();
}
END_TEST

/* ---- Configuration ------------------------------------------------------ */

static void ignore_low(size_t free_bytes)
{
	(void)free_bytes;
}

START_TEST(a_bad_field_is_named_with_its_value)
{
	struct secmalloc_config config = {0};
	size_t words = sizeof(config.reserved) / sizeof(config.reserved[0]);
	char want[40];

	page = (size_t)sysconf(_SC_PAGESIZE);
	for (size_t i = 0; i < words; i++) {
		config = (struct secmalloc_config){0};
		config.reserved[i] = 7;
		snprintf(want, sizeof(want), "reserved[%zu] is 7", i);
		FAILS(secmalloc_init(&config), -1, EINVAL, want);
	}
	config = (struct secmalloc_config){.version = 1};
	FAILS(secmalloc_init(&config), -1, EINVAL, "version is 1");
	config = (struct secmalloc_config){.flags = 18};
	FAILS(secmalloc_init(&config), -1, EINVAL, "flags is 18");
	config = (struct secmalloc_config){.backing = 3};
	FAILS(secmalloc_init(&config), -1, EINVAL, "backing is 3");
	config = (struct secmalloc_config){.fork = 3};
	FAILS(secmalloc_init(&config), -1, EINVAL, "fork is 3");
	config = (struct secmalloc_config){.low_bytes = 7};
	FAILS(secmalloc_init(&config), -1, EINVAL,
	      "low_bytes is 7 and on_low is NULL: set both");
	config = (struct secmalloc_config){.on_low = ignore_low};
	FAILS(secmalloc_init(&config), -1, EINVAL,
	      "low_bytes is 0 and on_low is set: set both");
	config = (struct secmalloc_config){.pool_size = page + 1};
	snprintf(want, sizeof(want), "pool_size is %zu", page + 1);
	FAILS(secmalloc_init(&config), -1, EINVAL, want);
	config = (struct secmalloc_config){.pool_size = 1};
	FAILS(secmalloc_init(&config), -1, EINVAL, "pool_size is 1,");
	config = (struct secmalloc_config){.pool_size = SIZE_MAX - page + 1};
	FAILS(secmalloc_init(&config), -1, EINVAL, "pool_size is ");
	config = (struct secmalloc_config){.initial_pools = 3, .max_pools = 2};
	FAILS(secmalloc_init(&config), -1, EINVAL,
	      "initial_pools is 3, more than max_pools 2");
	config = (struct secmalloc_config){.initial_pools = SIZE_MAX};
	FAILS(secmalloc_init(&config), -1, EINVAL, "initial_pools is ");
	config = (struct secmalloc_config){.max_pools = SIZE_MAX};
	FAILS(secmalloc_init(&config), -1, EINVAL, "max_pools is ");
	config = (struct secmalloc_config){.max_pools = SIZE_MAX / 65536};
	FAILS(secmalloc_init(&config), -1, EINVAL, "max_pools is ");
	/* One such pool fits the addresses, six do not. */
	config = (struct secmalloc_config){
		.max_pools = 6,
		.pool_size = ((size_t)1 << (sizeof(size_t) > 4 ? 38 : 28))
	                     - page,
	};
	FAILS(secmalloc_init(&config), -1, EINVAL, "max_pools is 6");
	FAILS(secmalloc(1), NULL, ENXIO, "there is no arena");
}
END_TEST

START_TEST(the_configuration_is_kept)
{
	struct secmalloc_config config = {
		.initial_pools = 2,
		.max_pools = 3,
		.flags = SECMALLOC_CHECK_WHOLE,
	};
	struct secmalloc_stats stats;

	page = (size_t)sysconf(_SC_PAGESIZE);
	config.pool_size = 4 * page;
	ck_assert_int_eq(secmalloc_init(&config), 0);
	ck_assert_int_eq(secmalloc_stats(&stats), 0);
	ck_assert_uint_eq(stats.pools, 2);
	ck_assert_uint_eq(stats.pools_initial, 2);
	ck_assert_uint_eq(stats.pools_max, 3);
	ck_assert_uint_eq(stats.pool_bytes, 8 * page);
	ck_assert_uint_eq(stats.locked_bytes, 9 * page);
	ck_assert_uint_eq(stats.free_bytes, 8 * page);
	ck_assert_uint_eq(stats.low_crossings, 0);
	ck_assert_uint_eq(stats.backing, backing_is_secret()
	                                         ? SECMALLOC_BACKING_SECRET
	                                         : SECMALLOC_BACKING_LOCKED);
	for (size_t i = 0;
	     i < sizeof(stats.reserved) / sizeof(stats.reserved[0]); i++)
		ck_assert_uint_eq(stats.reserved[i], 0);
	end();
}
END_TEST

START_TEST(a_null_configuration_is_all_defaults)
{
	struct secmalloc_stats stats;

	page = (size_t)sysconf(_SC_PAGESIZE);
	ck_assert_int_eq(secmalloc_init(NULL), 0);
	ck_assert_int_eq(secmalloc_stats(&stats), 0);
	ck_assert_uint_eq(stats.pools, 0);
	ck_assert_uint_eq(stats.locked_bytes, page);
	/* Pools are locked as they are needed. */
	secfree(secmalloc(1));
	ck_assert_int_eq(secmalloc_stats(&stats), 0);
	ck_assert_uint_eq(stats.pools, 1);
	ck_assert_uint_ge(stats.pool_bytes, 65536);
	end();
}
END_TEST

/* ---- Chunks ------------------------------------------------------------- */

START_TEST(size_0_is_a_unique_pointer)
{
	void *a, *b;

	start(1);
	a = secmalloc(0);
	b = seccalloc(0, 5);
	ck_assert_ptr_nonnull(a);
	ck_assert_ptr_nonnull(b);
	ck_assert_ptr_ne(a, b);
	errno = 5;
	ck_assert_uint_eq(secmalloc_usable_size(a), 0);
	ck_assert_int_eq(errno, 5);
	ck_assert_int_eq(secmalloc_owns(a), 1);
	secfree(a);
	secfree(b);
	b = secmemdup(NULL, 0);
	ck_assert_ptr_nonnull(b);
	secfree(b);
	end();
}
END_TEST

START_TEST(sizes_are_exact_and_chunks_zero_and_aligned)
{
	start(4);
	for (int round = 0; round < 2; round++)
		for (size_t size = 0; size < 9000; size += 1 + size / 40) {
			unsigned char *chunk = secmalloc(size);

			ck_assert_ptr_nonnull(chunk);
			ck_assert_uint_eq((uintptr_t)chunk % 16, 0);
			ck_assert_uint_eq(secmalloc_usable_size(chunk), size);
			for (size_t i = 0; i < size; i++)
				ck_assert_uint_eq(chunk[i], 0);
			memset(chunk, 0xff, size);
			secfree(chunk);
		}
	end();
}
END_TEST

START_TEST(sizes_that_cannot_be_are_refused)
{
	size_t huge = hide_size(SIZE_MAX), most = hide_size(PTRDIFF_MAX);
	struct secmalloc_stats stats;
	void *chunk;

	start(1);
	chunk = secmalloc(8);
	FAILS(secmalloc(huge), NULL, ENOMEM, "more than any object");
	FAILS(secmalloc(most + 1), NULL, ENOMEM, "secmalloc: ");
	FAILS(secmalloc(most), NULL, ENOMEM,
	      sizeof(size_t) > 4 ? "65534 pools of 65536 bytes"
	                         : "1022 pools of 65536 bytes");
	FAILS(seccalloc(huge, 2), NULL, ENOMEM, "seccalloc: ");
	FAILS(seccalloc(huge / 2, huge / 2), NULL, ENOMEM, "times");
	FAILS(seccalloc(1, huge), NULL, ENOMEM, "more than any object");
	FAILS(secrealloc(chunk, huge), NULL, ENOMEM, "secrealloc: ");
	FAILS(secrealloc(NULL, huge), NULL, ENOMEM, "secrealloc: ");
	FAILS(secaligned_alloc(64, huge), NULL, ENOMEM, "secaligned_alloc");
	FAILS(secaligned_alloc(4096, most), NULL, ENOMEM, "aligned");
	FAILS(secmemdup(chunk, huge), NULL, ENOMEM, "secmemdup: ");
	ck_assert_int_eq(secmalloc_stats(&stats), 0);
	/* The two that were refused for want of room. */
	ck_assert_uint_eq(stats.failures, 2);
	ck_assert_uint_eq(stats.chunks, 1);
	end();
}
END_TEST

START_TEST(alignments_are_powers_of_two_up_to_half_a_pool)
{
	start(2);
	FAILS(secaligned_alloc(0, 1), NULL, EINVAL, "alignment 0 is no power");
	FAILS(secaligned_alloc(3, 1), NULL, EINVAL, "alignment 3 is no power");
	FAILS(secaligned_alloc(SIZE_MAX, 1), NULL, EINVAL, "no power of two");
	FAILS(secaligned_alloc(65536, 1), NULL, EINVAL, "more than half of");
	FAILS(secaligned_alloc(SIZE_MAX / 2 + 1, 1), NULL, EINVAL, "half of");
	for (size_t align = 1; align <= 32768; align *= 2)
		for (size_t size = 0; size < 20000; size = size * 3 + 1) {
			void *chunk = secaligned_alloc(align, size);

			ck_assert_msg(chunk != NULL, "%s", secmalloc_error());
			ck_assert_uint_eq((uintptr_t)chunk % align, 0);
			ck_assert_uint_eq((uintptr_t)chunk % 16, 0);
			ck_assert_uint_eq(secmalloc_usable_size(chunk), size);
			secfree(chunk);
		}
	end();
}
END_TEST

START_TEST(realloc_of_null_and_to_0)
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

START_TEST(realloc_keeps_what_stays_and_clears_what_comes)
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
			/* The audit sees bytes that were not wiped. */
			ck_assert_msg(secmalloc_audit() == 0, "%s",
			              secmalloc_error());
			secfree(chunk);
		}
	end();
}
END_TEST

START_TEST(realloc_that_cannot_grow_leaves_the_chunk)
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

START_TEST(realloc_to_less_never_fails)
{
	struct secmalloc_config config = {.initial_pools = 1, .max_pools = 1};
	void *large[20], *chunk;
	int count = 0;

	/* A full pool: there is no smaller place to move to. */
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

START_TEST(realloc_stays_where_there_is_room)
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
	/* No pool was added for what its own place could hold. */
	if (config.pool_size == 4096)
		ck_assert_uint_eq(stats.pools, 1);
	end();
}
END_TEST

START_TEST(copies)
{
	char *chunk;

	start(1);
	FAILS(secstrdup(NULL), NULL, EINVAL, "secstrdup: the string is NULL");
	FAILS(secmemdup(NULL, 3), NULL, EINVAL, "secmemdup: ");
	chunk = secstrdup("");
	ck_assert_uint_eq(secmalloc_usable_size(chunk), 1);
	secfree(chunk);
	chunk = secstrdup("a string");
	ck_assert_str_eq(chunk, "a string");
	ck_assert_uint_eq(secmalloc_usable_size(chunk), 9);
	secfree(chunk);
	chunk = secmemdup("a\0b", 3);
	ck_assert_mem_eq(chunk, "a\0b", 3);
	ck_assert_uint_eq(secmalloc_usable_size(chunk), 3);
	secfree(chunk);
	end();
}
END_TEST

START_TEST(what_is_owned)
{
	char *chunk, *other, on_stack = 0;

	start(1);
	chunk = secmalloc(30);
	other = secmalloc(30);
	errno = 5;
	for (int i = 0; i < 30; i++)
		ck_assert_int_eq(secmalloc_owns(chunk + i), 1);
	for (int i = 30; i < 40; i++)
		ck_assert_int_eq(secmalloc_owns(chunk + i), 0);
	ck_assert_int_eq(secmalloc_owns(NULL), 0);
	ck_assert_int_eq(secmalloc_owns(&on_stack), 0);
	ck_assert_int_eq(secmalloc_owns((void *)1), 0);
	ck_assert_int_eq(secmalloc_owns((void *)UINTPTR_MAX), 0);
	/* All of the pool and the guards round it. */
	for (intptr_t i = -300000; i < 300000; i += 8)
		secmalloc_owns((void *)((intptr_t)chunk + i));
	secfree(hide(other));
	ck_assert_int_eq(secmalloc_owns(other), 0);
	ck_assert_int_eq(errno, 5);

	ck_assert_uint_eq(secmalloc_usable_size(NULL), 0);
	ck_assert_int_eq(errno, 5);
	FAILS(secmalloc_usable_size(other), 0, EINVAL, "no live chunk starts");
	FAILS(secmalloc_usable_size(chunk + 1), 0, EINVAL, "no live chunk");
	FAILS(secmalloc_usable_size(&on_stack), 0, EINVAL, "no live chunk");
	secfree(chunk);
	end();
}
END_TEST

START_TEST(success_leaves_errno)
{
	struct secmalloc_stats stats;
	void *chunk;

	errno = 88;
	start(2);
	ck_assert_int_eq(errno, 88);
	chunk = secmalloc(100);
	chunk = secrealloc(chunk, 200);
	chunk = secrealloc(chunk, 9000);
	chunk = secrealloc(chunk, 10);
	secfree(chunk);
	secfree(secaligned_alloc(512, 10));
	secfree(secstrdup("x"));
	ck_assert_int_eq(secmalloc_stats(&stats), 0);
	ck_assert_int_eq(secmalloc_audit(), 0);
	ck_assert_int_eq(errno, 88);
	ck_assert_str_eq(secmalloc_error(), "");
	end();
}
END_TEST

/* ---- The rest ----------------------------------------------------------- */

START_TEST(statistics_add_up)
{
	struct secmalloc_stats stats;
	void *a, *b;

	FAILS(secmalloc_stats(NULL), -1, EINVAL, "stats is NULL");
	start(2);
	a = secmalloc(32);
	b = secmalloc(10000);
	a = secrealloc(a, 100);
	ck_assert_int_eq(secmalloc_stats(&stats), 0);
	ck_assert_uint_eq(stats.chunks, 2);
	ck_assert_uint_eq(stats.chunk_bytes, 10100);
	/* The first was moved. */
	ck_assert_uint_eq(stats.allocations, 3);
	ck_assert_uint_eq(stats.frees, 1);
	/* 100 bytes take 112, and 10,000 take 20 units of 512. */
	ck_assert_uint_eq(stats.free_bytes, stats.pool_bytes - 112 - 10240);
	secfree(b);
	a = secrealloc(a, 10);
	ck_assert_int_eq(secmalloc_stats(&stats), 0);
	ck_assert_uint_eq(stats.chunks, 1);
	ck_assert_uint_eq(stats.chunk_bytes, 10);
	ck_assert_uint_ge(stats.used_bytes_peak, 112 + 10240);
	ck_assert_uint_eq(stats.frees, 3);
	ck_assert_uint_eq(stats.failures, 0);
	secfree(a);
	ck_assert_int_eq(secmalloc_stats(&stats), 0);
	ck_assert_uint_eq(stats.free_bytes, stats.pool_bytes);
	ck_assert_uint_eq(stats.chunk_bytes, 0);
	end();
}
END_TEST

START_TEST(the_audit_reports_damage)
{
	unsigned char *chunk;

	start(1);
	chunk = hide(secmalloc(30));
	chunk[30] ^= 1;
	FAILS(secmalloc_audit(), -1, EBADMSG,
	      "secmalloc_audit: overflow: byte 0 past the end was written, of "
	      "the chunk of 30 bytes");
	chunk[30] ^= 1;
	ck_assert_int_eq(secmalloc_audit(), 0);
	secfree(hide(chunk));
	chunk[4] = 1;
	FAILS(secmalloc_audit(), -1, EBADMSG, "write after free: byte ");
	chunk[4] = 0;
	end();
}
END_TEST

START_TEST(wipe_and_equal)
{
	char a[40], b[40];

	memset(a, 'a', sizeof(a));
	memset(b, 'a', sizeof(b));
	ck_assert_int_eq(secmalloc_equal(a, b, 40), 1);
	b[39] = 'b';
	ck_assert_int_eq(secmalloc_equal(a, b, 40), 0);
	ck_assert_int_eq(secmalloc_equal(a, b, 39), 1);
	ck_assert_int_eq(secmalloc_equal(NULL, NULL, 0), 1);
	ck_assert_int_eq(secmalloc_equal(NULL, b, 1), 0);
	ck_assert_int_eq(secmalloc_equal(a, NULL, 1), 0);
	ck_assert_int_eq(secmalloc_equal(NULL, NULL, 1), 0);
	secmalloc_wipe(a + 1, 38);
	ck_assert_int_eq(a[0], 'a');
	for (int i = 1; i < 39; i++)
		ck_assert_int_eq(a[i], 0);
	ck_assert_int_eq(a[39], 'a');
	secmalloc_wipe(NULL, 10);
	secmalloc_wipe(a, 0);
	ck_assert_int_eq(a[0], 'a');
}
END_TEST

START_TEST(memory_of_the_caller)
{
	char *memory, *chunk;

	page = (size_t)sysconf(_SC_PAGESIZE);
	memory = aligned_alloc(page, 4 * page);
	ck_assert_int_eq(secmalloc_mlock(NULL, 0), 0);
	ck_assert_int_eq(secmalloc_munlock(NULL, 0), 0);
	ck_assert_int_eq(secmalloc_dontdump(NULL, 0), 0);
	FAILS(secmalloc_mlock(memory, SIZE_MAX), -1, EINVAL, "secmalloc_mlock");
	FAILS(secmalloc_munlock(memory, SIZE_MAX), -1, EINVAL, "pass the end");
	FAILS(secmalloc_dontdump(memory, SIZE_MAX), -1, EINVAL, "pass the end");
#ifndef SECMALLOC_SANITIZED
	FAILS(secmalloc_mlock(NULL, 1), -1, ENOMEM, "refused");
#endif
	/* Some emulators leave all advice alone. */
	if (madvise(NULL, page, MADV_DONTDUMP) != 0)
		FAILS(secmalloc_dontdump(NULL, 1), -1, ENOMEM, "refused");
	ck_assert_int_eq(secmalloc_mlock(memory + 10, 2 * page), 0);
	ck_assert_int_eq(secmalloc_dontdump(memory + 10, 2 * page), 0);
	ck_assert_int_eq(secmalloc_munlock(memory + 10, 2 * page), 0);
	start(1);
	chunk = secmalloc(10);
	FAILS(secmalloc_munlock(chunk, 1), -1, EINVAL, "touches the arena");
	FAILS(secmalloc_mlock(chunk, 1), -1, EINVAL, "touches the arena");
	FAILS(secmalloc_dontdump(chunk - page, 3 * page), -1, EINVAL,
	      "touches the arena");
	ck_assert_int_eq(secmalloc_mlock(memory, page), 0);
	secfree(chunk);
	end();
	free(memory);
}
END_TEST

START_TEST(the_version_is_that_of_the_build)
{
	ck_assert_str_eq(secmalloc_version(), PACKAGE_VERSION);
}
END_TEST

UNIT_MAIN_LOCKING(
	"api", 1024, before_init_every_call_is_closed,
	after_fini_every_call_is_closed, a_second_init_changes_nothing,
	a_bad_field_is_named_with_its_value, the_configuration_is_kept,
	a_null_configuration_is_all_defaults, size_0_is_a_unique_pointer,
	sizes_are_exact_and_chunks_zero_and_aligned,
	sizes_that_cannot_be_are_refused,
	alignments_are_powers_of_two_up_to_half_a_pool,
	realloc_of_null_and_to_0,
	realloc_keeps_what_stays_and_clears_what_comes,
	realloc_that_cannot_grow_leaves_the_chunk, realloc_to_less_never_fails,
	realloc_stays_where_there_is_room, copies, what_is_owned,
	success_leaves_errno, statistics_add_up, the_audit_reports_damage,
	wipe_and_equal, memory_of_the_caller, the_version_is_that_of_the_build)
