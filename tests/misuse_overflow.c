/*
 * A byte written past the end of a chunk is detected when the chunk is freed.
 * The process ends with SIGABRT, after exactly the line that says which byte it
 * was. Plain malloc does not notice the same write.
 *
 * SPDX-License-Identifier: ISC
 */
#include "misuse.h"

/* Change the byte `past` bytes after the end of a chunk of `size` bytes.
 * secfree() must report it. */
static void overflow(size_t size, size_t past)
{
	char *chunk = chunk_of(size);

	chunk[size + past] ^= 0x20;
	expect("secfree(%p): overflow: write to byte %zu past the end of the "
	       "chunk of %zu bytes %s",
	       (void *)chunk, past, size, where(chunk));
	secfree(chunk);
}

static void overflow_by_one_byte(void)
{
	overflow(32, 0);
}
static void overflow_of_an_odd_size(void)
{
	overflow(37, 0);
}
static void overflow_in_the_last_canary_byte(void)
{
	overflow(32, 15);
}
static void overflow_of_no_bytes(void)
{
	overflow(0, 0);
}
static void overflow_of_a_large_chunk(void)
{
	overflow(20000, 0);
}

static void malloc_overflow(void)
{
	char *chunk = hide(malloc(40));

	chunk[40] ^= 0x20;
	_exit(0);
}

int main(void)
{
	misuse_start();
	control("an overflow", malloc_overflow);
	WITH_ARENA(overflow_by_one_byte);
	WITH_ARENA(overflow_of_an_odd_size);
	WITH_ARENA(overflow_in_the_last_canary_byte);
	WITH_ARENA(overflow_of_no_bytes);
	WITH_ARENA(overflow_of_a_large_chunk);
	tap_done();
}
