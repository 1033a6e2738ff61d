/*
 * secmalloc_protect(), secmalloc_open() and secmalloc_close() give a guarded
 * chunk exactly the access that was asked for, for one thread and for two.
 *
 * SPDX-License-Identifier: ISC
 */
#include "guarded.h"
#include "thread.h"

#include <pthread.h>
#include <sys/mman.h>

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
			/* There is only one cell, so this is the same one. It
			 * is zeroed and open. */
			again = hide(secmalloc_guarded(100));
			if (again != chunk || writes_fault(again)
			    || again[0] != 0 || again[99] != 0)
				return false;
			secfree(again);
		}
	return stats_now().guarded_free == 1 && secmalloc_audit() == 0;
}

static pthread_barrier_t barrier;
static char *shared_chunk;

/* The second of two threads that have the chunk open at the same time. */
static void *read_for_longer(void *unused)
{
	bool ok = secmalloc_open(shared_chunk, SECMALLOC_READONLY) == 0;

	pthread_barrier_wait(&barrier); /* both threads have it open */
	pthread_barrier_wait(&barrier); /* the other thread has closed it */
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
	thread_begin(&thread, read_for_longer, shared_chunk);
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
	/* An access that is set while the chunk is open takes effect at the
	 * last close. */
	if (secmalloc_protect(chunk, SECMALLOC_READONLY) != 0
	    || writes_fault(chunk) || secmalloc_audit() != 0
	    || secmalloc_close(chunk) != 0 || reads_fault(chunk)
	    || !writes_fault(chunk))
		return false;
	/* Opening a chunk for less access than it has takes nothing away. */
	return secmalloc_protect(chunk, SECMALLOC_READWRITE) == 0
	       && secmalloc_open(chunk, SECMALLOC_READONLY) == 0
	       && !writes_fault(chunk) && secmalloc_close(chunk) == 0
	       && !writes_fault(chunk) && secmalloc_audit() == 0;
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

/* The process has as many mappings as it may have, so no mapping can be
 * split. */
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
		case_skip("%zu bytes cannot be mapped: %s", most,
		          strerror(errno));
	for (size_t at = 0; at < most; at += 2 * page)
		if (mprotect(many + at, page, PROT_READ) != 0)
			break;
	if (mprotect(plain + page, page, PROT_NONE) == 0) {
		case_skip("this kernel does not limit the number of mappings");
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

int main(void)
{
	guarded_start();
	try_case(
		"reads fault with NOACCESS, and writes fault with READONLY and "
		"NOACCESS",
		access_is_kept);
	try_case("secfree works whatever the access of a chunk",
	         freed_from_any_access);
	try_case("a chunk stays open until both of two threads have closed it",
	         open_for_two_threads);
	try_case("a chunk is closed by as many closes as there were opens",
	         open_counts);
	try_case("invalid pointers, accesses and sizes are refused", errors);
	try_case("the access can be changed when no mapping can be split",
	         where_no_mapping_can_be_split);
	tap_done();
}
