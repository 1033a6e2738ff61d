/*
 * What takes long about a guarded chunk happens without the arena's lock, and
 * does not depend on the size of its cell. A cell in which a thread is at work
 * is not handed out, audited or copied to a child before that thread is done.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "case.h"
#include "chunk/guarded.h"
#include "dies.h"
#include "hide.h"
#include "process/current.h"
#include "thread.h"

#include <errno.h>
#include <secmalloc.h>
#include <semaphore.h>

static size_t page;

/* ---- The long work ------------------------------------------------------ */

/* How many bytes were written or checked, how often that was done, and how
 * often while the arena was locked. */
static size_t bytes, times, times_locked;

/* A thread that frees a chunk stops before it checks the canaries, or one that
 * takes a chunk before it writes them. It posts `inside`, and goes on after
 * `go`. */
static bool stops;
static sem_t inside, go;

/* A call that a signal handler makes in that place. */
static bool handles;

static void stop_here(void)
{
	if (handles) {
		secmalloc_audit();
		_exit(94);
	}
	if (!stops)
		return;
	stops = false;
	sem_post(&inside);
	sem_wait(&go);
}

static void note(size_t count)
{
	struct smi_arena *arena = atomic_load(&smi_current.arena);

	if (arena == NULL || count == 0 || stops)
		return;
	bytes += count;
	times++;
	if (pthread_mutex_trylock(&arena->lock) == 0)
		pthread_mutex_unlock(&arena->lock);
	else
		times_locked++;
}

size_t __real_smi_wipe_first_nonzero(const void *p, size_t count);
size_t __wrap_smi_wipe_first_nonzero(const void *p, size_t count);
size_t __wrap_smi_wipe_first_nonzero(const void *p, size_t count)
{
	note(count);
	return __real_smi_wipe_first_nonzero(p, count);
}

void __real_smi_wipe_bytes(void *p, size_t count);
void __wrap_smi_wipe_bytes(void *p, size_t count);
void __wrap_smi_wipe_bytes(void *p, size_t count)
{
	note(count);
	__real_smi_wipe_bytes(p, count);
}

void __real_smi_canary_fill(const struct smi_canary_key *key, void *place,
                            size_t from, size_t to);
void __wrap_smi_canary_fill(const struct smi_canary_key *key, void *place,
                            size_t from, size_t to);
void __wrap_smi_canary_fill(const struct smi_canary_key *key, void *place,
                            size_t from, size_t to)
{
	note(to - from);
	stop_here();
	__real_smi_canary_fill(key, place, from, to);
}

size_t __real_smi_canary_check_fill(const struct smi_canary_key *key,
                                    const void *place, size_t from, size_t to);
size_t __wrap_smi_canary_check_fill(const struct smi_canary_key *key,
                                    const void *place, size_t from, size_t to);
size_t __wrap_smi_canary_check_fill(const struct smi_canary_key *key,
                                    const void *place, size_t from, size_t to)
{
	note(to - from);
	stop_here();
	return __real_smi_canary_check_fill(key, place, from, to);
}

/* The number of times that a thread waited for another. The first time lets the
 * thread that has stopped go on. */
static atomic_uint pauses;

void __real_smi_os_pause(unsigned n);
void __wrap_smi_os_pause(unsigned n);
void __wrap_smi_os_pause(unsigned n)
{
	if (atomic_fetch_add(&pauses, 1) == 0)
		sem_post(&go);
	__real_smi_os_pause(n);
}

static void start(size_t chunks, size_t size, unsigned fork_policy)
{
	struct secmalloc_config config = {
		.guarded_chunks = chunks,
		.guarded_size = size,
		.fork = fork_policy,
		.max_pools = 4,
	};

	if (secmalloc_init(&config) != 0)
		_exit(tap_cannot("%s", secmalloc_error()));
}

/* ---- What a chunk costs ------------------------------------------------- */

/* Take, resize and free a chunk of 32 bytes. Returns how many bytes were
 * written or checked. */
static size_t work_in(size_t guarded_size)
{
	char *chunk;

	start(1, guarded_size, SECMALLOC_FORK_NONE);
	bytes = 0;
	chunk = secmalloc_guarded(32);
	chunk = secrealloc(chunk, 64);
	secfree(secrealloc(chunk, 16));
	secmalloc_fini();
	return bytes;
}

static void costs_what_it_takes(void)
{
	size_t small = work_in(page - 16), large = work_in(1000 * page);

	tap_ok(small > 4 * page && large < small + page,
	       "a chunk of 32 bytes costs as much in a cell of 1,001 pages as "
	       "in one of one page (%zu and %zu bytes)",
	       large, small);
}

static void works_unlocked(void)
{
	char *chunk;

	start(2, 0, SECMALLOC_FORK_NONE);
	times = times_locked = 0;
	chunk = secmalloc_guarded(30);
	secfree(chunk);
	tap_ok(times >= 6 && times_locked == 0,
	       "taking and freeing a chunk checked or wrote %zu ranges, none of "
	       "them with the arena's lock",
	       times);
	chunk = secmalloc_guarded(30);
	times_locked = 0;
	chunk = secrealloc(chunk, 32);
	tap_ok(chunk != NULL && times_locked > 0,
	       "control: a resize does so with the lock");
	secmalloc_fini();
}

/* ---- A cell in which a thread is at work -------------------------------- */

static pthread_t thread;

static void *free_chunk(void *chunk)
{
	secfree(chunk);
	return chunk;
}

static void *take_chunk(void *unused)
{
	(void)unused;
	return secmalloc_guarded(32);
}

/* Start a thread, and return when it has stopped midway. */
static void do_halfway(void *(*work)(void *), void *argument)
{
	sem_init(&inside, 0, 0);
	sem_init(&go, 0, 0);
	atomic_store(&pauses, 0);
	stops = true;
	thread_begin(&thread, work, argument);
	sem_wait(&inside);
}

static void free_halfway(void *chunk)
{
	if (chunk == NULL)
		_exit(tap_cannot("%s", secmalloc_error()));
	do_halfway(free_chunk, chunk);
}

/* End the thread. Returns whether it was waited for. */
static bool was_waited_for(void)
{
	bool waited = atomic_load(&pauses) > 0;

	sem_post(&go);
	pthread_join(thread, NULL);
	return waited;
}

static bool another_cell_is_free(void)
{
	char *chunk, *other;
	bool good;

	start(2, 0, SECMALLOC_FORK_NONE);
	chunk = secmalloc_guarded(32);
	free_halfway(chunk);
	other = secmalloc_guarded(32);
	good = other != NULL && other != chunk;
	secfree(other);
	good = !was_waited_for() && good && secmalloc_audit() == 0;
	secmalloc_fini();
	return good;
}

static bool the_only_cell_is_waited_for(void)
{
	struct secmalloc_stats stats;
	char *chunk, *next;
	bool good;

	start(1, 0, SECMALLOC_FORK_NONE);
	chunk = secmalloc_guarded(32);
	free_halfway(chunk);
	next = secmalloc_guarded(32);
	good = was_waited_for() && next == chunk && secmalloc_stats(&stats) == 0
	       && stats.guarded_bytes == page && secmalloc_audit() == 0;
	secmalloc_fini();
	return good;
}

static bool the_only_large_cell_is_waited_for(void)
{
	char *chunk, *next;
	bool good;

	start(0, 0, SECMALLOC_FORK_NONE);
	chunk = secmalloc_guarded(3 * page);
	free_halfway(chunk);
	next = secmalloc_guarded(3 * page);
	good = was_waited_for() && next == chunk && secmalloc_audit() == 0;
	secmalloc_fini();
	return good;
}

static bool an_audit_waits(void)
{
	bool good;

	start(2, 0, SECMALLOC_FORK_NONE);
	free_halfway(secmalloc_guarded(32));
	good = secmalloc_audit() == 0;
	good = was_waited_for() && good;
	secmalloc_fini();
	return good;
}

static bool a_fork_waits(void)
{
	int status = -1;
	bool good;
	pid_t pid;

	start(1, 0, SECMALLOC_FORK_KEEP);
	free_halfway(secmalloc_guarded(32));
	pid = fork();
	if (pid == 0) {
		struct secmalloc_stats stats;

		watchdog_start(20);
		_exit(secmalloc_audit() != 0 || secmalloc_stats(&stats) != 0
		      || stats.guarded_chunks != 0
		      || secmalloc_guarded(32) == NULL);
	}
	waitpid(pid, &status, 0);
	good = was_waited_for() && status == 0 && secmalloc_audit() == 0;
	secmalloc_fini();
	return good;
}

/* The child gets a chunk that is complete, although the thread that took it is
 * not there. */
static bool they_wait_for_a_taker(void)
{
	int status = -1;
	bool good;
	pid_t pid;

	start(1, 0, SECMALLOC_FORK_KEEP);
	do_halfway(take_chunk, NULL);
	good = secmalloc_audit() == 0;
	good = was_waited_for() && good;
	do_halfway(take_chunk, NULL);
	pid = fork();
	if (pid == 0) {
		struct secmalloc_stats stats;

		watchdog_start(20);
		_exit(secmalloc_audit() != 0 || secmalloc_stats(&stats) != 0
		      || stats.guarded_chunks != 2);
	}
	waitpid(pid, &status, 0);
	good = was_waited_for() && good && status == 0
	       && secmalloc_audit() == 0;
	secmalloc_fini();
	return good;
}

static bool the_access_cannot_be_changed(void)
{
	char *chunk;
	bool good;

	start(1, 0, SECMALLOC_FORK_NONE);
	chunk = hide(secmalloc_guarded(32));
	free_halfway(chunk);
	errno = 0;
	good = secmalloc_protect(chunk, SECMALLOC_NOACCESS) == -1
	       && errno == EINVAL && !secmalloc_owns(chunk)
	       && secmalloc_usable_size(chunk) == 0;
	good = !was_waited_for() && good && secmalloc_audit() == 0;
	secmalloc_fini();
	return good;
}

/* ---- Misuse ------------------------------------------------------------- */

static void freed_by_two_threads(void)
{
	char *chunk;

	start(1, 0, SECMALLOC_FORK_NONE);
	chunk = hide(secmalloc_guarded(32));
	free_halfway(hide(chunk));
	expect("secfree(%p): double free: the block of 32 bytes at %p (guarded "
	       "cell 0, offset %zu) is already free",
	       (void *)chunk, (void *)chunk, page - 32);
	secfree(chunk);
}

static char *damaged;
static bool seen, explained;

/* Called by the thread that frees. The other thread has then seen the damage,
 * too. */
static void look(const char *line)
{
	char words[100] = "";

	(void)line;
	explained = secmalloc_explain(damaged, words, sizeof(words)) == 0
	            && strcmp(words, "byte 0 of a guarded chunk of 30 bytes")
	                       == 0;
	if (!seen || !explained)
		_exit(96);
}

/* A thread frees a chunk with damage, and stops midway. */
static void free_damage_halfway(size_t cells)
{
	struct secmalloc_config config = {
		.guarded_chunks = cells,
		.max_pools = 1,
		.on_fault = look,
	};

	if (secmalloc_init(&config) != 0)
		_exit(tap_cannot("%s", secmalloc_error()));
	damaged = hide(secmalloc_guarded(30));
	damaged[31] ^= 0x20;
	expect("secfree(%p): overflow: write to byte 1 past the end of the "
	       "chunk of 30 bytes at %p (guarded cell 0, offset %zu)",
	       (void *)damaged, (void *)damaged, page - 32);
	free_halfway(damaged);
}

static void found_while_an_audit_waits(void)
{
	free_damage_halfway(2);
	seen = true;
	if (secmalloc_audit() != -1 || errno != EBADMSG
	    || strstr(secmalloc_error(), "overflow: write to byte 1") == NULL)
		_exit(95);
	pthread_join(thread, NULL);
}

static void found_while_the_cell_is_wanted(void)
{
	free_damage_halfway(1);
	seen = true;
	if (secmalloc_guarded(30) == damaged)
		_exit(95);
	pthread_join(thread, NULL);
}

static void handler_calls(void)
{
	char *chunk;

	start(1, 0, SECMALLOC_FORK_NONE);
	chunk = secmalloc_guarded(32);
	expect("secmalloc_audit: called while another call of the same thread "
	       "is not finished: a signal handler must not call the library");
	handles = true;
	secfree(chunk);
}

int main(void)
{
	struct secmalloc_config config = {.guarded_chunks = 1};

	tap_needs_plain_build();
	watchdog_start(20);
	dies_start();
	page = (size_t)sysconf(_SC_PAGESIZE);
	if (secmalloc_init(&config) != 0)
		tap_skip_all("no memory can be locked");
	secfree(secmalloc_guarded(1));
	secmalloc_fini();
	if (times == 0)
		tap_skip_all("link-time optimization bypasses --wrap");

	costs_what_it_takes();
	works_unlocked();
	try_case("while a cell is being freed, another one can be taken",
	         another_cell_is_free);
	try_case(
		"a cell that is being freed is waited for if it is the only one",
		the_only_cell_is_waited_for);
	try_case("so is a larger cell", the_only_large_cell_is_waited_for);
	try_case("an audit waits for a cell that is being freed",
	         an_audit_waits);
	try_case(
		"a fork that passes on the arena waits for a cell that is being "
		"freed",
		a_fork_waits);
	try_case("both wait for a cell that is being taken",
	         they_wait_for_a_taker);
	try_case("a chunk that is being freed is not live",
	         the_access_cannot_be_changed);
	demand("a chunk that two threads free", NULL, freed_by_two_threads);
	demand("damage found while an audit waits", NULL,
	       found_while_an_audit_waits);
	demand("damage found while another thread wants the cell", NULL,
	       found_while_the_cell_is_wanted);
	demand("a signal handler that calls the library meanwhile", NULL,
	       handler_calls);
	tap_done();
}
