/*
 * A write to a freed chunk is detected when its memory is allocated again. The
 * process ends with SIGABRT, after exactly the line that says which byte it
 * was. Plain malloc does not notice the same write.
 *
 * SPDX-License-Identifier: ISC
 */
#include "misuse.h"

static void write_after_free(void)
{
	char *chunk = chunk_of(32), *neighbour = chunk_of(32);

	secfree(hide(chunk));
	chunk[7] = 'x';
	expect("secmalloc of 32 bytes: write after free: write to byte 7 of "
	       "the free block of 48 bytes %s",
	       where(chunk));
	/* The freed slot is reused sooner or later. The order is random. */
	for (int i = 0; i < 100; i++)
		secmalloc_wipe(secmalloc(32), 32);
	secfree(neighbour);
}

static void write_after_free_of_a_large_chunk(void)
{
	char *chunk = chunk_of(60000);

	secfree(hide(chunk));
	chunk[255] = 'x';
	expect("seccalloc of 60000 bytes: write after free: write to byte 255 "
	       "of the free block of 60416 bytes %s",
	       where(chunk));
	secfree(seccalloc(3, 20000));
}

static void write_after_free_far_behind(void)
{
	struct secmalloc_config config = {
		.initial_pools = 1,
		.flags = SECMALLOC_CHECK_WHOLE,
	};
	char *chunk;

	if (secmalloc_init(&config) != 0)
		_exit(tap_cannot("%s", secmalloc_error()));
	chunk = chunk_of(60000);
	pool0 = (uintptr_t)chunk;
	secfree(hide(chunk));
	chunk[59999] = 'x';
	expect("secmalloc of 60000 bytes: write after free: write to byte "
	       "59999 of the free block of 60416 bytes %s",
	       where(chunk));
	secfree(secmalloc(60000));
}

static void malloc_write_after_free(void)
{
	char *chunk = hide(malloc(40));

	free(hide(chunk));
	chunk[20] = 'x';
	for (int i = 0; i < 100; i++)
		hide(malloc(40));
	_exit(0);
}

int main(void)
{
	misuse_start();
	control("a write after free", malloc_write_after_free);
	WITH_ARENA(write_after_free);
	WITH_ARENA(write_after_free_of_a_large_chunk);
	WITHOUT(write_after_free_far_behind);
	tap_done();
}
