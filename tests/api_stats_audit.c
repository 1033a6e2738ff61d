/*
 * secmalloc_stats() counts each step, and secmalloc_audit() reports damage.
 *
 * SPDX-License-Identifier: ISC
 */
#include "api.h"

START_TEST(statistics_add_up)
{
	struct secmalloc_stats stats;
	void *a, *b;

	FAILS(secmalloc_stats(NULL), -1, EINVAL, "stats is NULL");
	start(2);
	ck_assert_int_eq(secmalloc_stats(&stats), 0);
	ck_assert_uint_eq(stats.sizing_bytes, 0);
	a = secmalloc(32);
	b = secmalloc(10000);
	a = secrealloc(a, 100);
	ck_assert_int_eq(secmalloc_stats(&stats), 0);
	ck_assert_uint_eq(stats.chunks, 2);
	ck_assert_uint_eq(stats.chunk_bytes, 10100);
	/* The third allocation and the first free are the move of the first
	 * chunk. */
	ck_assert_uint_eq(stats.allocations, 3);
	ck_assert_uint_eq(stats.frees, 1);
	/* A chunk of 100 bytes takes 112. A chunk of 10,000 takes 20 units of
	 * 512. */
	ck_assert_uint_eq(stats.free_bytes, stats.pool_bytes - 112 - 10240);
	secfree(b);
	a = secrealloc(a, 10);
	ck_assert_int_eq(secmalloc_stats(&stats), 0);
	ck_assert_uint_eq(stats.chunks, 1);
	ck_assert_uint_eq(stats.chunk_bytes, 10);
	ck_assert_uint_ge(stats.used_bytes_peak, 112 + 10240);
	/* What the peak took, and at most two slabs and a quarter more. */
	ck_assert_uint_ge(stats.sizing_bytes, stats.used_bytes_peak);
	ck_assert_uint_le(stats.sizing_bytes, (112 + 10240 + 8192) * 5 / 4);
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
	      "secmalloc_audit: overflow: write to byte 0 past the end of "
	      "the chunk of 30 bytes");
	chunk[30] ^= 1;
	ck_assert_int_eq(secmalloc_audit(), 0);
	secfree(hide(chunk));
	chunk[4] = 1;
	FAILS(secmalloc_audit(), -1, EBADMSG,
	      "write after free: write to byte ");
	chunk[4] = 0;
	end();
}
END_TEST

API_MAIN(statistics_add_up, the_audit_reports_damage)
