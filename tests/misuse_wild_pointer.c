/*
 * Freeing or resizing a pointer that is not the start of a chunk ends the
 * process with SIGABRT, after exactly the line that says what the pointer
 * refers to.
 *
 * SPDX-License-Identifier: ISC
 */
#include "misuse.h"

static void inner_pointer(void)
{
	char *chunk = chunk_of(32);

	expect("secfree(%p): inner pointer: byte 16 of the chunk of 32 bytes "
	       "%s",
	       (void *)(chunk + 16), where(chunk));
	secfree(hide(chunk + 16));
}

static void misaligned_pointer(void)
{
	char *chunk = chunk_of(32);

	expect("secfree(%p): inner pointer: byte 5 of the chunk of 32 bytes %s",
	       (void *)(chunk + 5), where(chunk));
	secfree(hide(chunk + 5));
}

static void inner_pointer_of_a_large_chunk(void)
{
	char *chunk = chunk_of(20000);

	expect("secrealloc(%p): inner pointer: byte 19999 of the chunk of "
	       "20000 bytes %s",
	       (void *)(chunk + 19999), where(chunk));
	secfree(secrealloc(hide(chunk + 19999), 5));
}

static void pointer_to_a_canary(void)
{
	char *chunk = chunk_of(30);

	expect("secfree(%p): inner pointer: 2 bytes past the end of the chunk "
	       "of 30 bytes %s",
	       (void *)(chunk + 32), where(chunk));
	secfree(hide(chunk + 32));
}

static void pointer_into_a_free_place(void)
{
	char *chunk = chunk_of(32), *neighbour = chunk_of(32);

	secfree(hide(chunk));
	expect("secfree(%p): wild pointer: byte 3 of the free block of 48 "
	       "bytes %s",
	       (void *)(chunk + 3), where(chunk));
	secfree(chunk + 3);
	secfree(neighbour);
}

static void pointer_to_unused_memory(void)
{
	char *unused = (char *)pool0 + 40000;
	expect("secfree(%p): double free or wild pointer: no chunk %s",
	       (void *)unused, where(unused));
	secfree(hide(unused));
}

static void pointer_into_a_guard(void)
{
	char *guard = (char *)pool0 + MOST_POOLS * POOL;

	expect("secfree(%p): wild pointer: in a guard of the arena",
	       (void *)guard);
	secfree(hide(guard));
}

static void pointer_before_the_first_pool(void)
{
	char *guard = (char *)pool0 - 1;

	expect("secrealloc(%p): wild pointer: in a guard of the arena",
	       (void *)guard);
	secfree(secrealloc(hide(guard), 1));
}

static void foreign_pointer(void *foreign)
{
	start();
	secfree(chunk_of(1));
	expect("secfree(%p): foreign pointer: not in the arena", foreign);
	secfree(hide(foreign));
}

static void pointer_of_malloc(void)
{
	foreign_pointer(malloc(100));
}

static void pointer_to_the_stack(void)
{
	char local[32] = {0};

	foreign_pointer(local);
}

static void pointer_to_page_zero(void)
{
	foreign_pointer((void *)16);
}

static void pointer_to_the_end(void)
{
	foreign_pointer((void *)(UINTPTR_MAX - 15));
}

static void free_without_an_arena(void)
{
	expect("secfree(%p): foreign pointer: there is no arena",
	       (void *)shared);
	secfree(hide(shared));
}

static void free_after_fini(void)
{
	char *chunk = chunk_of(10);

	secmalloc_fini();
	expect("secfree(%p): foreign pointer: there is no arena",
	       (void *)chunk);
	secfree(hide(chunk));
}

int main(void)
{
	misuse_start();
	WITH_ARENA(inner_pointer);
	WITH_ARENA(misaligned_pointer);
	WITH_ARENA(inner_pointer_of_a_large_chunk);
	WITH_ARENA(pointer_to_a_canary);
	WITH_ARENA(pointer_into_a_free_place);
	WITH_ARENA(pointer_to_unused_memory);
	WITH_ARENA(pointer_into_a_guard);
	WITH_ARENA(pointer_before_the_first_pool);
	WITHOUT(pointer_of_malloc);
	WITHOUT(pointer_to_the_stack);
	WITHOUT(pointer_to_page_zero);
	WITHOUT(pointer_to_the_end);
	WITHOUT(free_without_an_arena);
	WITH_ARENA(free_after_fini);
	tap_done();
}
