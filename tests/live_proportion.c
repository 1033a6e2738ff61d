/*
 * While a chunk grows in small steps, what is locked stays in proportion to
 * what lives, at each step. That holds for secrealloc(), for freeing before
 * allocating, and for allocating, copying and freeing. An ordinary user whose
 * lock limit is just that much never meets a failure.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "backing.h"
#include "child.h"
#include "hide.h"
#include "locked.h"
#include "thread.h"

#include <errno.h>
#include <pthread.h>

#define KNEE    (2 * LOCKED_MIB) /* up to here each step has the same size */
#define THREADS 8

/* How a chunk of `from` bytes becomes one of `to` bytes. Returns NULL if there
 * is no room. */
typedef char *(*grow_function)(char *chunk, size_t from, size_t to);

/* One chunk that grows up to `top` bytes. Above KNEE each step is at least one
 * part in `parts` of the chunk, or `step` bytes if `parts` is 0. */
static const struct growth {
	const char *name;
	grow_function grow;
	size_t step, parts, top;
	unsigned halves;
	bool rises; /* the lock limit is that of the present step */
} * now;

static struct locked locked;
static size_t initial_pools, others;
static unsigned threads;

/* ---- One step ------------------------------------------------------------ */

static char *by_secrealloc(char *chunk, size_t from, size_t to)
{
	uintptr_t old = (uintptr_t)chunk;
	char *grown = hide(secrealloc(chunk, to));

	if (grown != NULL)
		locked_resized(&locked, others, old, from, (uintptr_t)grown,
		               to);
	return grown;
}

static char *by_freeing_first(char *chunk, size_t from, size_t to)
{
	(void)from;
	secfree(chunk);
	locked_lives(&locked, to);
	chunk = hide(secmalloc(to));
	return chunk;
}

static char *by_copying(char *chunk, size_t from, size_t to)
{
	char *grown = hide(secmalloc(to));

	locked_lives(&locked, from + to);
	secfree(chunk);
	return grown;
}

/* Another chunk is allocated at each step, and may lie where the large one
 * would grow. */
static char *beside_small_ones(char *chunk, size_t from, size_t to)
{
	char *grown = by_secrealloc(chunk, from, to);

	if (hide(secmalloc(100)) == NULL)
		return NULL;
	others += 100;
	return grown;
}

static bool is_marked(const char *chunk, size_t size)
{
	uint64_t first, last;

	memcpy(&first, chunk, sizeof(first));
	memcpy(&last, chunk + size - sizeof(last), sizeof(last));
	return first == size && last == size;
}

static void mark(char *chunk, size_t size)
{
	uint64_t word = size;

	memcpy(chunk, &word, sizeof(word));
	memcpy(chunk + size - sizeof(word), &word, sizeof(word));
}

static bool is_zero(const char *chunk, size_t size)
{
	uint64_t last;

	memcpy(&last, chunk + size - sizeof(last), sizeof(last));
	return last == 0;
}

/* The contents of the chunk stay if secrealloc() resizes it. */
static bool stays(const char *chunk, size_t from)
{
	return from == 0 || now->grow == by_freeing_first
	       || now->grow == by_copying || is_marked(chunk, from);
}

static size_t next_size(size_t size)
{
	size_t step = now->step;

	if (now->parts != 0 && size >= KNEE
	    && size / now->parts / step * step > step)
		step = size / now->parts / step * step;
	return size + step;
}

/* The most bytes that live at one time if the last step ends at `to`. */
static size_t most_at(size_t from, size_t to)
{
	return now->grow == by_copying ? from + to : to;
}

static bool rise(size_t to)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_MEMLOCK, &limit) != 0)
		return false;
	limit.rlim_cur = locked.before + locked_bound(&locked, to);
	return setrlimit(RLIMIT_MEMLOCK, &limit) == 0;
}

static bool step(char **chunk, size_t from, size_t to)
{
	if (now->rises && !rise(to)) {
		tap_note("the limit cannot rise: %s", strerror(errno));
		return false;
	}
	*chunk = now->grow(*chunk, from, to);
	if (*chunk == NULL) {
		tap_note("at %zu bytes: %s", to, secmalloc_error());
		return false;
	}
	if (!stays(*chunk, from) || !is_zero(*chunk, to)) {
		tap_note("the contents are wrong at %zu bytes", to);
		return false;
	}
	mark(*chunk, to);
	return locked_in_proportion(&locked);
}

/* ---- All steps ----------------------------------------------------------- */

static pthread_barrier_t filled, end;

static void *hold_a_cache(void *unused)
{
	static const size_t sizes[] = {32, 240, 1200};
	void *chunks[3][20];

	for (int i = 0; i < 3; i++)
		for (int j = 0; j < 20; j++)
			chunks[i][j] = secmalloc(sizes[i]);
	for (int i = 0; i < 3; i++)
		for (int j = 0; j < 20; j++)
			secfree(chunks[i][j]);
	pthread_barrier_wait(&filled);
	pthread_barrier_wait(&end);
	return unused;
}

static void hold_caches(pthread_t *thread)
{
	pthread_barrier_init(&filled, NULL, threads + 1);
	pthread_barrier_init(&end, NULL, threads + 1);
	for (unsigned i = 0; i < threads; i++)
		thread_begin(&thread[i], hold_a_cache, NULL);
	pthread_barrier_wait(&filled);
}

static void release_caches(pthread_t *thread)
{
	pthread_barrier_wait(&end);
	for (unsigned i = 0; i < threads; i++)
		pthread_join(thread[i], NULL);
}

static bool all_steps(void)
{
	size_t from = 0, moves = 0, samples = 0;
	char *chunk = NULL;

	for (size_t to = now->step; to <= now->top; to = next_size(to)) {
		uintptr_t old = (uintptr_t)chunk;

		if (!step(&chunk, from, to))
			return false;
		moves += to > KNEE && (uintptr_t)chunk != old;
		if (++samples % 256 == 0 && !locked_as_counted(&locked))
			return false;
		from = to;
	}
	if (now->grow == by_secrealloc && moves != 0) {
		tap_note("the chunk moved %zu times beyond %zu KiB", moves,
		         KNEE >> 10);
		return false;
	}
	tap_note("%zu KiB are locked for %zu KiB that lived",
	         locked_by_arena(&locked) >> 10, locked.most >> 10);
	secfree(chunk);
	return secmalloc_audit() == 0 && locked_as_counted(&locked);
}

static int grow_one(void)
{
	struct secmalloc_config config = {.initial_pools = initial_pools};
	pthread_t thread[THREADS] = {0};
	bool good;

	if (!locked_begin(&locked, now->halves, &config))
		return tap_cannot("%s", secmalloc_error());
	hold_caches(thread);
	good = all_steps();
	release_caches(thread);
	return good;
}

/* The limit is what the load may have locked at the end. */
static int grow_one_within_the_limit(void)
{
	size_t from = 0, to = now->step;
	struct locked none = {.halves = now->halves};
	size_t bytes;

	for (; next_size(to) <= now->top; to = next_size(to))
		from = to;
	bytes = locked_bound(&none, most_at(from, to));
	if (!child_be_ordinary(locked_now() + bytes))
		return TAP_CANNOT;
	return grow_one();
}

/* ---- All cases ----------------------------------------------------------- */

/* The largest lock limit that a child can be given, up to `wanted` bytes. */
static size_t limit_up_to(size_t wanted)
{
	struct rlimit limit, higher = {wanted, wanted};

	if (getrlimit(RLIMIT_MEMLOCK, &limit) != 0)
		return 0;
	if (limit.rlim_max >= wanted)
		return wanted;
	if (setrlimit(RLIMIT_MEMLOCK, &higher) != 0)
		return (size_t)limit.rlim_max;
	setrlimit(RLIMIT_MEMLOCK, &limit);
	return wanted;
}

/* How large the chunk may become: less in secret memory, which is slow to lock,
 * and as much as the lock limit has room for. */
static size_t top_of(const struct growth *growth, bool limited)
{
	size_t top = backing_is_secret() ? growth->top / 4 : growth->top;
	size_t wanted = top * growth->halves + LOCKED_SLACK, room;

	if (!limited && geteuid() == 0)
		return top;
	room = (limit_up_to(wanted) - LOCKED_SLACK) / growth->halves * 2;
	if (growth->grow == by_copying)
		room /= 2;
	return room < top ? room : top;
}

static void try(const struct growth *growth, bool limited)
{
	struct growth fitting = *growth;
	char what[200];

	fitting.top = top_of(growth, limited);
	now = &fitting;
	snprintf(what, sizeof(what),
	         "%s up to %zu KiB, %s, with %zu initial pools and %u caches",
	         growth->name, fitting.top >> 10,
	         limited ? "under a limit" : "without a limit", initial_pools,
	         threads);
	child_try(what, limited ? grow_one_within_the_limit : grow_one);
}

static void try_all(const struct growth *growths, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (!growths[i].rises)
			try(&growths[i], false);
		try(&growths[i], true);
	}
}
#define TRY_ALL(growths) \
	try_all(growths, sizeof(growths) / sizeof((growths)[0]))

static const struct growth large[] = {
	{"secrealloc() by 4 KiB", by_secrealloc, 4096, 0, 64 * LOCKED_MIB, 3,
         false},
	{"freeing and then allocating", by_freeing_first, 4096, 16,
         64 * LOCKED_MIB, 3, false},
	{"allocating, copying and freeing", by_copying, 4096, 16,
         32 * LOCKED_MIB, 4, false},
};
static const struct growth small[] = {
	{"secrealloc() by 4 KiB", by_secrealloc, 4096, 0, 8 * LOCKED_MIB, 3,
         false},
	{"secrealloc() by 4 KiB, with a limit that rises with the chunk,",
         by_secrealloc, 4096, 0, 8 * LOCKED_MIB, 3, true},
	{"secrealloc() by 64 bytes", by_secrealloc, 64, 0, LOCKED_MIB, 3,
         false},
	{"secrealloc() by 4 KiB beside small chunks", beside_small_ones, 4096,
         0, 4 * LOCKED_MIB, 3, false},
	{"freeing and then allocating", by_freeing_first, 4096, 16,
         4 * LOCKED_MIB, 3, false},
	{"allocating, copying and freeing", by_copying, 4096, 16,
         4 * LOCKED_MIB, 4, false},
};

int main(void)
{
	tap_needs_plain_build();
	tap_needs_file("/proc/self/status");
	tap_needs_lock(2048);
	TRY_ALL(large);
	for (initial_pools = 0; initial_pools <= 16;
	     initial_pools = initial_pools == 0 ? 1 : initial_pools * 16)
		TRY_ALL(small);
	initial_pools = 1;
	threads = THREADS;
	TRY_ALL(small);
	tap_done();
}
