/*
 * Each misuse, in a process of its own, must end in SIGABRT after exactly the
 * line that tells what it was; plain malloc lets the same writes pass.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "backing.h"
#include "dies.h"
#include "hide.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <secmalloc.h>
#include <stdint.h>

#define STRIDE ((uintptr_t)128 * 1024) /* of pools of the default size */
#define POOL   ((uintptr_t)64 * 1024)

/* Where a chunk of pool 0 lies, as the lines say it. */
static const char *where(const void *chunk)
{
	static char text[100];

	snprintf(text, sizeof(text), "at %p (pool 0, offset %zu)", chunk,
	         (size_t)((uintptr_t)chunk % STRIDE));
	return text;
}

static void start(void)
{
	struct secmalloc_config config = {.initial_pools = 1, .max_pools = 4};

	if (secmalloc_init(&config) != 0)
		_exit(99);
}

/* The same when the thread's cache has what the case will ask for: what is then
 * done without the arena's lock is checked no less. */
static void start_warm(void)
{
	static const size_t sizes[] = {0, 10, 32, 48, 100, 240, 500, 2400};
	void *chunks[8][20];
	struct secmalloc_stats stats;

	start();
	for (int i = 0; i < 8; i++)
		for (int j = 0; j < 20; j++)
			chunks[i][j] = secmalloc(sizes[i]);
	for (int i = 0; i < 8; i++)
		for (int j = 0; j < 20; j++)
			secfree(chunks[i][j]);
	if (secmalloc_stats(&stats) != 0 || stats.cached_bytes < 4096)
		_exit(98);
}

/* A chunk that is full of what must never be printed. */
static char *chunk_of(size_t size)
{
	char *chunk = secmalloc(size);

	memset(chunk, 'K', size);
	return hide(chunk);
}

/* ---- Pointers ----------------------------------------------------------- */

static void double_free(void)
{
	char *chunk = chunk_of(32), *neighbour = chunk_of(32);

	secfree(hide(chunk));
	expect("secfree(%p): double free: the place of 48 bytes %s is free",
	       (void *)chunk, where(chunk));
	secfree(chunk);
	secfree(neighbour);
}

static void double_free_of_the_last_chunk(void)
{
	char *chunk = chunk_of(32);

	secfree(hide(chunk));
	expect("secfree(%p): double free: the place of 48 bytes %s is free",
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

static void realloc_after_free(void)
{
	char *chunk = chunk_of(100), *neighbour = chunk_of(100);

	secfree(hide(chunk));
	expect("secrealloc(%p): double free: the place of 112 bytes %s is free",
	       (void *)chunk, where(chunk));
	secfree(secrealloc(chunk, 10));
	secfree(neighbour);
}

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
	expect("secfree(%p): wild pointer: byte 3 of the free place of 48 "
	       "bytes %s",
	       (void *)(chunk + 3), where(chunk));
	secfree(chunk + 3);
	secfree(neighbour);
}

static void pointer_to_unused_memory(void)
{
	char *chunk = chunk_of(32), *unused;

	unused = (char *)((uintptr_t)chunk & ~(STRIDE - 1)) + 40000;
	expect("secfree(%p): double free or wild pointer: no chunk %s",
	       (void *)unused, where(unused));
	secfree(hide(unused));
}

static void pointer_into_a_guard(void)
{
	char *chunk = chunk_of(32), *guard;

	guard = (char *)((uintptr_t)chunk & ~(STRIDE - 1)) + POOL;
	expect("secfree(%p): wild pointer: in a guard of the arena",
	       (void *)guard);
	secfree(hide(guard));
}

static void pointer_before_the_first_pool(void)
{
	char *chunk = chunk_of(32), *guard;

	guard = (char *)((uintptr_t)chunk & ~(STRIDE - 1)) - 1;
	expect("secrealloc(%p): wild pointer: in a guard of the arena",
	       (void *)guard);
	secfree(secrealloc(hide(guard), 1));
}

static void foreign_pointer(void *foreign)
{
	start();
	secfree(chunk_of(1));
	expect("secfree(%p): foreign pointer: not memory of the arena",
	       foreign);
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

static void realloc_without_an_arena(void)
{
	expect("secrealloc(%p): foreign pointer: there is no arena",
	       (void *)shared);
	secfree(secrealloc(hide(shared), 10));
}

static void free_after_fini(void)
{
	char *chunk = chunk_of(10);

	secmalloc_fini();
	expect("secfree(%p): foreign pointer: there is no arena",
	       (void *)chunk);
	secfree(hide(chunk));
}

/* ---- Writes ------------------------------------------------------------- */

/* One byte at `past` the end of a chunk of `size`, found by secfree. */
static void overflow(size_t size, size_t past)
{
	char *chunk = chunk_of(size);

	chunk[size + past] ^= 0x20;
	expect("secfree(%p): overflow: byte %zu past the end was written, of "
	       "the chunk of %zu bytes %s",
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

static void overflow_found_by_realloc(void)
{
	char *chunk = chunk_of(100);

	chunk[100] = 'x';
	expect("secrealloc(%p): overflow: byte 0 past the end was written, of "
	       "the chunk of 100 bytes %s",
	       (void *)chunk, where(chunk));
	secfree(secrealloc(chunk, 1000));
}

static void overflow_after_realloc(void)
{
	char *chunk = hide(secrealloc(chunk_of(30), 20));

	chunk[20] = 'x';
	expect("secfree(%p): overflow: byte 0 past the end was written, of the "
	       "chunk of 20 bytes %s",
	       (void *)chunk, where(chunk));
	secfree(chunk);
}

/* Two chunks of which the second follows the first. */
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
	expect("secfree(%p): underflow, or overflow of the chunk before: byte "
	       "15 past the end was written, of the chunk of 32 bytes %s",
	       (void *)second, where(first));
	secfree(second);
}

static void underflow_into_a_free_place(void)
{
	char *first, *second;

	neighbours(&first, &second);
	secfree(hide(first));
	second[-16] ^= 1;
	expect("secfree(%p): underflow, or write after free: byte 32 was "
	       "written, of the free memory of 48 bytes %s",
	       (void *)second, where(first));
	secfree(second);
}

static void write_after_free(void)
{
	char *chunk = chunk_of(32), *neighbour = chunk_of(32);

	secfree(hide(chunk));
	chunk[7] = 'x';
	expect("secmalloc of 32 bytes: write after free: byte 7 was written, "
	       "of the free place of 48 bytes %s",
	       where(chunk));
	/* The place is reused at some time, in whatever order. */
	for (int i = 0; i < 100; i++)
		secmalloc_wipe(secmalloc(32), 32);
	secfree(neighbour);
}

static void write_after_free_of_a_large_chunk(void)
{
	char *chunk = chunk_of(60000);

	secfree(hide(chunk));
	chunk[255] = 'x';
	expect("seccalloc of 60000 bytes: write after free: byte 255 was "
	       "written, of the free place of 60416 bytes %s",
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
		_exit(99);
	chunk = chunk_of(60000);
	secfree(hide(chunk));
	chunk[59999] = 'x';
	expect("secmalloc of 60000 bytes: write after free: byte 59999 was "
	       "written, of the free place of 60416 bytes %s",
	       where(chunk));
	secfree(secmalloc(60000));
}

static void write_after_free_before_growth(void)
{
	char *chunk = chunk_of(20000), *end = hide(chunk + 20000 + 480);

	/* The first free byte behind it. */
	*end = 'x';
	expect("secrealloc(%p): write after free: byte 0 was written, of the "
	       "free place of 1024 bytes %s",
	       (void *)chunk, where(end));
	secfree(secrealloc(chunk, 21000));
}

/* ---- Guards ------------------------------------------------------------- */

/* Write at an offset from the start of pool 0. */
static void write_at(ptrdiff_t offset)
{
	char *chunk = chunk_of(32);
	char *pool = (char *)((uintptr_t)chunk & ~(STRIDE - 1));

	*(volatile char *)hide(pool + offset) = 1;
}

static void write_the_last_byte(void)
{
	write_at((ptrdiff_t)POOL - 1);
}
static void write_past_the_pool(void)
{
	write_at((ptrdiff_t)POOL);
}
static void write_before_the_pool(void)
{
	write_at(-1);
}

/* ---- on_fault ----------------------------------------------------------- */

static void note_fault(const char *line)
{
	struct secmalloc_stats stats;
	int status = 1;
	pid_t pid;

	shared->on_fault_calls++;
	/* All is closed, and nothing hangs or dies again. */
	secfree(hide(shared));
	secmalloc_fini();
	if (secmalloc(1) == NULL && errno == ENXIO
	    && secmalloc_stats(&stats) == -1 && errno == ENXIO
	    && secmalloc_audit() == -1 && errno == ENXIO
	    && secrealloc(hide(shared), 1) == NULL && errno == ENXIO
	    && secmalloc_init(NULL) == -1 && errno == EALREADY
	    && secmalloc_owns(shared) == 0)
		strcpy(shared->on_fault, line);
	/* A reporter can be started, and have an arena of its own. */
	pid = fork();
	if (pid == 0)
		_exit(secmalloc_init(NULL) != 0 || secmalloc(1) == NULL);
	if (waitpid(pid, &status, 0) != pid || status != 0)
		strcpy(shared->on_fault, "fork failed in on_fault");
}

static void on_fault_is_called(void)
{
	struct secmalloc_config config = {
		.initial_pools = 1,
		.on_fault = note_fault,
	};
	char *chunk;

	if (secmalloc_init(&config) != 0)
		_exit(99);
	chunk = chunk_of(32);
	expect("secfree(%p): inner pointer: byte 1 of the chunk of 32 bytes %s",
	       (void *)(chunk + 1), where(chunk));
	secfree(hide(chunk + 1));
}

static void note_call(const char *line)
{
	strcpy(shared->on_fault, line);
	shared->on_fault_calls++;
}

static void start_with_note(void)
{
	struct secmalloc_config config = {
		.initial_pools = 1,
		.on_fault = note_call,
	};

	if (secmalloc_init(&config) != 0)
		_exit(99);
}

/* Standard error is a pipe that nobody reads any more: there is no line. */
static void misuse_with_a_broken_pipe(void)
{
	int ends[2];

	start_with_note();
	if (pipe(ends) != 0)
		_exit(98);
	close(ends[0]);
	dup2(ends[1], STDERR_FILENO);
	secfree(hide(shared));
}

static void *free_wildly(void *unused)
{
	pthread_cancel(pthread_self());
	secfree(hide(shared));
	return unused;
}

/* A cancellation that is pending does not save the process. */
static void misuse_by_a_cancelled_thread(void)
{
	pthread_t thread;

	start_with_note();
	expect("secfree(%p): foreign pointer: not memory of the arena",
	       (void *)shared);
	pthread_create(&thread, NULL, free_wildly, NULL);
	pthread_join(thread, NULL);
}

static void note_slowly(const char *line)
{
	note_call(line);
	usleep(300000);
}

static void *free_wildly_too(void *unused)
{
	secfree(hide(shared));
	return unused;
}

/* Of two threads that die at once only one gets to say so. */
static void misuse_by_two_threads(void)
{
	struct secmalloc_config config = {
		.initial_pools = 1,
		.on_fault = note_slowly,
	};
	pthread_t threads[2];

	if (secmalloc_init(&config) != 0)
		_exit(99);
	expect("secfree(%p): foreign pointer: not memory of the arena",
	       (void *)shared);
	pthread_create(&threads[0], NULL, free_wildly_too, NULL);
	pthread_create(&threads[1], NULL, free_wildly_too, NULL);
	pthread_join(threads[0], NULL);
}

/* ---- Controls: plain malloc notices none of it -------------------------- */

static void malloc_overflow(void)
{
	char *chunk = hide(malloc(40));

	chunk[40] ^= 0x20;
	_exit(0);
}

static void malloc_underflow(void)
{
	char *chunk = hide(malloc(40));

	chunk[-16] ^= 1;
	free(hide(chunk));
	_exit(0);
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

/* A write into a guard dies at that instruction, and so without a line. */
static void guards(void)
{
	static const struct {
		const char *name;
		void (*misuse)(void);
		bool dies;
	} table[] = {
		{"control: the last byte of a pool can be written",
	         write_the_last_byte, false},
		{"a byte behind the pool faults", write_past_the_pool, true},
		{"a byte before it faults", write_before_the_pool, true},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct outcome got = run(start, table[i].misuse);
		bool died = WIFSIGNALED(got.status)
		            && WTERMSIG(got.status) == SIGSEGV;
		bool lived = WIFEXITED(got.status)
		             && WEXITSTATUS(got.status) == 97;

		if (WIFEXITED(got.status) && WEXITSTATUS(got.status) == 99)
			tap_skip(table[i].name, "no pool can be locked");
		else
			tap_ok((table[i].dies ? died : lived)
			               && got.line[0] == '\0',
			       "%s", table[i].name);
	}
}

#define WITH_ARENA(misuse)               \
	(demand(#misuse, start, misuse), \
	 demand(#misuse ", warm", start_warm, misuse))
#define WITHOUT(misuse) demand(#misuse, NULL, misuse)

static void controls(void)
{
	static const struct {
		const char *name;
		void (*misuse)(void);
	} table[] = {
		{"an overflow", malloc_overflow},
		{"an underflow", malloc_underflow},
		{"a write after free", malloc_write_after_free},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct outcome got = run(NULL, table[i].misuse);

		tap_ok(got.status == 0 && got.line[0] == '\0',
		       "control: plain malloc lets %s pass", table[i].name);
	}
}

int main(void)
{
	tap_needs_plain_build();
	dies_start();
	if (sysconf(_SC_PAGESIZE) != 4096)
		tap_skip_all("the offsets are those of pages of 4 KiB");
	tap_needs_lock(256);

	controls();
	guards();
	WITH_ARENA(double_free);
	WITH_ARENA(double_free_of_the_last_chunk);
	WITH_ARENA(double_free_of_a_large_chunk);
	WITH_ARENA(realloc_after_free);
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
	WITHOUT(realloc_without_an_arena);
	WITH_ARENA(free_after_fini);
	WITH_ARENA(overflow_by_one_byte);
	WITH_ARENA(overflow_of_an_odd_size);
	WITH_ARENA(overflow_in_the_last_canary_byte);
	WITH_ARENA(overflow_of_no_bytes);
	WITH_ARENA(overflow_of_a_large_chunk);
	WITH_ARENA(overflow_found_by_realloc);
	WITH_ARENA(overflow_after_realloc);
	WITH_ARENA(underflow_into_a_chunk);
	WITH_ARENA(underflow_into_a_free_place);
	WITH_ARENA(write_after_free);
	WITH_ARENA(write_after_free_of_a_large_chunk);
	WITHOUT(write_after_free_far_behind);
	WITH_ARENA(write_after_free_before_growth);
	WITHOUT(on_fault_is_called);
	tap_ok(shared->on_fault_calls == 1
	               && strcmp(shared->on_fault, shared->want) == 0,
	       "on_fault got the line, once, and the arena was closed in it");

	WITHOUT(misuse_by_a_cancelled_thread);
	WITHOUT(misuse_by_two_threads);
	tap_ok(shared->on_fault_calls == 1, "on_fault was called once");
	/* The line is lost, the abort is not. */
	demand("misuse_with_a_broken_pipe", NULL, misuse_with_a_broken_pipe);
	tap_ok(shared->on_fault_calls == 1, "and on_fault was called");
	tap_done();
}
