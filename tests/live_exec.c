/*
 * A program that is started by a process with an arena, with fork and exec,
 * with vfork or with posix_spawn, inherits neither locks nor descriptors. The
 * parent is unchanged afterwards.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "backing.h"
#include "child.h"
#include "proc.h"
#include "tap.h"

#include <fcntl.h>
#include <secmalloc.h>
#include <spawn.h>

/* Run as the new program: it has no locked memory and no inherited
 * descriptor. */
static int look(void)
{
	int count = 0;

	for (int fd = 3; fd < 64; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count == atoi(getenv("DESCRIPTORS"))
	                       && proc_status_kb("VmLck") == 0
	               ? 42
	               : 1;
}

static char *look_args[] = {(char *)"live_exec", (char *)"look", NULL};
static const char self[] = "/proc/self/exe";

static int exec_look(void)
{
	execv(self, look_args);
	return 2;
}

static int vfork_look(void)
{
	pid_t pid = vfork();

	if (pid == 0) {
		execv(self, look_args);
		_exit(2);
	}
	return child_end(pid);
}

static int spawn_look(void)
{
	pid_t pid;

	return posix_spawn(&pid, self, NULL, NULL, look_args, environ) != 0
	               ? 3
	               : child_end(pid);
}

static void exec_leaves_no_trace(unsigned policy, const char *name)
{
	struct secmalloc_config config = {.initial_pools = 2, .fork = policy};
	size_t mappings;
	long locked;
	char text[20];
	int count = 0, ends[3];

	for (int fd = 3; fd < 64; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	snprintf(text, sizeof(text), "%d", count);
	setenv("DESCRIPTORS", text, 1);
	secmalloc_init(&config);
	secfree(secmalloc(1));
	mappings = proc_mappings();
	locked = proc_status_kb("VmLck");
	ends[0] = in_child(exec_look);
	ends[1] = vfork_look();
	ends[2] = spawn_look();
	tap_ok(ends[0] == 42 && ends[1] == 42 && ends[2] == 42
	               && proc_mappings() == mappings && locked == 2 * 64 + 4
	               && proc_status_kb("VmLck") == locked
	               && secmalloc_audit() == 0,
	       "%s: fork and exec (%d), vfork (%d) and posix_spawn (%d) pass "
	       "on nothing and change nothing",
	       name, ends[0], ends[1], ends[2]);
	secmalloc_fini();
}

int main(int argc, char **argv)
{
	tap_needs_plain_build();
	if (argc > 1 && strcmp(argv[1], "look") == 0)
		return look();
	if (sysconf(_SC_PAGESIZE) != 4096)
		tap_skip_all("the figures are for pages of 4 KiB");
	tap_needs_lock(256);
	exec_leaves_no_trace(SECMALLOC_FORK_NONE, "NONE");
	exec_leaves_no_trace(SECMALLOC_FORK_KEEP, "KEEP");
	exec_leaves_no_trace(SECMALLOC_FORK_WIPE, "WIPE");
	tap_done();
}
