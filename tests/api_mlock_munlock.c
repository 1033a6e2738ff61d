/*
 * secmalloc_mlock(), secmalloc_munlock() and secmalloc_dontdump() accept the
 * caller's memory and refuse memory of the arena.
 *
 * SPDX-License-Identifier: ISC
 */
#include "api.h"

#include <sys/mman.h>
#include <unistd.h>

START_TEST(only_memory_outside_the_arena_is_accepted)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char *memory, *chunk;

	memory = aligned_alloc(page, 4 * page);
	ck_assert_int_eq(secmalloc_mlock(NULL, 0), 0);
	ck_assert_int_eq(secmalloc_munlock(NULL, 0), 0);
	ck_assert_int_eq(secmalloc_dontdump(NULL, 0), 0);
	FAILS(secmalloc_mlock(memory, SIZE_MAX), -1, EINVAL, "secmalloc_mlock");
	FAILS(secmalloc_munlock(memory, SIZE_MAX), -1, EINVAL, "past the end");
	FAILS(secmalloc_dontdump(memory, SIZE_MAX), -1, EINVAL, "past the end");
#ifndef SECMALLOC_SANITIZED
	FAILS(secmalloc_mlock(NULL, 1), -1, ENOMEM, "refused");
#endif
	/* Some emulators ignore madvise(), and then report success for any
	 * address. */
	if (madvise(NULL, page, MADV_DONTDUMP) != 0)
		FAILS(secmalloc_dontdump(NULL, 1), -1, ENOMEM, "refused");
	ck_assert_int_eq(secmalloc_mlock(memory + 10, 2 * page), 0);
	ck_assert_int_eq(secmalloc_dontdump(memory + 10, 2 * page), 0);
	ck_assert_int_eq(secmalloc_munlock(memory + 10, 2 * page), 0);
	start(1);
	chunk = secmalloc(10);
	FAILS(secmalloc_munlock(chunk, 1), -1, EINVAL, "overlaps the arena");
	FAILS(secmalloc_mlock(chunk, 1), -1, EINVAL, "overlaps the arena");
	FAILS(secmalloc_dontdump(chunk - page, 3 * page), -1, EINVAL,
	      "overlaps the arena");
	ck_assert_int_eq(secmalloc_mlock(memory, page), 0);
	secfree(chunk);
	end();
	free(memory);
}
END_TEST

API_MAIN(only_memory_outside_the_arena_is_accepted)
