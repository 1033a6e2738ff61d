/*
 * Misuse of guarded chunks that neither the guard pages nor the access stop. It
 * is detected when the chunk is freed or when its cell is used again, and is
 * fatal.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "backing.h"
#include "dies.h"
#include "hide.h"

#include <secmalloc.h>
#include <stdint.h>

#define PAGE 4096

static void start_with(struct secmalloc_config config)
{
	if (secmalloc_init(&config) != 0)
		_exit(tap_cannot("%s", secmalloc_error()));
}

static void start(void)
{
	start_with((struct secmalloc_config){.guarded_chunks = 2});
}

/* Cells of three pages. */
#define CELL ((size_t)3 * PAGE)

static void start_large(void)
{
	start_with((struct secmalloc_config){
		.guarded_chunks = 2,
		.guarded_size = CELL - 16,
	});
}

static void start_checking_all(void)
{
	start_with((struct secmalloc_config){
		.guarded_chunks = 2,
		.guarded_size = CELL - 16,
		.flags = SECMALLOC_CHECK_WHOLE,
	});
}

/* A chunk filled with bytes that must never be printed. The first one is in
 * cell 0. */
static char *chunk_of(size_t size)
{
	char *chunk = secmalloc_guarded(size);

	memset(chunk, 'K', size);
	return hide(chunk);
}

static const char *where_in(const void *place, size_t offset)
{
	static char text[100];

	snprintf(text, sizeof(text), "at %p (guarded cell 0, offset %zu)",
	         place, offset);
	return text;
}

static const char *where(const void *place)
{
	return where_in(place, (size_t)((uintptr_t)place % PAGE));
}

static void double_free(void)
{
	char *chunk = chunk_of(32);

	secfree(hide(chunk));
	expect("secfree(%p): double free: the block of 32 bytes %s is already "
	       "free",
	       (void *)chunk, where(chunk));
	secfree(chunk);
}

static void pointer_into_a_free_cell(void)
{
	char *chunk = chunk_of(32), *cell = chunk + 32 - PAGE;

	secfree(hide(chunk));
	expect("secrealloc(%p): wild pointer: byte 5 of the free block of "
	       "4096 bytes %s",
	       (void *)(cell + 5), where(cell));
	secfree(secrealloc(hide(cell + 5), 1));
}

static void inner_pointer(void)
{
	char *chunk = chunk_of(32);

	expect("secfree(%p): inner pointer: byte 16 of the chunk of 32 bytes "
	       "%s",
	       (void *)(chunk + 16), where(chunk));
	secfree(hide(chunk + 16));
}

static void pointer_to_its_canary(void)
{
	char *chunk = chunk_of(30);

	expect("secfree(%p): inner pointer: 1 bytes past the end of the chunk "
	       "of 30 bytes %s",
	       (void *)(chunk + 31), where(chunk));
	secfree(hide(chunk + 31));
}

static void pointer_before_it(void)
{
	char *chunk = chunk_of(32);

	expect("secfree(%p): wild pointer: 8 bytes before the chunk of 32 "
	       "bytes %s",
	       (void *)(chunk - 8), where(chunk));
	secfree(hide(chunk - 8));
}

static void pointer_to_its_guard(void)
{
	char *chunk = chunk_of(32);

	expect("secfree(%p): wild pointer: in a guard of the arena",
	       (void *)(chunk + 32));
	secfree(hide(chunk + 32));
}

static void overflow_into_the_slack(void)
{
	char *chunk = chunk_of(30);

	chunk[31] ^= 0x20;
	expect("secfree(%p): overflow: write to byte 1 past the end of the "
	       "chunk of 30 bytes %s",
	       (void *)chunk, where(chunk));
	secfree(chunk);
}

/* Change a byte `before` bytes before the start of a chunk of 32 bytes. */
static void underflow(size_t before)
{
	char *chunk = chunk_of(32);

	*(char *)hide(chunk - before) ^= 0x20;
	expect("secfree(%p): underflow: write %zu bytes before the start of "
	       "the chunk of 32 bytes %s",
	       (void *)chunk, before, where(chunk));
	secfree(chunk);
}

static void underflow_by_one_byte(void)
{
	underflow(1);
}
static void underflow_up_to_the_guard(void)
{
	underflow(PAGE - 32);
}

static void underflow_found_by_realloc(void)
{
	char *chunk = chunk_of(32);

	*(char *)hide(chunk - 16) ^= 1;
	expect("secrealloc(%p): underflow: write 16 bytes before the start of "
	       "the chunk of 32 bytes %s",
	       (void *)chunk, where(chunk));
	secfree(secrealloc(chunk, 64));
}

/* The damage is detected although the new size is impossible. */
static void underflow_found_before_growth(void)
{
	char *chunk = chunk_of(32);

	*(char *)hide(chunk - 16) ^= 1;
	expect("secrealloc(%p): underflow: write 16 bytes before the start of "
	       "the chunk of 32 bytes %s",
	       (void *)chunk, where(chunk));
	secfree(secrealloc(chunk, hide_size(SIZE_MAX)));
}

/* The damage is detected although the chunk is closed. */
static void overflow_of_a_closed_chunk(void)
{
	char *chunk = chunk_of(30);

	chunk[30] ^= 0x20;
	if (secmalloc_protect(chunk, SECMALLOC_NOACCESS) != 0)
		_exit(98);
	expect("secfree(%p): overflow: write to byte 0 past the end of the "
	       "chunk of 30 bytes %s",
	       (void *)chunk, where(chunk));
	secfree(chunk);
}

/* Of the two cells, the one that has been free longer is used first. */
static void write_after_free(void)
{
	char *chunk = chunk_of(32), *cell = chunk + 32 - PAGE;

	secfree(hide(chunk));
	chunk[7] = 'x';
	secfree(secmalloc_guarded(1));
	expect("secmalloc_guarded of 8 bytes: write after free: write to byte "
	       "%zu of the free block of 4096 bytes %s",
	       (size_t)(chunk + 7 - cell), where(cell));
	secmalloc_wipe(secmalloc_guarded(8), 8);
}

/* ---- Further than a page before a chunk ---------------------------------- */

/* Change a byte of a large cell, `before` bytes before a chunk of 32 bytes. */
static char *damage_before(size_t before)
{
	char *chunk = chunk_of(32);

	*(char *)hide(chunk - before) ^= 0x20;
	return chunk;
}

static void underflow_by_a_page(void)
{
	char *chunk = damage_before(PAGE);

	expect("secfree(%p): underflow: write %d bytes before the start of "
	       "the chunk of 32 bytes %s",
	       (void *)chunk, PAGE, where_in(chunk, CELL - 32));
	secfree(chunk);
}

static void found_as_all_is_checked(void)
{
	char *chunk = damage_before(PAGE + 1);

	expect("secfree(%p): underflow: write %d bytes before the start of "
	       "the chunk of 32 bytes %s",
	       (void *)chunk, PAGE + 1, where_in(chunk, CELL - 32));
	secfree(chunk);
}

static void found_by_a_small_chunk_as_all_is_checked(void)
{
	char *cell = chunk_of(32) + 32 - CELL;

	secfree(cell + CELL - 32);
	*(char *)hide(cell) = 'x';
	secfree(secmalloc_guarded(8));
	expect("secmalloc_guarded of 8 bytes: underflow, or write after free: "
	       "write to byte 0 of the free block of %zu bytes %s",
	       CELL, where_in(cell, 0));
	secmalloc_wipe(secmalloc_guarded(8), 8);
}

/* The free did not find the damage. Whoever is to get these bytes does. */
static void found_by_a_larger_chunk(void)
{
	char *chunk = damage_before(PAGE + 1), *cell = chunk + 32 - CELL;

	secfree(hide(chunk));
	secfree(secmalloc_guarded(8));
	expect("secmalloc_guarded of %zu bytes: underflow, or write after "
	       "free: write to byte %zu of the free block of %zu bytes %s",
	       CELL - 16, (size_t)(chunk - PAGE - 1 - cell), CELL,
	       where_in(cell, 0));
	secmalloc_wipe(secmalloc_guarded(CELL - 16), 8);
}

/* Bytes that were wiped at the free cannot have been written to before it. */
static void written_after_free_in_a_large_cell(void)
{
	char *chunk = chunk_of(32), *cell = chunk + 32 - CELL;

	secfree(hide(chunk));
	*(char *)hide(chunk - PAGE) = 'x';
	secfree(secmalloc_guarded(8));
	expect("secmalloc_guarded of 32 bytes: write after free: write to byte "
	       "%zu of the free block of %zu bytes %s",
	       (size_t)(chunk - PAGE - cell), CELL, where_in(cell, 0));
	secmalloc_wipe(secmalloc_guarded(32), 8);
}

static void found_by_growth(void)
{
	char *chunk = damage_before(PAGE + 1);

	expect("secrealloc(%p): underflow: write %d bytes before the start of "
	       "the chunk of 32 bytes %s",
	       (void *)chunk, PAGE + 1, where_in(chunk, CELL - 32));
	secfree(secrealloc(chunk, 48));
}

int main(void)
{
	tap_needs_plain_build();
	dies_start();
	if (sysconf(_SC_PAGESIZE) != PAGE)
		tap_skip_all("the offsets are for pages of 4 KiB");

	demand("double free", start, double_free);
	demand("a pointer into a free cell", start, pointer_into_a_free_cell);
	demand("an inner pointer", start, inner_pointer);
	demand("a pointer to the canary after a chunk", start,
	       pointer_to_its_canary);
	demand("a pointer before a chunk", start, pointer_before_it);
	demand("a pointer to the guard page of a chunk", start,
	       pointer_to_its_guard);
	demand("an overflow of a chunk of 30 bytes", start,
	       overflow_into_the_slack);
	demand("an underflow by one byte", start, underflow_by_one_byte);
	demand("an underflow up to the guard", start,
	       underflow_up_to_the_guard);
	demand("an underflow, detected by secrealloc", start,
	       underflow_found_by_realloc);
	demand("an underflow, detected by secrealloc to an impossible size",
	       start, underflow_found_before_growth);
	demand("an overflow of a chunk that was closed afterwards", start,
	       overflow_of_a_closed_chunk);
	demand("a write after free", start, write_after_free);
	demand("an underflow by a page", start_large, underflow_by_a_page);
	demand("an underflow by more, with SECMALLOC_CHECK_WHOLE",
	       start_checking_all, found_as_all_is_checked);
	demand("an underflow by more, detected when a small chunk takes the "
	       "cell, with SECMALLOC_CHECK_WHOLE",
	       start_checking_all, found_by_a_small_chunk_as_all_is_checked);
	demand("an underflow by more, detected when a larger chunk takes the "
	       "cell",
	       start_large, found_by_a_larger_chunk);
	demand("a write after free, a page before where the chunk was",
	       start_large, written_after_free_in_a_large_cell);
	demand("an underflow by more, detected when the chunk grows",
	       start_large, found_by_growth);
	tap_done();
}
