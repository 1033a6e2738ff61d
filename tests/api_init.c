/*
 * secmalloc_init() and secmalloc_fini(): calls without an arena, each field of
 * the configuration, and the version.
 *
 * SPDX-License-Identifier: ISC
 */
#include "api.h"

#include <stdio.h>
#include <unistd.h>

static void every_call_fails_with_ENXIO(void)
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
	FAILS(secmalloc_reserve(1), -1, ENXIO, "secmalloc_reserve: ");
	ck_assert_uint_eq(secmalloc_trim(), 0);
	ck_assert_int_eq(secmalloc_owns(text), 0);
	errno = 77;
	secfree(NULL);
	secmalloc_fini();
	ck_assert_int_eq(errno, 77);
	ck_assert_int_eq(secmalloc_equal("a", "a", 1), 1);
}

START_TEST(before_init_every_call_fails_with_ENXIO)
{
	ck_assert_str_eq(secmalloc_error(), "");
	every_call_fails_with_ENXIO();
}
END_TEST

START_TEST(after_fini_every_call_fails_with_ENXIO)
{
	start(1);
	ck_assert_ptr_nonnull(secmalloc(40));
	secmalloc_fini();
	every_call_fails_with_ENXIO();
	/* A new arena can be created after secmalloc_fini(). */
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
	FAILS(secmalloc_init(&config), -1, EALREADY, "an arena already exists");
	FAILS(secmalloc_init(NULL), -1, EALREADY, "unchanged");
	ck_assert_int_eq(secmalloc_stats(&after), 0);
	ck_assert_mem_eq(&before, &after, sizeof(before));
	ck_assert_str_eq(chunk, "still here");
	secfree(chunk);
	end();
}
END_TEST

static void ignore_low(size_t free_bytes)
{
	(void)free_bytes;
}

START_TEST(a_bad_field_is_named_with_its_value)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	struct secmalloc_config config = {0};
	size_t words = sizeof(config.reserved) / sizeof(config.reserved[0]);
	char want[40];

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
	      "low_bytes is 7 but on_low is NULL: set both");
	config = (struct secmalloc_config){.on_low = ignore_low};
	FAILS(secmalloc_init(&config), -1, EINVAL,
	      "low_bytes is 0 but on_low is set: set both");
	config = (struct secmalloc_config){.pool_size = page + 1};
	snprintf(want, sizeof(want), "pool_size is %zu", page + 1);
	FAILS(secmalloc_init(&config), -1, EINVAL, want);
	config = (struct secmalloc_config){.pool_size = 1};
	FAILS(secmalloc_init(&config), -1, EINVAL, "pool_size is 1,");
	config = (struct secmalloc_config){.pool_size = SIZE_MAX - page + 1};
	FAILS(secmalloc_init(&config), -1, EINVAL, "pool_size is ");
	config = (struct secmalloc_config){.initial_pools = 3, .max_pools = 2};
	FAILS(secmalloc_init(&config), -1, EINVAL,
	      "initial_pools is 3, which is more than max_pools, 2");
	config = (struct secmalloc_config){.initial_pools = SIZE_MAX};
	FAILS(secmalloc_init(&config), -1, EINVAL, "initial_pools is ");
	config = (struct secmalloc_config){.max_pools = SIZE_MAX};
	FAILS(secmalloc_init(&config), -1, EINVAL, "max_pools is ");
	config = (struct secmalloc_config){.max_pools = SIZE_MAX / 65536};
	FAILS(secmalloc_init(&config), -1, EINVAL, "max_pools is ");
	/* One pool of this size fits into the address space. Six do not. */
	config = (struct secmalloc_config){
		.max_pools = 6,
		.pool_size = ((size_t)1 << (sizeof(size_t) > 4 ? 38 : 28))
	                     - page,
	};
	FAILS(secmalloc_init(&config), -1, EINVAL, "max_pools is 6");
	FAILS(secmalloc(1), NULL, ENXIO, "there is no arena");
}
END_TEST

START_TEST(the_statistics_show_the_configuration)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	struct secmalloc_config config = {
		.initial_pools = 2,
		.max_pools = 3,
		.flags = SECMALLOC_CHECK_WHOLE,
	};
	struct secmalloc_stats stats;

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
	ck_assert_uint_eq(stats.largest_free, 4 * page - 8);
	ck_assert_uint_eq(stats.grown_bytes, 0);
	ck_assert_uint_eq(stats.trimmed_bytes, 0);
	ck_assert_uint_eq(stats.backing, backing_is_secret()
	                                         ? SECMALLOC_BACKING_SECRET
	                                         : SECMALLOC_BACKING_LOCKED);
	for (size_t i = 0;
	     i < sizeof(stats.reserved) / sizeof(stats.reserved[0]); i++)
		ck_assert_uint_eq(stats.reserved[i], 0);
	end();
}
END_TEST

START_TEST(a_null_configuration_means_the_defaults)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	struct secmalloc_stats stats;

	ck_assert_int_eq(secmalloc_init(NULL), 0);
	ck_assert_int_eq(secmalloc_stats(&stats), 0);
	ck_assert_uint_eq(stats.pools, 0);
	ck_assert_uint_eq(stats.locked_bytes, page);
	/* Without initial_pools, a pool is locked when the first chunk needs
	 * it. */
	secfree(secmalloc(1));
	ck_assert_int_eq(secmalloc_stats(&stats), 0);
	ck_assert_uint_eq(stats.pools, 1);
	ck_assert_uint_ge(stats.pool_bytes, 65536);
	end();
}
END_TEST

START_TEST(the_version_is_that_of_the_build)
{
	ck_assert_str_eq(secmalloc_version(), PACKAGE_VERSION);
}
END_TEST

API_MAIN(before_init_every_call_fails_with_ENXIO,
         after_fini_every_call_fails_with_ENXIO, a_second_init_changes_nothing,
         a_bad_field_is_named_with_its_value,
         the_statistics_show_the_configuration,
         a_null_configuration_means_the_defaults,
         the_version_is_that_of_the_build)
