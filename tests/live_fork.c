/*
 * Under the policy NONE, the child of a fork does not have the pools. A stale
 * pointer faults and every call fails, but the child can create an arena of its
 * own.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "backing.h"
#include "child.h"
#include "hide.h"
#include "proc.h"
#include "tap.h"
#include "thread.h"

#include <errno.h>
#include <pthread.h>
#include <secmalloc.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

static char *chunk, *plain;

static int read_plain(void)
{
	return strcmp(hide(plain), "plain secret") == 0 ? 7 : 0;
}

static int read_stale(void)
{
	return ((volatile char *)chunk)[0];
}

static int write_stale(void)
{
	((volatile char *)chunk)[0] = 1;
	return 0;
}

/* Later mappings must not be placed where the pools were. */
static int map_much_and_read_stale(void)
{
	for (int i = 0; i < 2000; i++)
		memset(mmap(NULL, 65536, PROT_READ | PROT_WRITE,
		            MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
		       1, 65536);
	return read_stale();
}

static int mapping_is_closed(void)
{
	struct proc_mapping mapping;

	return proc_mapping_of(chunk, &mapping)
	       && strcmp(mapping.access, "---p") == 0
	       && proc_status_kb("VmLck") == 0;
}

static int calls_are_closed(void)
{
	struct secmalloc_stats stats;

	/* These calls do nothing, and do not abort. */
	secfree(chunk);
	secfree(chunk + 5);
	secmalloc_fini();
	return secmalloc(1) == NULL && errno == ENXIO
	       && strstr(secmalloc_error(), "belongs to the parent") != NULL
	       && secrealloc(chunk, 10) == NULL && errno == ENXIO
	       && secaligned_alloc(64, 1) == NULL && errno == ENXIO
	       && secmalloc_stats(&stats) == -1 && errno == ENXIO
	       && secmalloc_audit() == -1 && errno == ENXIO
	       && secmalloc_usable_size(chunk) == 0 && errno == ENXIO
	       && secmalloc_munlock(chunk, 1) == -1 && errno == EINVAL
	       && secmalloc_owns(chunk) == 0;
}

static int own_arena(void)
{
	struct secmalloc_config config = {.initial_pools = 1};
	char *own;

	if (secmalloc_init(&config) != 0)
		return 2;
	own = secstrdup("the child's");
	secfree(chunk);
	if (secrealloc(chunk, 10) != NULL || errno != ENXIO
	    || secmalloc_owns(chunk) || !secmalloc_owns(own)
	    || !proc_has_flag(own, "lo"))
		return 3;
	secfree(own);
	if (secmalloc_audit() != 0)
		return 4;
	secmalloc_fini();
	secfree(chunk);
	return 1;
}

/* Children of children, each with an arena of its own, recognise the pointers
 * of all earlier arenas. */
static int generations(void)
{
	char *stale[4];

	for (int i = 0; i < 4; i++) {
		int status;
		pid_t pid;

		if (secmalloc_init(NULL) != 0)
			return 2;
		stale[i] = secmalloc(32);
		pid = fork();
		if (pid > 0) {
			secfree(stale[i]);
			if (secmalloc_audit() != 0)
				return 3;
			waitpid(pid, &status, 0);
			return WIFEXITED(status) ? WEXITSTATUS(status) : 4;
		}
		for (int j = 0; j <= i; j++)
			secfree(stale[j]);
	}
	return secmalloc(1) == NULL && errno == ENXIO;
}

static int init_and_use(void)
{
	void *p;

	if (secmalloc_init(NULL) != 0)
		return 2;
	p = secmalloc(10);
	secfree(p);
	return p != NULL && secmalloc_audit() == 0;
}

static void *make_an_arena(void *result)
{
	*(int *)result = secmalloc_init(NULL);
	return NULL;
}

/* A fork handler of the program, which runs first. Meanwhile another thread
 * creates the first arena. */
static bool make_in_fork;
static void make_while_forking(void)
{
	pthread_t thread;
	int result = -1;

	if (!make_in_fork)
		return;
	thread_begin(&thread, make_an_arena, &result);
	pthread_join(thread, NULL);
	make_in_fork = result != 0;
}

/* ---- The number of mappings --------------------------------------------- */

static size_t mappings_before;

static int has_one_mapping_more(void)
{
	return proc_mappings() == mappings_before + 1;
}

static void children_have_no_metadata(void)
{
	struct secmalloc_config config = {.initial_pools = 1};

	proc_settle();
	mappings_before = proc_mappings();
	secmalloc_init(&config);
	secfree(secmalloc(100));
	tap_ok(in_child(has_one_mapping_more) == 1,
	       "a child has only one mapping of the arena, which is empty");
	secmalloc_fini();
	config.initial_pools = 1024;
	if (secmalloc_init(&config) != 0) {
		tap_skip("an arena of 64 MiB has few mappings",
		         "64 MiB cannot be locked");
		return;
	}
	tap_ok(proc_mappings() - mappings_before <= 20,
	       "an arena of 64 MiB has only %zu mappings for a fork to copy",
	       proc_mappings() - mappings_before);
	secmalloc_fini();
}

int main(void)
{
	struct secmalloc_config config = {.initial_pools = 2};

	tap_needs_plain_build();
	tap_needs_lock(256);
	pthread_atfork(make_while_forking, NULL, NULL);
	make_in_fork = true;
	tap_ok(in_child(init_and_use) == 1 && !make_in_fork,
	       "a fork that overlaps the first init succeeds");
	secmalloc_fini();
	secmalloc_init(&config);
	chunk = hide(secstrdup("locked secret"));
	plain = strdup("plain secret");

	tap_ok(in_child(read_plain) == 7,
	       "control: a child reads memory from malloc");
	tap_ok(in_child(read_stale) == 128 + SIGSEGV,
	       "a read through a stale pointer faults");
	tap_ok(in_child(write_stale) == 128 + SIGSEGV,
	       "a write through a stale pointer faults");
	tap_ok(in_child(map_much_and_read_stale) == 128 + SIGSEGV,
	       "a stale pointer still faults after 128 MiB of new mappings");
	tap_ok(in_child(mapping_is_closed) == 1,
	       "the addresses of the pools are inaccessible, and nothing is "
	       "locked");
	tap_ok(in_child(calls_are_closed) == 1,
	       "in a child all calls fail with ENXIO, and secfree of a "
	       "parent's chunk does nothing");
	tap_ok(in_child(own_arena) == 1,
	       "a child can have its own, locked arena");
	tap_ok(in_child(generations) == 1,
	       "children of children can have their own arenas and know old "
	       "pointers");
	tap_ok(strcmp(chunk, "locked secret") == 0 && secmalloc_audit() == 0
	               && proc_has_flag(chunk, "lo"),
	       "the parent is unchanged");
	secmalloc_fini();
	children_have_no_metadata();
	tap_done();
}
