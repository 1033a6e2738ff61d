/*
 * Guarded chunks: where they lie, what faults and at which address, what the
 * threads see of their access, and that all of it works without a privilege,
 * without a system call, and where no mapping can be split any more.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "backing.h"
#include "case.h"
#include "hide.h"
#include "proc.h"

#include <errno.h>
#include <grp.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <secmalloc.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define NOBODY 65534
#define CELLS  8

static size_t page;

static void start_with(size_t chunks, size_t size)
{
	struct secmalloc_config config = {
		.guarded_chunks = chunks,
		.guarded_size = size,
	};

	if (secmalloc_init(&config) != 0) {
		tap_note("%s", secmalloc_error());
		case_skip();
	}
}

static void start(void)
{
	start_with(CELLS, 0);
}

static struct secmalloc_stats stats_now(void)
{
	struct secmalloc_stats stats = {0};

	secmalloc_stats(&stats);
	return stats;
}

/* ---- Faults ------------------------------------------------------------- */

static sigjmp_buf after_fault;
static volatile uintptr_t fault_address;

static void note_fault(int signal, siginfo_t *info, void *context)
{
	(void)signal;
	(void)context;
	fault_address = (uintptr_t)info->si_addr;
	siglongjmp(after_fault, 1);
}

/* Whether reading, or writing what is there, faults, at this very address. */
static bool faults(const char *at, bool write)
{
	struct sigaction action = {.sa_flags = SA_SIGINFO | SA_NODEFER};
	volatile char *byte = (volatile char *)(uintptr_t)at;

	action.sa_sigaction = note_fault;
	sigaction(SIGSEGV, &action, NULL);
	fault_address = 0;
	if (sigsetjmp(after_fault, 1) == 0) {
		char c = *byte;

		if (write)
			*byte = c;
		return false;
	}
	return fault_address == (uintptr_t)at;
}
static bool reads_fault(const char *at)
{
	return faults(at, false);
}
static bool writes_fault(const char *at)
{
	return faults(at, true);
}

/* The control: of plain memory none of it is noticed. Some libc would make the
 * address whole pages. */
static bool plain_memory_does_not_fault(void)
{
	char *chunk = hide(malloc(32));

	return !writes_fault(chunk + 32) && !writes_fault(chunk - 1)
	       && syscall(SYS_mprotect, hide(chunk), 32, PROT_NONE) != 0;
}

static bool lies_at_the_guard(void)
{
	static const size_t sizes[] = {0,    1,    8,    15,    16,
	                               17,   31,   32,   100,   4000,
	                               4080, 4081, 4096, 10000, 65536};

	start();
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		size_t size = sizes[i], place = (size + 15) / 16 * 16;
		char *chunk = secmalloc_guarded(size), *end;

		if (chunk == NULL)
			return errno == ENOMEM ? (case_skip(), false) : false;
		if (size == 0)
			place = 16;
		end = chunk + place;
		for (size_t at = 0; at < size; at++)
			if (chunk[at] != 0)
				return false;
		memset(chunk, 'x', size);
		if ((uintptr_t)end % page != 0 || !writes_fault(end)
		    || writes_fault(end - 1)
		    || secmalloc_usable_size(chunk) != size
		    || (size > 0 && !secmalloc_owns(chunk + size - 1))
		    || secmalloc_owns(chunk + size + (size == 0))
		    || secmalloc_owns(chunk - 1)) {
			tap_note("of %zu bytes", size);
			return false;
		}
		secfree(chunk);
	}
	return secmalloc_audit() == 0;
}

static bool overflow_faults_at_its_byte(void)
{
	char *chunk, *cell;

	start();
	chunk = secmalloc_guarded(32);
	cell = chunk + 32 - page;
	return !writes_fault(chunk) && !writes_fault(chunk + 31)
	       && writes_fault(chunk + 32) && reads_fault(chunk + 32)
	       && writes_fault(chunk + 31 + page) && !writes_fault(cell)
	       && writes_fault(cell - 1) && reads_fault(cell - 1)
	       && reads_fault(cell - page);
}

static bool access_is_kept(void)
{
	char *chunk;

	start();
	chunk = secmalloc_guarded(32);
	strcpy(chunk, "secret");
	if (secmalloc_protect(chunk, SECMALLOC_READONLY) != 0
	    || reads_fault(chunk) || !writes_fault(chunk))
		return false;
	if (secmalloc_protect(chunk, SECMALLOC_NOACCESS) != 0
	    || !reads_fault(chunk) || !reads_fault(chunk + 31)
	    || secmalloc_protect(chunk, SECMALLOC_NOACCESS) != 0
	    || !reads_fault(chunk) || secmalloc_audit() != 0)
		return false;
	return secmalloc_protect(chunk, SECMALLOC_READWRITE) == 0
	       && !writes_fault(chunk) && strcmp(chunk, "secret") == 0;
}

static bool freed_from_any_access(void)
{
	static const enum secmalloc_access all[] = {
		SECMALLOC_NOACCESS,
		SECMALLOC_READONLY,
		SECMALLOC_READWRITE,
	};

	start_with(1, 0);
	for (int opened = 0; opened < 2; opened++)
		for (size_t i = 0; i < 3; i++) {
			char *chunk = hide(secmalloc_guarded(100)), *again;

			memset(chunk, 'x', 100);
			if (secmalloc_protect(chunk, all[i]) != 0
			    || (opened
			        && secmalloc_open(chunk, SECMALLOC_READONLY)))
				return false;
			secfree(chunk);
			/* There is one cell only. It is clean, and open. */
			again = hide(secmalloc_guarded(100));
			if (again != chunk || writes_fault(again)
			    || again[0] != 0 || again[99] != 0)
				return false;
			secfree(again);
		}
	return stats_now().guarded_free == 1 && secmalloc_audit() == 0;
}

static bool resized(void)
{
	char *chunk, *moved;

	start();
	chunk = secmalloc_guarded(32);
	strcpy(chunk, "secret");
	secmalloc_protect(chunk, SECMALLOC_NOACCESS);
	moved = secrealloc(chunk, 48);
	if (moved == NULL || strcmp(moved, "secret") != 0
	    || (uintptr_t)(moved + 48) % page != 0 || moved[47] != 0)
		return false;
	moved = secrealloc(moved, 4);
	/* What cannot be had leaves it as it is, access and all. */
	secmalloc_protect(moved, SECMALLOC_NOACCESS);
	errno = 0;
	if (secrealloc(moved, hide_size(SIZE_MAX)) != NULL || errno != ENOMEM
	    || !reads_fault(moved))
		return false;
	secmalloc_protect(moved, SECMALLOC_READONLY);
	return memcmp(moved, "secr", 4) == 0 && stats_now().guarded_chunks == 1
	       && secmalloc_audit() == 0;
}

static bool become_nobody(void)
{
	struct rlimit none = {0, 0};

	return setrlimit(RLIMIT_MEMLOCK, &none) == 0
	       && (geteuid() != 0
	           || (setgroups(0, NULL) == 0
	               && setresgid(NOBODY, NOBODY, NOBODY) == 0
	               && setresuid(NOBODY, NOBODY, NOBODY) == 0));
}

/* With one cell, and no other to be had. */
static bool resized_where_it_is(void)
{
	char *chunk;

	start_with(1, 0);
	if (!become_nobody())
		return false;
	chunk = secmalloc_guarded(64);
	memset(chunk, 'x', 64);
	secmalloc_protect(chunk, SECMALLOC_NOACCESS);
	chunk = secrealloc(chunk, 32);
	if (chunk == NULL || chunk[0] != 'x' || chunk[31] != 'x'
	    || !writes_fault(chunk + 32) || secmalloc_audit() != 0)
		return false;
	chunk = secrealloc(chunk, 4000);
	if (chunk == NULL || chunk[31] != 'x' || chunk[32] != 0
	    || chunk[3999] != 0 || !writes_fault(chunk + 4000)
	    || secmalloc_audit() != 0)
		return false;
	errno = 0;
	if (secrealloc(chunk, 5000) != NULL || errno != ENOMEM
	    || chunk[31] != 'x')
		return false;
	secfree(chunk);
	return stats_now().chunks == 0 && secmalloc_audit() == 0;
}

/* ---- Threads ------------------------------------------------------------ */

static pthread_barrier_t barrier;
static char *shared_chunk;

/* The second of two threads that have it open at the same time. */
static void *read_for_longer(void *unused)
{
	bool ok = secmalloc_open(shared_chunk, SECMALLOC_READONLY) == 0;

	pthread_barrier_wait(&barrier); /* both have it open */
	pthread_barrier_wait(&barrier); /* the other has closed it */
	ok = ok && *(volatile char *)shared_chunk == 's'
	     && secmalloc_close(shared_chunk) == 0;
	return ok ? unused : NULL;
}

static bool open_for_two_threads(void)
{
	pthread_t thread;
	void *result;

	start();
	pthread_barrier_init(&barrier, NULL, 2);
	shared_chunk = secmalloc_guarded(32);
	strcpy(shared_chunk, "secret");
	secmalloc_protect(shared_chunk, SECMALLOC_NOACCESS);
	pthread_create(&thread, NULL, read_for_longer, shared_chunk);
	if (secmalloc_open(shared_chunk, SECMALLOC_READWRITE) != 0)
		return false;
	pthread_barrier_wait(&barrier);
	shared_chunk[5] = 'T';
	if (secmalloc_close(shared_chunk) != 0)
		return false;
	pthread_barrier_wait(&barrier);
	pthread_join(thread, &result);
	return result != NULL && reads_fault(shared_chunk)
	       && secmalloc_close(shared_chunk) == -1 && errno == EINVAL;
}

static bool open_counts(void)
{
	char *chunk;

	start();
	chunk = secmalloc_guarded(32);
	if (secmalloc_protect(chunk, SECMALLOC_NOACCESS) != 0
	    || secmalloc_open(chunk, SECMALLOC_READONLY) != 0
	    || reads_fault(chunk) || !writes_fault(chunk)
	    || secmalloc_open(chunk, SECMALLOC_READWRITE) != 0
	    || writes_fault(chunk) || secmalloc_close(chunk) != 0
	    || writes_fault(chunk))
		return false;
	/* What is set meanwhile holds from the last close on. */
	if (secmalloc_protect(chunk, SECMALLOC_READONLY) != 0
	    || writes_fault(chunk) || secmalloc_audit() != 0
	    || secmalloc_close(chunk) != 0 || reads_fault(chunk)
	    || !writes_fault(chunk))
		return false;
	/* Opening for less than there is takes nothing away. */
	return secmalloc_protect(chunk, SECMALLOC_READWRITE) == 0
	       && secmalloc_open(chunk, SECMALLOC_READONLY) == 0
	       && !writes_fault(chunk) && secmalloc_close(chunk) == 0
	       && !writes_fault(chunk) && secmalloc_audit() == 0;
}

/* ---- Errors ------------------------------------------------------------- */

static bool all_refuse(void *ptr, int code)
{
	int got[3] = {0};

	errno = 0;
	if (secmalloc_protect(ptr, SECMALLOC_NOACCESS) == -1)
		got[0] = errno;
	if (secmalloc_open(ptr, SECMALLOC_READONLY) == -1)
		got[1] = errno;
	if (secmalloc_close(ptr) == -1)
		got[2] = errno;
	return got[0] == code && got[1] == code && got[2] == code;
}

static bool errors(void)
{
	char *chunk, *other, local = 0;

	if (!all_refuse(NULL, ENXIO) || secmalloc_guarded(1) != NULL
	    || errno != ENXIO)
		return false;
	start();
	chunk = secmalloc_guarded(32);
	other = secmalloc(32);
	if (!all_refuse(NULL, EINVAL) || !all_refuse(&local, EINVAL)
	    || !all_refuse(other, EINVAL) || !all_refuse(chunk + 1, EINVAL)
	    || !all_refuse(chunk - 1, EINVAL) || !all_refuse(chunk + 32, EINVAL)
	    || strstr(secmalloc_error(), "no guarded chunk starts at") == NULL)
		return false;
	if (secmalloc_protect(chunk, (enum secmalloc_access)3) != -1
	    || errno != EINVAL
	    || secmalloc_open(chunk, SECMALLOC_NOACCESS) != -1
	    || errno != EINVAL || writes_fault(chunk))
		return false;
	errno = 0;
	if (secmalloc_guarded(hide_size(SIZE_MAX)) != NULL || errno != ENOMEM
	    || secmalloc_guarded(hide_size(PTRDIFF_MAX)) != NULL
	    || errno != ENOMEM)
		return false;
	secfree(chunk);
	if (!all_refuse(chunk, EINVAL))
		return false;
	secmalloc_fini();
	return all_refuse(chunk, ENXIO);
}

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

/* Damage that an audit sees: to a canary, and to a free cell. */
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

/* ---- What it takes ------------------------------------------------------ */

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
	if (!become_nobody())
		return false;
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
	/* None is as large as this. */
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
		case_skip();
	if (locked != (CELLS + 1 + 4) * page || !writes_fault(large + 3 * page))
		return false;
	secfree(large);
	if (hide(secmalloc_guarded(2 * page + 1)) != large + page - 16)
		return false;
	secfree(large + page - 16);
	/* It is used for small ones too when the others are gone. */
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
			if (chunks[i] == NULL)
				syscall(SYS_exit, 1);
			chunks[i][31] = 1;
		}
		for (int i = 0; i < CELLS; i++)
			secfree(chunks[i]);
	}
	syscall(SYS_exit, 0);
	return false;
}

/* Every mapping that the process may have is there: none can be split. */
static bool where_no_mapping_can_be_split(void)
{
	char *chunk, *plain, *many;
	size_t most = (size_t)70000 * 2 * page;

	start();
	chunk = secmalloc_guarded(32);
	plain = mmap(NULL, 3 * page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1,
	             0);
	many = mmap(NULL, most, PROT_NONE,
	            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (many == MAP_FAILED)
		case_skip();
	for (size_t at = 0; at < most; at += 2 * page)
		if (mprotect(many + at, page, PROT_READ) != 0)
			break;
	if (mprotect(plain + page, page, PROT_NONE) == 0) {
		tap_note("control: a mapping could still be split");
		case_skip();
	}
	for (int i = 0; i < 10; i++)
		if (secmalloc_protect(chunk, SECMALLOC_NOACCESS) != 0
		    || !reads_fault(chunk)
		    || secmalloc_protect(chunk, SECMALLOC_READONLY) != 0
		    || secmalloc_protect(chunk, SECMALLOC_READWRITE) != 0
		    || writes_fault(chunk))
			return false;
	return true;
}

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
		/* Nothing else can come to lie there. */
		_exit(!ok || secmalloc_owns(chunk)
		      || !proc_mapping_of(chunk, &mapping)
		      || strcmp(mapping.access, "---p") != 0);
	}
	waitpid(pid, &status, 0);
	return status == 0 && !writes_fault(chunk) && secmalloc_audit() == 0;
}

/* What the child of a fork does with the two chunks of its parent. */
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
		case_skip();
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
	tap_needs_plain_build();
	page = (size_t)sysconf(_SC_PAGESIZE);
	if (page != 4096)
		tap_skip_all("the figures are those of pages of 4 KiB");

	try_case("control: plain memory does not fault",
	         plain_memory_does_not_fault);
	try_case("a chunk ends at its guard, whatever its size",
	         lies_at_the_guard);
	try_case("past the end and before the page: SIGSEGV at that byte",
	         overflow_faults_at_its_byte);
	try_case("reading NOACCESS and writing READONLY: the same",
	         access_is_kept);
	try_case("secfree works from any access", freed_from_any_access);
	try_case("secrealloc moves it", resized);
	try_case("or resizes it where it is", resized_where_it_is);
	try_case("open for two threads", open_for_two_threads);
	try_case("open and close count", open_counts);
	try_case("errors", errors);
	try_case("sizes that are too large", bad_sizes);
	try_case("an audit sees damage", audited);
	try_case("prepared: locked, each a mapping of its own",
	         locked_beforehand);
	try_case("after the drop, with a limit of 0", after_the_drop);
	try_case("larger ones are made, and kept", larger_ones_are_kept);
	try_case("no system call takes or frees a prepared one",
	         without_a_system_call);
	try_case("access changes where no mapping can be split",
	         where_no_mapping_can_be_split);
	try_case("a child has none of it", gone_in_a_child);
	try_case("a child that keeps has locked copies, closed or not",
	         kept_in_a_child);
	try_case("a child that wipes has zeros and new ones", empty_in_a_child);
	try_case("fini unmaps it, whatever its access", unmapped_by_fini);
	tap_done();
}
