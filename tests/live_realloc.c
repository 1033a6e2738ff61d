/*
 * secrealloc() in a full arena fails only if the chunk fits neither in its own
 * place nor in any other, whatever the threads' caches hold.
 *
 * The seed of the random cases is printed, and can be passed as an argument.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "backing.h"
#include "case.h"
#include "hide.h"
#include "random.h"
#include "thread.h"

#include <errno.h>
#include <stdint.h>
#include <time.h>

#define POOLS      2
#define MOST       4000
#define THREADS    3
#define ROUNDS     20
#define TURNS      100
#define OPERATIONS 10

static uint64_t state;

static unsigned below(unsigned n)
{
	return (unsigned)(random_next(&state) >> 33) % n;
}

static void start(size_t initial_pools, size_t max_pools)
{
	struct secmalloc_config config = {
		.initial_pools = initial_pools,
		.max_pools = max_pools,
	};

	if (secmalloc_init(&config) != 0)
		case_skip_init();
}

static struct secmalloc_stats stats(void)
{
	struct secmalloc_stats got;

	if (secmalloc_stats(&got) != 0)
		abort();
	return got;
}

static bool sound(void)
{
	if (secmalloc_audit() == 0)
		return true;
	tap_note("%s", secmalloc_error());
	return false;
}

/* ---- The chunk's own slot ----------------------------------------------- */

/*
 * A chunk of `size` in a slot for `slot` bytes: it was made with that size, and
 * shrank when no other place was free.
 */
static char *chunk_in_large_slot(size_t slot, size_t size)
{
	char *chunk = hide(secmalloc(slot));

	while (hide(secmalloc(20000)) != NULL)
		;
	while (hide(secmalloc(slot)) != NULL)
		;
	while (hide(secmalloc(0)) != NULL)
		;
	return hide(secrealloc(chunk, size));
}

/* Whether each size that the slot can hold succeeds, without a move. */
static bool stays(size_t slot, size_t size)
{
	char *chunk, *place;

	start(POOLS, POOLS);
	chunk = place = chunk_in_large_slot(slot, size);
	memset(chunk, 'k', size);
	errno = 5;
	for (size_t to = size; to <= slot; to += to / 7 + 1) {
		chunk = secrealloc(chunk, to);
		if (chunk != place || chunk[size - 1] != 'k'
		    || (to > size && chunk[to - 1] != 0)) {
			tap_note("%zu bytes in a slot for %zu, to %zu: %s",
			         size, slot, to,
			         chunk == NULL ? secmalloc_error() : "moved");
			return false;
		}
	}
	/* There really is no other place. */
	if (errno != 5 || secrealloc(chunk, slot + 1) != NULL || errno != ENOMEM
	    || chunk[0] != 'k' || !sound())
		return false;
	secmalloc_fini();
	return true;
}

static bool its_own_slot(void)
{
	return stays(72, 1) && stays(536, 16) && stays(2040, 8)
	       && stays(4088, 1);
}

/* Allocate up to `most` chunks. Returns how many there was room for. */
static size_t fill(size_t size, size_t most)
{
	size_t had = 0;

	while (had < most && hide(secmalloc(size)) != NULL)
		had++;
	return had;
}

/* A chunk that its own slot can hold makes the arena lock no more memory. */
static bool its_own_slot_adds_no_pool(void)
{
	size_t large, small;
	char *chunk;

	/* Count how many chunks fill one pool. */
	start(1, 1);
	large = fill(536, 100000);
	small = fill(0, 100000);
	secmalloc_fini();

	start(1, 2);
	chunk = hide(secmalloc(536));
	if (fill(536, large - 1) + fill(0, small) != large - 1 + small
	    || stats().pools != 1)
		return false;
	for (size_t size = 10; size <= 536 && chunk != NULL; size += size / 5)
		chunk = hide(secrealloc(hide(secrealloc(chunk, size)), size));
	return chunk != NULL && stats().pools == 1 && stats().failures == 0
	       && hide(secmalloc(0)) != NULL && stats().pools == 2 && sound();
}

/* ---- Beside slots in caches --------------------------------------------- */

static pthread_barrier_t ready, go;

static void *fill_cache(void *unused)
{
	secfree(secmalloc(16));
	pthread_barrier_wait(&ready);
	pthread_barrier_wait(&go);
	return unused;
}

/* Whether a chunk grows from 32,768 bytes to 40,000 in one pool although all
 * slots behind it are in a cache: this thread's, or `threads` others'. */
static bool grows_beside(int threads, size_t max_pools)
{
	pthread_t others[THREADS];
	char *chunk, *place;
	bool good;

	start(1, max_pools);
	chunk = place = hide(secmalloc(32768));
	memset(chunk, 'k', 32768);
	if (threads == 0)
		secfree(secmalloc(16));
	pthread_barrier_init(&ready, NULL, (unsigned)threads + 1);
	pthread_barrier_init(&go, NULL, (unsigned)threads + 1);
	for (int t = 0; t < threads; t++)
		thread_begin(&others[t], fill_cache, NULL);
	pthread_barrier_wait(&ready);
	good = stats().cached_bytes > 0;
	chunk = hide(secrealloc(chunk, 40000));
	if (chunk == NULL)
		tap_note("%s", secmalloc_error());
	good = good && chunk == place && chunk[32767] == 'k'
	       && chunk[32768] == 0 && stats().pools == 1
	       && stats().failures == 0 && sound();
	pthread_barrier_wait(&go);
	for (int t = 0; t < threads; t++)
		pthread_join(others[t], NULL);
	return good;
}

static bool beside_own_cache(void)
{
	return grows_beside(0, 1);
}

static bool beside_others_caches(void)
{
	return grows_beside(THREADS, 1);
}

static bool before_a_pool_is_added(void)
{
	return grows_beside(0, 2);
}

static bool before_a_pool_is_added_beside_others(void)
{
	return grows_beside(THREADS, 2);
}

/* ---- Into the memory before it ------------------------------------------ */

/* Whether a chunk that has `before` and `after` free bytes beside it, in a pool
 * with no other room, gets as much as all three together. */
static bool slides(size_t before, size_t after)
{
	const size_t had = 20480, rest = 65536 - before - had - after;
	char *first, *chunk, *behind, *last;
	size_t all = before + had + after - 8;

	start(1, 1);
	first = hide(secmalloc(before - 8));
	chunk = hide(secmalloc(had - 8));
	behind = hide(after > 0 ? secmalloc(after - 8) : NULL);
	last = hide(secmalloc(rest - 8));
	if (chunk != first + before || last != chunk + had + after)
		return false;
	for (size_t i = 0; i < had - 8; i++)
		chunk[i] = (char)(i * 7 + 1);
	secfree(first);
	secfree(behind);
	errno = 0;
	if (secrealloc(chunk, all + 1) != NULL || errno != ENOMEM)
		return false;
	chunk = hide(secrealloc(chunk, all));
	if (chunk != first || secmalloc_usable_size(chunk) != all || !sound())
		return false;
	for (size_t i = 0; i < all; i++)
		if (chunk[i] != (i < had - 8 ? (char)(i * 7 + 1) : 0))
			return false;
	secfree(chunk);
	if (hide(secmalloc(all)) != first || stats().failures != 1 || !sound())
		return false;
	secmalloc_fini();
	return true;
}

static bool into_the_memory_before(void)
{
	/* Units in other numbers than powers of two lie side by side. */
	return slides(17 * 512, 0) && slides(9 * 512, 0)
	       && slides(17 * 512, 17 * 512) && slides(47 * 512, 17 * 512);
}

/* A write to the free memory is found, as in any other memory that is used. */
static bool not_into_written_memory(void)
{
	char *first, *chunk;
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		struct rlimit no_core = {0, 0};

		setrlimit(RLIMIT_CORE, &no_core);
		if (freopen("/dev/null", "w", stderr) == NULL)
			_exit(1);
		start(1, 1);
		first = hide(secmalloc(17 * 512 - 8));
		chunk = hide(secmalloc(20480 - 8));
		hide(secmalloc(71 * 512 - 8));
		secfree(first);
		*(volatile char *)(first + 10) = 1;
		_exit(secrealloc(chunk, 57 * 512 - 8) != NULL);
	}
	waitpid(pid, &status, 0);
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

/* ---- Sizes that no chunk can have --------------------------------------- */

static bool impossible_sizes(void)
{
	static const size_t from[] = {0, 16, 4000, 20000};
	const size_t to[] = {
		SIZE_MAX,    SIZE_MAX - 7,    (size_t)PTRDIFF_MAX + 1,
		PTRDIFF_MAX, PTRDIFF_MAX - 8, SIZE_MAX / 4};

	start(POOLS, POOLS);
	for (size_t i = 0; i < sizeof(from) / sizeof(from[0]); i++) {
		char *chunk = hide(secmalloc(from[i]));

		memset(chunk, 'k', from[i]);
		for (size_t j = 0; j < sizeof(to) / sizeof(to[0]); j++) {
			errno = 0;
			if (secrealloc(chunk, hide_size(to[j])) != NULL
			    || errno != ENOMEM
			    || secmalloc_usable_size(chunk) != from[i])
				return false;
		}
		for (size_t j = 0; j < from[i]; j++)
			if (chunk[j] != 'k')
				return false;
		chunk = hide(secrealloc(chunk, 0));
		if (chunk == NULL || secmalloc_usable_size(chunk) != 0
		    || secrealloc(chunk, 0) == NULL)
			return false;
	}
	return stats().chunks == 4 && sound();
}

/* ---- Random loads ------------------------------------------------------- */

static struct {
	unsigned char *at;
	size_t size;
	unsigned char mark;
} chunks[MOST];
static size_t count;

static size_t any_size(void)
{
	static const unsigned mosts[] = {64, 300, 1300, 4200, 12000, 50000};

	return below(mosts[below(6)]);
}

static void set(size_t i, unsigned char *at, size_t size)
{
	chunks[i].at = at;
	chunks[i].size = size;
	chunks[i].mark = (unsigned char)below(256);
	memset(at, chunks[i].mark, size);
}

static bool holds(size_t i, size_t bytes)
{
	for (size_t j = 0; j < bytes; j++)
		if (chunks[i].at[j] != chunks[i].mark)
			return false;
	return true;
}

static void add(void)
{
	size_t size = any_size();
	void *at = secmalloc(size);

	if (at != NULL && count < MOST)
		set(count++, at, size);
}

static void take_away(size_t i)
{
	secfree(chunks[i].at);
	chunks[i] = chunks[--count];
}

/* No cache holds anything after a call that found no room anywhere. */
static void empty_all_caches(void)
{
	if (secmalloc(hide_size(SIZE_MAX / 4)) != NULL)
		abort();
}

static const char *failure_is_justified(size_t i, size_t size)
{
	if (errno != ENOMEM || !holds(i, chunks[i].size))
		return "a failed call changed the chunk";
	if (size <= chunks[i].size)
		return "a chunk could not keep its size or shrink";
	empty_all_caches();
	if (stats().cached_bytes != 0)
		return "a cache was not emptied";
	if (hide(secrealloc(chunks[i].at, size)) != NULL)
		return "the same call succeeded after all caches were emptied";
	if (hide(secmalloc(size)) != NULL)
		return "another chunk of that size could be allocated";
	if (chunks[i].size <= 4088)
		return NULL;
	/* The place of a large chunk does not get larger by freeing it. */
	take_away(i);
	empty_all_caches();
	if (hide(secmalloc(size)) != NULL)
		return "the chunk's own place could have been extended";
	return NULL;
}

static const char *resize(size_t i, size_t size, size_t *refused)
{
	size_t had = chunks[i].size, kept = had < size ? had : size;
	unsigned char *at = secrealloc(chunks[i].at, size);

	if (at == NULL) {
		++*refused;
		return failure_is_justified(i, size);
	}
	chunks[i].at = at;
	if (!holds(i, kept))
		return "the content changed";
	for (size_t j = had; j < size; j++)
		if (at[j] != 0)
			return "new bytes are not zero";
	set(i, at, size);
	return NULL;
}

/* One operation of a random load. NULL, or what went wrong. */
static const char *operate(size_t *refused)
{
	size_t i = count > 0 ? below((unsigned)count) : 0;

	switch (below(8)) {
	case 0:
	case 1:
		add();
		return NULL;
	case 2:
		if (count > 0)
			take_away(i);
		return NULL;
	case 3:
	case 4:
		return count > 0 ? resize(i, chunks[i].size, refused) : NULL;
	default:
		return count > 0 ? resize(i, any_size(), refused) : NULL;
	}
}

/* Take slots into this thread's cache. */
static void hoard(void)
{
	void *some[60];
	size_t had = 0;

	for (size_t size = 16; size < 2000; size = size * 3 / 2)
		for (int i = 0; i < 4; i++)
			if ((some[had] = secmalloc(size)) != NULL)
				had++;
	while (had > 0)
		secfree(some[--had]);
}

/* Hoard when told to. */
static void *hoard_again(void *unused)
{
	for (int i = 0; i < TURNS; i++) {
		pthread_barrier_wait(&go);
		hoard();
		pthread_barrier_wait(&ready);
	}
	return unused;
}

/* Let all threads fill their caches, and then run some operations. */
static const char *take_turn(size_t *refused, size_t *cached)
{
	const char *wrong = NULL;

	pthread_barrier_wait(&go);
	hoard();
	pthread_barrier_wait(&ready);
	*cached += (size_t)stats().cached_bytes;
	for (int i = 0; i < OPERATIONS && wrong == NULL; i++)
		wrong = operate(refused);
	return wrong;
}

static const char *random_load(size_t *refused, size_t *cached)
{
	pthread_t others[THREADS];
	const char *wrong = NULL;

	start(POOLS, POOLS);
	count = 0;
	pthread_barrier_init(&ready, NULL, THREADS + 1);
	pthread_barrier_init(&go, NULL, THREADS + 1);
	for (int t = 0; t < THREADS; t++)
		thread_begin(&others[t], hoard_again, NULL);
	for (int i = 0; i < TURNS && wrong == NULL; i++)
		wrong = take_turn(refused, cached);
	if (wrong != NULL)
		return wrong;
	for (int t = 0; t < THREADS; t++)
		pthread_join(others[t], NULL);
	if (!sound())
		wrong = "the audit found damage";
	secmalloc_fini();
	return wrong;
}

static bool random_loads(void)
{
	size_t refused = 0, cached = 0;

	for (int i = 0; i < ROUNDS; i++) {
		uint64_t seed = state;
		const char *wrong = random_load(&refused, &cached);

		if (wrong != NULL) {
			tap_note("%s (seed %ju)", wrong, (uintmax_t)seed);
			return false;
		}
	}
	tap_note("%zu calls failed; the other threads cached %zu bytes",
	         refused, cached);
	return refused > 1000 && cached > ROUNDS * (size_t)TURNS * 1000;
}

int main(int argc, char **argv)
{
	/* The cases are children that start threads. */
	tap_needs_plain_build();
	if (sysconf(_SC_PAGESIZE) != 4096)
		tap_skip_all("the figures are for pages of 4 KiB");
	tap_needs_lock(512);
	state = argc > 1 ? strtoull(argv[1], NULL, 0)
	                 : (uint64_t)time(NULL) * 2654435761u + 1;
	tap_note("seed %ju", (uintmax_t)state);

	try_case("in a full arena a chunk gets every size that its slot holds",
	         its_own_slot);
	try_case("a size that the slot holds makes the arena lock no pool",
	         its_own_slot_adds_no_pool);
	try_case("a large chunk grows over slots in the thread's own cache",
	         beside_own_cache);
	try_case("a large chunk grows over slots in other threads' caches",
	         beside_others_caches);
	try_case("the own cache is emptied before a pool is added",
	         before_a_pool_is_added);
	try_case("other threads' caches are emptied before a pool is added",
	         before_a_pool_is_added_beside_others);
	try_case("a large chunk slides into free memory before it",
	         into_the_memory_before);
	try_case("a write to that memory is detected", not_into_written_memory);
	try_case("sizes that no chunk can have change nothing, and 0 is a size",
	         impossible_sizes);
	try_case("in random loads a call fails only if nothing holds the size",
	         random_loads);
	tap_done();
}
