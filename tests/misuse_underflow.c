/*
 * A byte written before the start of a chunk is detected when the chunk is
 * freed. The process ends with SIGABRT, after exactly the line that says which
 * byte it was. Plain malloc does not notice the same write.
 *
 * SPDX-License-Identifier: ISC
 */
#include "misuse.h"

/* Find two chunks, the second of which directly follows the first. */
static void neighbours(char **first, char **second)
{
	char *chunks[100];

	for (int i = 0; i < 100; i++)
		chunks[i] = chunk_of(32);
	for (int i = 0; i < 100; i++)
		for (int j = 0; j < 100; j++)
			if (chunks[j] == chunks[i] + 48) {
				*first = hide(chunks[i]);
				*second = hide(chunks[j]);
				return;
			}
	_exit(98);
}

static void underflow_into_a_chunk(void)
{
	char *first, *second;

	neighbours(&first, &second);
	second[-1] ^= 1;
	expect("secfree(%p): underflow, or overflow of the chunk before: "
	       "write to byte 15 past the end of the chunk of 32 bytes %s",
	       (void *)second, where(first));
	secfree(second);
}

static void underflow_into_a_free_place(void)
{
	char *first, *second;

	neighbours(&first, &second);
	secfree(hide(first));
	second[-16] ^= 1;
	expect("secfree(%p): underflow, or write after free: write to byte 32 "
	       "of the free block of 48 bytes %s",
	       (void *)second, where(first));
	secfree(second);
}

static void malloc_underflow(void)
{
	char *chunk = hide(malloc(40));

	chunk[-16] ^= 1;
	free(hide(chunk));
	_exit(0);
}

int main(void)
{
	misuse_start();
	control("an underflow", malloc_underflow);
	WITH_ARENA(underflow_into_a_chunk);
	WITH_ARENA(underflow_into_a_free_place);
	tap_done();
}
