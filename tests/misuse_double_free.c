/*
 * Freeing a chunk twice ends the process with SIGABRT, after exactly the line
 * that reports it.
 *
 * SPDX-License-Identifier: ISC
 */
#include "misuse.h"

static void double_free(void)
{
	char *chunk = chunk_of(32), *neighbour = chunk_of(32);

	secfree(hide(chunk));
	expect("secfree(%p): double free: the block of 48 bytes %s is already "
	       "free",
	       (void *)chunk, where(chunk));
	secfree(chunk);
	secfree(neighbour);
}

static void double_free_of_the_last_chunk(void)
{
	char *chunk = chunk_of(32);

	secfree(hide(chunk));
	expect("secfree(%p): double free: the block of 48 bytes %s is already "
	       "free",
	       (void *)chunk, where(chunk));
	secfree(chunk);
}

static void double_free_of_a_large_chunk(void)
{
	char *chunk = chunk_of(20000);

	secfree(hide(chunk));
	expect("secfree(%p): double free or wild pointer: no chunk %s",
	       (void *)chunk, where(chunk));
	secfree(chunk);
}

int main(void)
{
	misuse_start();
	WITH_ARENA(double_free);
	WITH_ARENA(double_free_of_the_last_chunk);
	WITH_ARENA(double_free_of_a_large_chunk);
	tap_done();
}
