/*
 * secmalloc_protect(), secmalloc_open() and secmalloc_close(): the access of a
 * guarded chunk is what was asked for, for one thread and for two.
 *
 * SPDX-License-Identifier: ISC
 */
#include "guarded.h"

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
			/* There is one cell only. It is clean, and open. */
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

int main(void)
{
	guarded_start();
	try_case("reading NOACCESS and writing READONLY: the same",
	         access_is_kept);
	try_case("secfree works from any access", freed_from_any_access);
	try_case("open for two threads", open_for_two_threads);
	try_case("open and close count", open_counts);
	try_case("errors", errors);
	try_case("access changes where no mapping can be split",
	         where_no_mapping_can_be_split);
	tap_done();
}
