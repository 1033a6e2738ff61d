/*
 * A check that is made without the arena's lock may fail because it observes
 * another thread at work. It is then repeated under the lock, and the chunk is
 * freed or resized correctly. A call never waits for the lock while the cache
 * of its own thread is busy, because the thread that holds the lock may be
 * waiting for that cache.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "chunk/slab_check.h"
#include "dies.h"
#include "process/current.h"
#include "tap.h"
#include "thread.h"
#include "watchdog.h"

#include <errno.h>
#include <limits.h>
#include <secmalloc.h>
#include <unistd.h>

/* The number of further checks without the lock that report damage. */
static unsigned caught;

bool __real_smi_slab_check_is_sound(const struct smi_runs *runs,
                                    const struct smi_canary_key *key,
                                    const struct smi_place *place);
bool __wrap_smi_slab_check_is_sound(const struct smi_runs *runs,
                                    const struct smi_canary_key *key,
                                    const struct smi_place *place);
bool __wrap_smi_slab_check_is_sound(const struct smi_runs *runs,
                                    const struct smi_canary_key *key,
                                    const struct smi_place *place)
{
	if (caught == 0)
		return __real_smi_slab_check_is_sound(runs, key, place);
	caught--;
	return false;
}

/* The number of times the lock was requested, and how many of these by a thread
 * whose cache was busy. */
static unsigned entered, entered_busy;

static void count_entry(void)
{
	struct smi_tcache *cache = smi_current_cache();

	entered++;
	if (cache != NULL && atomic_load(&cache->busy) != 0)
		entered_busy++;
}

struct smi_arena *__real_smi_current_enter(const char *call);
struct smi_arena *__wrap_smi_current_enter(const char *call);
struct smi_arena *__wrap_smi_current_enter(const char *call)
{
	count_entry();
	return __real_smi_current_enter(call);
}
struct smi_arena *__real_smi_current_enter_quietly(const char *call);
struct smi_arena *__wrap_smi_current_enter_quietly(const char *call);
struct smi_arena *__wrap_smi_current_enter_quietly(const char *call)
{
	count_entry();
	return __real_smi_current_enter_quietly(call);
}

/* The number of further times that the caches are not stopped for certain. The
 * first time, another thread is caught in the middle of a call: it has counted
 * a chunk that it has not made yet. */
static unsigned uncertain;
static bool is_caught;

static void catch_a_thread(bool in_call)
{
	if (in_call == is_caught)
		return;
	smi_tcache_count(&smi_current_cache()->counts.allocations,
	                 in_call ? 1 : (size_t)-1);
	is_caught = in_call;
}

bool __real_smi_tcaches_stop(struct smi_tcaches *caches,
                             const struct smi_tcache *own);
bool __wrap_smi_tcaches_stop(struct smi_tcaches *caches,
                             const struct smi_tcache *own);
bool __wrap_smi_tcaches_stop(struct smi_tcaches *caches,
                             const struct smi_tcache *own)
{
	bool certain = __real_smi_tcaches_stop(caches, own);

	if (uncertain == 0)
		return certain;
	uncertain--;
	catch_a_thread(uncertain > 0);
	return false;
}

static uint64_t chunks_now(void)
{
	struct secmalloc_stats stats = {0};

	secmalloc_stats(&stats);
	return stats.chunks;
}

/* Allocate, resize and free chunks of all sizes. Every third time, the check
 * without the lock reports damage. */
static bool work(void)
{
	static const size_t sizes[] = {1, 24, 100, 520, 1200, 4000, 9000};
	static char *chunks[64];

	for (size_t round = 0; round < 2000; round++) {
		size_t i = round * 7 % 64;
		size_t size = sizes[round % (sizeof(sizes) / sizeof(*sizes))];

		caught = round % 3 == 0;
		if (chunks[i] == NULL)
			chunks[i] = secmalloc(size);
		else if (round % 5 == 0)
			chunks[i] = secrealloc(chunks[i], size);
		else
			secfree(chunks[i]), chunks[i] = NULL;
	}
	caught = 0;
	for (size_t i = 0; i < 64; i++)
		secfree(chunks[i]);
	return chunks_now() == 0 && secmalloc_audit() == 0;
}

/* ---- Two threads free a chunk at the same moment --------------------------
 */

/*
 * Leave a slot in this thread's cache as the thread that came second does: the
 * slot is a chunk again by the time at which the cache is emptied.
 */
static void *end_with_a_chunk_in_the_cache(void *none)
{
	char *chunk = secmalloc(32);
	/* Of a pool by default: pools start at multiples of it. */
	size_t pool_bytes = 16 * (size_t)sysconf(_SC_PAGESIZE);

	(void)none;
	secfree(chunk);
	for (unsigned i = 0; i < SMI_CLASSES; i++) {
		struct smi_bin *bin = &smi_current_cache()->bins[i];
		uint32_t count = smi_tcache_bin_count(bin);

		if (count > 0 && bin->slots[count - 1].start == (void *)chunk)
			atomic_store(bin->slots[count - 1].entry, 16);
	}
	expect("thread exit: double free: the block of 32 bytes at %p (pool 0, "
	       "offset %zu) is already free",
	       (void *)chunk, (size_t)((uintptr_t)chunk % pool_bytes));
	return NULL;
}

static void end_a_thread(void)
{
	struct secmalloc_config config = {.initial_pools = 1};
	pthread_t thread;

	secmalloc_init(&config);

	thread_begin(&thread, end_with_a_chunk_in_the_cache, NULL);
	pthread_join(thread, NULL);
}

/* Chunks of this size have long canaries, so the short check is not enough. */
#define SIZE 520

int main(void)
{
	struct secmalloc_config config = {.initial_pools = 4};
	char *chunk;

	tap_needs_plain_build();
	dies_start();
	watchdog_start(20);
	if (secmalloc_init(&config) != 0)
		tap_skip_all("no memory can be locked");
	secfree(secmalloc(SIZE));
	if (entered == 0)
		tap_skip_all("link-time optimization bypasses --wrap");

	chunk = secmalloc(SIZE);
	caught = 1;
	entered = 0;
	secfree(chunk);
	tap_ok(caught == 0 && entered == 1 && chunks_now() == 0,
	       "a chunk whose check caught another thread is freed under the "
	       "lock");

	chunk = secmalloc(SIZE);
	chunk[0] = 'x';
	caught = 1;
	entered = 0;
	chunk = secrealloc(chunk, SIZE + 20);
	tap_ok(caught == 0 && entered == 1 && chunk != NULL && chunk[0] == 'x'
	               && secmalloc_usable_size(chunk) == SIZE + 20,
	       "a chunk whose check caught another thread is resized under the "
	       "lock");
	secfree(chunk);

	uncertain = 3;
	tap_ok(secmalloc_audit() == 0 && uncertain == 0,
	       "an audit that caught another thread looks again");
	uncertain = UINT_MAX;
	tap_ok(secmalloc_audit() == -1 && errno == EBADMSG,
	       "control: it does not look again for ever");
	catch_a_thread(false);
	uncertain = 0;

	tap_ok(work(), "an arena on which checks catch others stays sound");
	tap_ok(entered > 500 && entered_busy == 0,
	       "none of %u calls asked for the lock with a busy cache",
	       entered);

	demand("a slot in two caches is found at the end of a thread", NULL,
	       end_a_thread);

	atomic_store(&smi_current_cache()->busy, 1);
	count_entry();
	tap_ok(entered_busy == 1, "control: a busy cache is noticed");
	tap_done();
}
