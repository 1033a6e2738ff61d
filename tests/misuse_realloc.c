/*
 * secrealloc() detects the same misuse as secfree(). Each case ends with
 * SIGABRT, after exactly the line that says what happened.
 *
 * SPDX-License-Identifier: ISC
 */
#include "misuse.h"

static void realloc_after_free(void)
{
	char *chunk = chunk_of(100), *neighbour = chunk_of(100);

	secfree(hide(chunk));
	expect("secrealloc(%p): double free: the block of 112 bytes %s is "
	       "already free",
	       (void *)chunk, where(chunk));
	secfree(secrealloc(chunk, 10));
	secfree(neighbour);
}

static void overflow_found_by_realloc(void)
{
	char *chunk = chunk_of(100);

	chunk[100] = 'x';
	expect("secrealloc(%p): overflow: write to byte 0 past the end of the "
	       "chunk of 100 bytes %s",
	       (void *)chunk, where(chunk));
	secfree(secrealloc(chunk, 1000));
}

static void overflow_after_realloc(void)
{
	char *chunk = hide(secrealloc(chunk_of(30), 20));

	chunk[20] = 'x';
	expect("secfree(%p): overflow: write to byte 0 past the end of the "
	       "chunk of 20 bytes %s",
	       (void *)chunk, where(chunk));
	secfree(chunk);
}

static void write_after_free_before_growth(void)
{
	char *chunk = chunk_of(20000), *end = hide(chunk + 20000 + 480);

	/* The first free byte after the chunk. */
	*end = 'x';
	expect("secrealloc(%p): write after free: write to byte 0 of the free "
	       "block of 1024 bytes %s",
	       (void *)chunk, where(end));
	secfree(secrealloc(chunk, 21000));
}

static void realloc_without_an_arena(void)
{
	expect("secrealloc(%p): foreign pointer: there is no arena",
	       (void *)shared);
	secfree(secrealloc(hide(shared), 10));
}

int main(void)
{
	misuse_start();
	WITH_ARENA(realloc_after_free);
	WITH_ARENA(overflow_found_by_realloc);
	WITH_ARENA(overflow_after_realloc);
	WITH_ARENA(write_after_free_before_growth);
	WITHOUT(realloc_without_an_arena);
	tap_done();
}
