/*
 * posix.c - what systems with mlock(2) and mmap(2) share
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "os/posix.h"

#include "os/os.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

/* ---- Memory ------------------------------------------------------------- */

size_t smi_os_page_bytes(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

void *smi_os_reserve(size_t bytes)
{
	void *at = mmap(NULL, bytes, PROT_NONE, smi_posix_map_flags, -1, 0);

	if (at != MAP_FAILED) {
		/* After mlockall(MCL_FUTURE) the kernel locks every new
		 * mapping. Undo that: the library itself locks the parts that
		 * it uses. */
		munlock(at, bytes);
		return at;
	}
	if (errno != EPERM && errno != EAGAIN)
		errno = ENOMEM;
	return NULL;
}

void smi_os_release(void *at, size_t bytes)
{
	munmap(at, bytes);
}

int smi_os_protect(void *at, size_t bytes, enum secmalloc_access access)
{
	static const int protections[] = {
		[SECMALLOC_NOACCESS] = PROT_NONE,
		[SECMALLOC_READONLY] = PROT_READ,
		[SECMALLOC_READWRITE] = PROT_READ | PROT_WRITE,
	};

	if (mprotect(at, bytes, protections[access]) == 0)
		return 0;
	/* Any other errno comes from a system call filter. */
	if (errno != ENOMEM)
		errno = errno == EAGAIN ? ENOMEM : EPERM;
	return -1;
}

int smi_os_open(void *at, size_t bytes)
{
	return smi_os_protect(at, bytes, SECMALLOC_READWRITE);
}

int smi_os_lock(const void *at, size_t bytes)
{
	if (mlock(at, bytes) == 0)
		return 0;
	/* EAGAIN: some pages could not be locked. Any other errno comes from a
	 * system call filter, which may answer anything. */
	if (errno == EAGAIN)
		errno = ENOMEM;
	else if (errno != ENOMEM && errno != EINVAL)
		errno = EPERM;
	return -1;
}

int smi_os_unlock(const void *at, size_t bytes)
{
	return munlock(at, bytes);
}

int smi_os_block(void *at, size_t bytes, bool zeros)
{
	void *got = mmap(at, bytes, zeros ? PROT_READ : PROT_NONE,
	                 smi_posix_map_flags | smi_posix_no_replace_flags, -1,
	                 0);

	if (got == at)
		return 0;
	if (got != MAP_FAILED) {
		munmap(got, bytes);
		errno = EEXIST;
	}
	return -1;
}

/* msync() with this flag only looks whether there are mappings. */
bool smi_os_is_mapped(void *at, size_t bytes)
{
	bool mapped;
	int state;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	mapped = msync(at, bytes, MS_ASYNC) == 0;
	pthread_setcancelstate(state, NULL);
	return mapped;
}

/* ---- Limits ------------------------------------------------------------- */

static size_t limit_bytes(rlim_t limit)
{
	size_t bytes = (size_t)limit;

	return limit == RLIM_INFINITY || (rlim_t)bytes != limit ? SIZE_MAX
	                                                        : bytes;
}

static void limits_bytes(const struct rlimit *limits, size_t *soft,
                         size_t *hard)
{
	*soft = limit_bytes(limits->rlim_cur);
	*hard = limit_bytes(limits->rlim_max);
}

int smi_os_lock_limits(struct smi_lock_limits *limits)
{
	struct rlimit lock;

	if (getrlimit(RLIMIT_MEMLOCK, &lock) != 0)
		return -1;
	limits_bytes(&lock, &limits->soft, &limits->hard);
	return 0;
}

static void say_limit(struct smi_text *text, size_t bytes, const char *which)
{
	if (bytes == SIZE_MAX)
		smi_text_add(text, "unlimited %s", which);
	else
		smi_text_add(text, "%zu %s", bytes, which);
}

void smi_posix_say_lock_limits(struct smi_text *text,
                               const struct smi_lock_limits *limits, int code)
{
	if (code != 0) {
		smi_text_add(text,
		             "RLIMIT_MEMLOCK could not be read (errno %d)",
		             code);
		return;
	}
	smi_text_add(text, "RLIMIT_MEMLOCK is ");
	say_limit(text, limits->soft, "soft and ");
	say_limit(text, limits->hard, "hard");
}

int smi_os_core_limits(struct smi_core_limits *limits)
{
	struct rlimit core;

	if (getrlimit(RLIMIT_CORE, &core) != 0)
		return -1;
	limits_bytes(&core, &limits->soft, &limits->hard);
	return 0;
}

int smi_os_stop_cores(void)
{
	struct rlimit core = {smi_posix_no_core_bytes, smi_posix_no_core_bytes};

	return setrlimit(RLIMIT_CORE, &core);
}

/* ---- Threads ------------------------------------------------------------ */

int smi_os_at_fork(void (*prepare)(void), void (*parent)(void),
                   void (*child)(void))
{
	int code = pthread_atfork(prepare, parent, child);

	if (code == 0)
		return 0;
	errno = code;
	return -1;
}

static pthread_key_t thread_mark;

int smi_os_at_thread_end(void (*end)(void *mark))
{
	int code = pthread_key_create(&thread_mark, end);

	if (code == 0)
		return 0;
	errno = code;
	return -1;
}

void smi_os_forget_thread_end(void)
{
	pthread_key_delete(thread_mark);
}

int smi_os_mark_thread(void *mark)
{
	int code = pthread_setspecific(thread_mark, mark);

	if (code == 0)
		return 0;
	errno = code;
	return -1;
}

/* The thread that is waited for may have a lower priority, so after a while
 * this sleeps: sched_yield() lets only threads of the same priority run. */
void smi_os_pause(unsigned times)
{
	static const struct timespec nap = {.tv_nsec = 100000};
	int state;

	if (times < 50) {
		sched_yield();
		return;
	}
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	nanosleep(&nap, NULL);
	pthread_setcancelstate(state, NULL);
}
