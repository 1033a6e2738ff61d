/*
 * Eight threads use one arena, and free and resize each other's chunks, while
 * another thread audits the arena again and again. The arena is so small that
 * it is often full. Every chunk keeps its contents, none is lost, and the arena
 * is sound at the end.
 *
 * Usage: threads [SECONDS]. The threads run for that time with membarrier(),
 * and again without it. Then they run twice with guarded chunks. With 0 or no
 * argument, they run for a fixed number of rounds.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "backing.h"
#include "random.h"
#include "tap.h"
#include "thread.h"
#include "watchdog.h"

#include <pthread.h>
#include <secmalloc.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#define THREADS 8
#define ROUNDS  20000
#define PLACES  512

/* A chunk in one of these places belongs to the thread that swaps it out. */
static _Atomic(unsigned char *) places[PLACES];
static atomic_size_t damaged, refused;
static atomic_bool done;
static time_t until;

static bool is_whole(const unsigned char *chunk, size_t size)
{
	for (size_t i = 1; i < size; i++)
		if (chunk[i] != chunk[0])
			return false;
	return true;
}

static unsigned char *make(unsigned random)
{
	static const size_t sizes[] = {1, 32, 64, 240, 1200, 2400, 4032, 7000};
	size_t size = sizes[random % 8];
	unsigned char *chunk = secmalloc(size);

	if (chunk == NULL) {
		atomic_fetch_add(&refused, 1);
		return NULL;
	}
	memset(chunk, (int)(random >> 8 & 0xff), size);
	return chunk;
}

static void end(unsigned char *chunk, unsigned random)
{
	size_t size;

	if (chunk == NULL)
		return;
	size = secmalloc_usable_size(chunk);
	if (!is_whole(chunk, size))
		atomic_fetch_add(&damaged, 1);
	if (random % 4 == 0 && size > 1) {
		unsigned char *half = secrealloc(chunk, size / 2);

		if (half == NULL || !is_whole(half, size / 2))
			atomic_fetch_add(&damaged, 1);
		chunk = half;
	} else if (random % 4 == 1) {
		unsigned char *more = secrealloc(chunk, size * 3 + 1);

		if (more == NULL)
			atomic_fetch_add(&refused, 1);
		else if (!is_whole(more, size) || more[size * 3] != 0)
			atomic_fetch_add(&damaged, 1);
		chunk = more != NULL ? more : chunk;
	}
	secfree(chunk);
}

static void *work(void *argument)
{
	uint64_t state = (uintptr_t)argument * 2654435761u + 1;

	for (long i = 0; i < ROUNDS || time(NULL) < until; i++) {
		unsigned random = (unsigned)(random_next(&state) >> 20);

		end(atomic_exchange(&places[random % PLACES],
		                    make(random >> 9)),
		    random >> 4);
	}
	return NULL;
}

/* Audit the arena for as long as the threads use it. */
static void *look(void *times)
{
	struct secmalloc_stats stats;

	while (!atomic_load(&done)) {
		if (secmalloc_audit() != 0 || secmalloc_stats(&stats) != 0
		    || stats.chunks > 2 * PLACES
		    || stats.free_bytes > stats.pool_bytes)
			return NULL;
		++*(size_t *)times;
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	}
	return times;
}

static void *init_when_cancelled(void *unused)
{
	pthread_cancel(pthread_self());
	secmalloc_init(NULL);
	return unused;
}

/* A cancellation does not end a thread while it is in the library and holds
 * locks. */
static void cancel_in_init(void)
{
	pthread_t thread;

	thread_begin(&thread, init_when_cancelled, NULL);
	pthread_join(thread, NULL);
	secmalloc_fini();
}

/* ---- Guarded chunks ------------------------------------------------------ */

#define GUARDED_ROUNDS 2000
#define CELLS          12

/* A guarded chunk in one of these places belongs to the thread that swaps it
 * out. It may be closed. */
static _Atomic(unsigned char *) guarded[CELLS];

static unsigned char *make_guarded(unsigned random)
{
	static const size_t sizes[] = {1, 32, 4000, 9000, 20000};
	size_t size = sizes[random % 5];
	unsigned char *chunk = secmalloc_guarded(size);

	if (chunk == NULL) {
		atomic_fetch_add(&refused, 1);
		return NULL;
	}
	for (size_t i = 0; i < size; i++)
		if (chunk[i] != 0)
			atomic_fetch_add(&damaged, 1);
	memset(chunk, (int)(random >> 8 & 0xff), size);
	if (random % 4 == 0)
		secmalloc_protect(chunk, SECMALLOC_NOACCESS);
	return chunk;
}

static void end_guarded(unsigned char *chunk, unsigned random)
{
	size_t size;

	if (chunk == NULL)
		return;
	size = secmalloc_usable_size(chunk);
	if (secmalloc_open(chunk, SECMALLOC_READONLY) != 0
	    || !is_whole(chunk, size) || secmalloc_close(chunk) != 0)
		atomic_fetch_add(&damaged, 1);
	if (random % 8 == 0) {
		unsigned char *half = secrealloc(chunk, size / 2);

		if (half == NULL || !is_whole(half, size / 2))
			atomic_fetch_add(&damaged, 1);
		chunk = half;
	}
	secfree(chunk);
}

static void *work_guarded(void *argument)
{
	uint64_t state = (uintptr_t)argument * 2654435761u + 1;

	for (long i = 0; i < GUARDED_ROUNDS || time(NULL) < until; i++) {
		unsigned random = (unsigned)(random_next(&state) >> 20);

		end_guarded(atomic_exchange(&guarded[random % CELLS],
		                            make_guarded(random >> 9)),
		            random >> 4);
	}
	return NULL;
}

/* There are fewer cells than the threads want, so that a thread often needs the
 * cell that another one is just freeing. */
static void share_guarded_chunks(unsigned flags)
{
	struct secmalloc_config config = {
		.guarded_chunks = CELLS,
		.max_pools = 8,
		.flags = flags,
	};
	struct secmalloc_stats stats = {0};
	pthread_t threads[THREADS], looker;
	size_t looks = 0;
	void *looked;

	if (secmalloc_init(&config) != 0) {
		tap_skip("8 threads can share guarded cells",
		         "12 cells cannot be locked");
		return;
	}
	atomic_store(&done, false);
	atomic_store(&refused, 0);
	thread_begin(&looker, look, &looks);
	for (uintptr_t i = 0; i < THREADS; i++)
		thread_begin(&threads[i], work_guarded, (void *)i);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	atomic_store(&done, true);
	pthread_join(looker, &looked);
	for (int i = 0; i < CELLS; i++)
		end_guarded(atomic_exchange(&guarded[i], NULL), 1);
	if (!tap_ok(looked != NULL && looks > 0 && secmalloc_audit() == 0,
	            "guarded cells that 8 threads share were sound in each of "
	            "%zu audits, and at the end",
	            looks))
		tap_note("%s", secmalloc_error());
	secmalloc_stats(&stats);
	tap_ok(damaged == 0 && stats.guarded_chunks == 0
	               && stats.guarded_free > CELLS
	               && stats.allocations == stats.frees
	               && stats.allocations > GUARDED_ROUNDS
	               && stats.failures == refused,
	       "%ju guarded chunks were allocated and as many freed, none of "
	       "them damaged; %zu were refused",
	       (uintmax_t)stats.allocations, refused);
	secmalloc_fini();
}

/* ------------------------------------------------------------------------- */

static void share_an_arena(unsigned flags)
{
	struct secmalloc_config config = {
		.initial_pools = 8,
		.max_pools = 16,
		.flags = flags,
	};
	struct secmalloc_stats stats;
	pthread_t threads[THREADS], looker;
	size_t looks = 0;
	void *looked;

	if (secmalloc_init(&config) != 0) {
		tap_skip("8 threads can share one arena",
		         "8 pools cannot be locked");
		return;
	}
	atomic_store(&done, false);
	atomic_store(&refused, 0);
	thread_begin(&looker, look, &looks);
	for (uintptr_t i = 0; i < THREADS; i++)
		thread_begin(&threads[i], work, (void *)i);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	atomic_store(&done, true);
	pthread_join(looker, &looked);
	tap_ok(looked != NULL && looks > 0,
	       "the arena was sound in each of %zu audits during the run",
	       looks);
	for (int i = 0; i < PLACES; i++)
		end(atomic_exchange(&places[i], NULL), 1);
	if (!tap_ok(secmalloc_audit() == 0, "the arena is sound at the end"))
		tap_note("%s", secmalloc_error());
	secmalloc_stats(&stats);
	tap_ok(damaged == 0, "no chunk was damaged");
	tap_ok(stats.chunks == 0 && stats.chunk_bytes == 0
	               && stats.allocations == stats.frees
	               && stats.allocations > THREADS * ROUNDS / 2
	               && stats.failures == refused,
	       "%ju allocations and as many frees; %zu failed as the arena was "
	       "full",
	       (uintmax_t)stats.allocations, refused);
	secmalloc_fini();
}

int main(int argc, char **argv)
{
	long seconds = argc > 1 ? atol(argv[1]) : 0;

	watchdog_start(200 + 4 * THREADS * (unsigned)seconds);
	cancel_in_init();
	tap_ok(true, "an init in a cancelled thread leaves no lock behind");

	until = time(NULL) + seconds;
	share_an_arena(0);
	until = time(NULL) + seconds;
	share_an_arena(SECMALLOC_NO_MEMBARRIER);
	until = time(NULL) + seconds;
	share_guarded_chunks(0);
	until = time(NULL) + seconds;
	share_guarded_chunks(SECMALLOC_CHECK_WHOLE);
	tap_done();
}
