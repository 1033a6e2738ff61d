/*
 * Depending on the policy, the child of a fork has no guarded chunks, locked
 * copies of them, or new cells.
 *
 * SPDX-License-Identifier: ISC
 */
#include "guarded.h"
#include "proc.h"

static bool gone_in_a_child(void)
{
	char *chunk;
	int status = -1;
	pid_t pid;

	start();
	chunk = secmalloc_guarded(32);
	pid = fork();
	if (pid == 0) {
		struct proc_mapping mapping;
		bool ok = reads_fault(chunk) && all_refuse(chunk, ENXIO)
		          && secmalloc_guarded(1) == NULL && errno == ENXIO;

		secfree(chunk);
		/* The addresses stay reserved, so nothing else is mapped
		 * there. */
		_exit(!ok || secmalloc_owns(chunk)
		      || !proc_mapping_of(chunk, &mapping)
		      || strcmp(mapping.access, "---p") != 0);
	}
	waitpid(pid, &status, 0);
	return status == 0 && !writes_fault(chunk) && secmalloc_audit() == 0;
}

/* Fork with this policy and two guarded chunks, and run `act` in the child. The
 * parent's chunks must be unchanged afterwards. */
static bool in_child_of(unsigned policy, bool (*act)(char *closed, char *plain))
{
	struct secmalloc_config config = {
		.guarded_chunks = 3,
		.fork = policy,
	};
	char *closed, *plain;
	int status = -1;
	pid_t pid;

	if (secmalloc_init(&config) != 0)
		case_skip_init();
	closed = secmalloc_guarded(32);
	strcpy(closed, "secret");
	plain = secmalloc_guarded(30);
	strcpy(plain, "other");
	if (secmalloc_protect(closed, SECMALLOC_NOACCESS) != 0)
		return false;
	pid = fork();
	if (pid == 0)
		_exit(!act(closed, plain));
	waitpid(pid, &status, 0);
	return status == 0 && reads_fault(closed) && strcmp(plain, "other") == 0
	       && secmalloc_open(closed, SECMALLOC_READONLY) == 0
	       && strcmp(closed, "secret") == 0 && secmalloc_audit() == 0;
}

static bool has_locked_copies(char *closed, char *plain)
{
	struct secmalloc_stats stats = stats_now();

	if (!reads_fault(closed) || strcmp(plain, "other") != 0
	    || stats.guarded_chunks != 2 || stats.guarded_free != 1
	    || (size_t)proc_status_kb("VmLck") * 1024 != stats.locked_bytes
	    || !proc_has_flag(closed, "lo") || !proc_has_flag(plain, "lo")
	    || secmalloc_audit() != 0)
		return false;
	if (secmalloc_open(closed, SECMALLOC_READWRITE) != 0
	    || strcmp(closed, "secret") != 0)
		return false;
	strcpy(closed, "mine");
	plain[0] = 'm';
	secfree(closed);
	secfree(plain);
	return writes_fault(plain + 32) && secmalloc_guarded(5) != NULL
	       && secmalloc_audit() == 0;
}

static bool kept_in_a_child(void)
{
	return in_child_of(SECMALLOC_FORK_KEEP, has_locked_copies);
}

static bool has_new_ones(char *closed, char *plain)
{
	char *chunk;

	if (closed[0] != 0 || plain[0] != 0 || !writes_fault(plain)
	    || secmalloc_protect(plain, SECMALLOC_READWRITE) != -1
	    || stats_now().guarded_free != 3)
		return false;
	secfree(closed);
	chunk = secmalloc_guarded(32);
	return chunk != NULL && !writes_fault(chunk) && writes_fault(chunk + 32)
	       && proc_has_flag(chunk, "lo") && secmalloc_audit() == 0;
}

static bool empty_in_a_child(void)
{
	return in_child_of(SECMALLOC_FORK_WIPE, has_new_ones);
}

int main(void)
{
	guarded_start();
	try_case("under NONE a child has no guarded chunks", gone_in_a_child);
	try_case("under KEEP a child has locked copies, and closed ones stay "
	         "closed",
	         kept_in_a_child);
	try_case("under WIPE a child reads zeros and has new cells",
	         empty_in_a_child);
	tap_done();
}
