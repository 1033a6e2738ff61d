/*
 * The functions that allocate a chunk or ask about one: each kind of valid and
 * invalid argument.
 *
 * SPDX-License-Identifier: ISC
 */
#include "api.h"

START_TEST(a_chunk_of_size_0_has_a_unique_address)
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

START_TEST(chunks_are_zeroed_aligned_and_of_the_exact_size)
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

START_TEST(impossible_sizes_fail_with_ENOMEM)
{
	size_t huge = hide_size(SIZE_MAX), most = hide_size(PTRDIFF_MAX);
	struct secmalloc_stats stats;
	void *chunk;

	start(1);
	chunk = secmalloc(8);
	FAILS(secmalloc(huge), NULL, ENOMEM, "larger than any object");
	FAILS(secmalloc(most + 1), NULL, ENOMEM, "secmalloc: ");
	FAILS(secmalloc(most), NULL, ENOMEM,
	      "do not fit in as many pools of 65536 bytes as this library "
	      "supports: divide the data");
	FAILS(seccalloc(huge, 2), NULL, ENOMEM, "seccalloc: ");
	FAILS(seccalloc(huge / 2, huge / 2), NULL, ENOMEM, "times");
	FAILS(seccalloc(1, huge), NULL, ENOMEM, "larger than any object");
	FAILS(secrealloc(chunk, huge), NULL, ENOMEM, "secrealloc: ");
	FAILS(secrealloc(NULL, huge), NULL, ENOMEM, "secrealloc: ");
	FAILS(secaligned_alloc(64, huge), NULL, ENOMEM, "secaligned_alloc");
	FAILS(secaligned_alloc(4096, most), NULL, ENOMEM, "aligned");
	FAILS(secmemdup(chunk, huge), NULL, ENOMEM, "secmemdup: ");
	ck_assert_int_eq(secmalloc_stats(&stats), 0);
	/* Two of the calls above failed for lack of room. The others failed
	 * because of their arguments, which is not counted. */
	ck_assert_uint_eq(stats.failures, 2);
	ck_assert_uint_eq(stats.chunks, 1);
	end();
}
END_TEST

START_TEST(alignment_is_a_power_of_two_up_to_half_a_pool)
{
	start(2);
	FAILS(secaligned_alloc(0, 1), NULL, EINVAL,
	      "alignment 0 is not a power");
	FAILS(secaligned_alloc(3, 1), NULL, EINVAL,
	      "alignment 3 is not a power");
	FAILS(secaligned_alloc(SIZE_MAX, 1), NULL, EINVAL,
	      "not a power of two");
	FAILS(secaligned_alloc(65536, 1), NULL, EINVAL, "half of pool_size");
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

START_TEST(secstrdup_and_secmemdup_copy_every_byte)
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

START_TEST(only_bytes_of_live_chunks_are_owned)
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
	/* Ask about every eighth address of the pool and of the guard pages
	 * around it. */
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

START_TEST(success_leaves_errno_unchanged)
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

API_MAIN(a_chunk_of_size_0_has_a_unique_address,
         chunks_are_zeroed_aligned_and_of_the_exact_size,
         impossible_sizes_fail_with_ENOMEM,
         alignment_is_a_power_of_two_up_to_half_a_pool,
         secstrdup_and_secmemdup_copy_every_byte,
         only_bytes_of_live_chunks_are_owned, success_leaves_errno_unchanged)
