/*
 * Guarded chunks that secmalloc_init() prepares are locked from then on. Using
 * them needs neither privileges nor system calls. secmalloc_fini() unmaps all
 * of them.
 *
 * SPDX-License-Identifier: ISC
 */
#include "child.h"
#include "guarded.h"
#include "proc.h"

#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

static bool bad_sizes(void)
{
	struct secmalloc_config config = {.guarded_size = SIZE_MAX};

	if (secmalloc_init(&config) != -1 || errno != EINVAL
	    || strstr(secmalloc_error(), "guarded_size is ") == NULL)
		return false;
	config.guarded_size = 32;
	config.guarded_chunks = SIZE_MAX;
	return secmalloc_init(&config) == -1 && errno == EINVAL
	       && strstr(secmalloc_error(), "guarded_chunks is ") != NULL;
}

/* The audit detects damage to a canary and to a free cell. */
static bool audited(void)
{
	char *chunk, *gone;

	start();
	chunk = hide(secmalloc_guarded(30));
	gone = hide(secmalloc_guarded(30));
	secfree(hide(gone));
	if (secmalloc_audit() != 0)
		return false;
	chunk[30] ^= 1;
	if (secmalloc_audit() != -1 || errno != EBADMSG)
		return false;
	chunk[30] ^= 1;
	gone[3] = 'x';
	return secmalloc_audit() == -1 && errno == EBADMSG
	       && strstr(secmalloc_error(), "write after free") != NULL;
}

/* Before a chunk are a page of canary and then zeros. The audit checks these,
 * too: secfree() does not, and what it leaves is still found afterwards. */
static bool audited_before_the_canary(void)
{
	static const char zeros[8];
	char *chunk, *far;

	start_with(1, 5 * page - 16);
	chunk = hide(secmalloc_guarded(32));
	far = hide(chunk + 32 - 5 * page);
	if (far[0] != 0 || memcmp(chunk - page - 8, zeros, 8) != 0
	    || memcmp(chunk - page, zeros, 8) == 0 || secmalloc_audit() != 0)
		return false;
	far[0] = 'x';
	if (secmalloc_audit() != -1 || errno != EBADMSG || !says("underflow: "))
		return false;
	secfree(hide(chunk));
	if (secmalloc_audit() != -1 || errno != EBADMSG
	    || !says("underflow, or write after free: write to byte 0 of"))
		return false;
	far[0] = 0;
	/* Everything else was wiped. */
	return secmalloc_audit() == 0;
}

/* A large cell may take whole strides but for its guard, which is then alone in
 * the next stride. The cell after it has a place of its own. */
static bool large_cells_have_guards_between_them(void)
{
	char *chunks[3];

	start_with(0, 100);
	for (size_t i = 0; i < 3; i++) {
		chunks[i] = hide(secmalloc_guarded(4 * page - 16));
		if (chunks[i] == NULL)
			return false;
		memset(chunks[i], (int)i, 4 * page - 16);
	}
	for (size_t i = 0; i < 3; i++) {
		struct proc_mapping mapping;

		if (!proc_mapping_of(chunks[i], &mapping)
		    || mapping.end - mapping.start != 4 * page
		    || chunks[i][0] != (char)i || secmalloc_audit() != 0)
			return false;
		secfree(hide(chunks[i]));
	}
	return secmalloc_audit() == 0;
}

/* Whatever sizes follow each other in a large cell, it is then all zero. */
static bool a_large_cell_is_wiped(void)
{
	static const size_t sizes[] = {1, 4064, 4081, 20000, 100, 0, 9000};

	start_with(1, 20000);
	for (size_t i = 0; i < 7; i++)
		for (size_t j = 0; j < 7; j++) {
			char *chunk = secmalloc_guarded(sizes[i]);

			memset(chunk, 'x', sizes[i]);
			if (secmalloc_audit() != 0)
				return false;
			chunk = secrealloc(chunk, sizes[j]);
			for (size_t k = sizes[i]; k < sizes[j]; k++)
				if (chunk[k] != 0)
					return false;
			memset(chunk, 'y', sizes[j]);
			if (secmalloc_audit() != 0)
				return false;
			secfree(chunk);
			if (secmalloc_audit() != 0
			    || stats_now().guarded_bytes != 5 * page)
				return false;
		}
	return true;
}

static bool locked_beforehand(void)
{
	struct proc_mapping mapping;
	char *chunks[CELLS];
	long before = proc_status_kb("VmLck");
	struct secmalloc_stats stats;

	start();
	stats = stats_now();
	if (proc_status_kb("VmLck") - before
	            != (long)(stats.locked_bytes / 1024)
	    || stats.guarded_free != CELLS
	    || stats.guarded_bytes != CELLS * page
	    || stats.locked_bytes != (CELLS + 1) * page)
		return false;
	for (int i = 0; i < CELLS; i++) {
		chunks[i] = secmalloc_guarded(4080);
		if (!proc_mapping_of(chunks[i], &mapping)
		    || mapping.end - mapping.start != page
		    || strstr(mapping.flags, " lo") == NULL
		    || strstr(mapping.flags, " dd") == NULL
		    || strstr(mapping.flags, " dc") == NULL)
			return false;
	}
	stats = stats_now();
	return stats.guarded_chunks == CELLS && stats.chunks == CELLS
	       && stats.chunk_bytes == CELLS * 4080 && stats.guarded_free == 0
	       && stats.locked_bytes == (CELLS + 1) * page;
}

static bool after_the_drop(void)
{
	char *chunks[CELLS];

	start();
	if (!child_be_ordinary(0))
		case_skip("the process cannot become an ordinary user");
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < CELLS; i++) {
			chunks[i] = secmalloc_guarded(32);
			if (chunks[i] == NULL
			    || secmalloc_protect(chunks[i], SECMALLOC_NOACCESS)
			    || !reads_fault(chunks[i]))
				return false;
		}
		errno = 0;
		if (secmalloc_guarded(1) != NULL || errno != ENOMEM
		    || strstr(secmalloc_error(), "no room for 1 bytes in 8 "
		                                 "guarded cells")
		               == NULL)
			return false;
		for (int i = 0; i < CELLS; i++)
			secfree(chunks[i]);
	}
	/* No cell is large enough for this chunk. */
	return secmalloc_guarded(5000) == NULL && errno == ENOMEM
	       && stats_now().failures == 4 && secmalloc_audit() == 0;
}

static bool larger_ones_are_kept(void)
{
	char *large, *chunks[CELLS + 1];
	uint64_t locked;

	start();
	large = hide(secmalloc_guarded(3 * page));
	locked = stats_now().locked_bytes;
	if (large == NULL)
		case_skip_init();
	if (locked != (CELLS + 1 + 4) * page || !writes_fault(large + 3 * page))
		return false;
	secfree(large);
	if (hide(secmalloc_guarded(2 * page + 1)) != large + page - 16)
		return false;
	secfree(large + page - 16);
	/* The large cell serves small chunks too when no other cell is left. */
	for (int i = 0; i < CELLS + 1; i++)
		chunks[i] = hide(secmalloc_guarded(16));
	return chunks[CELLS] == large + 3 * page - 16
	       && stats_now().locked_bytes == locked && secmalloc_audit() == 0;
}

static bool without_a_system_call(void)
{
	char *chunks[CELLS];

	start();
	prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT);
	for (int round = 0; round < 100; round++) {
		for (int i = 0; i < CELLS; i++) {
			chunks[i] = secmalloc_guarded(32);
			if (chunks[i] != NULL)
				chunks[i][31] = 1;
			else
				syscall(SYS_exit, 1);
		}
		for (int i = 0; i < CELLS; i++)
			secfree(chunks[i]);
	}
	syscall(SYS_exit, 0);
	return false;
}

static bool unmapped_by_fini(void)
{
	size_t mappings;
	char *chunk;

	proc_settle();
	mappings = proc_mappings();
	start();
	chunk = secmalloc_guarded(32);
	secmalloc_protect(chunk, SECMALLOC_NOACCESS);
	secmalloc_protect(secmalloc_guarded(32), SECMALLOC_READONLY);
	secmalloc_fini();
	return reads_fault(chunk) && proc_mappings() == mappings
	       && proc_status_kb("VmLck") == 0;
}

int main(void)
{
	guarded_start();
	try_case("sizes that are too large are refused", bad_sizes);
	try_case("the audit detects damage", audited);
	try_case("the audit detects damage further than a page before a chunk",
	         audited_before_the_canary);
	try_case("large cells have guards between them",
	         large_cells_have_guards_between_them);
	try_case("a large cell is wiped whatever chunks were in it",
	         a_large_cell_is_wiped);
	try_case("prepared cells are locked, and each is a mapping of its own",
	         locked_beforehand);
	try_case("prepared cells can be used after the drop, with a lock limit "
	         "of 0",
	         after_the_drop);
	try_case("larger cells are created when needed, and kept",
	         larger_ones_are_kept);
	try_case("taking and freeing a prepared cell needs no system call",
	         without_a_system_call);
	try_case("secmalloc_fini() unmaps guarded chunks whatever their access",
	         unmapped_by_fini);
	tap_done();
}
