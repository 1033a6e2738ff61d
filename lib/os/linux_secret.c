/*
 * linux_secret.c - memory that only this process can read: memfd_secret(2)
 *
 * The kernel removes these pages from its own map of all memory, so that
 * nothing that reads another process's memory through the kernel can reach
 * them.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "os/os.h"
#include "os/signals.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Headers older than Linux 5.14 lack this number. It is the same on all
 * architectures that have the call. */
#ifndef SYS_memfd_secret
#define SYS_memfd_secret 447
#endif

/*
 * Held while a descriptor of secret memory is open, or a mapping of it is not
 * yet in its final place: a child that was forked meanwhile would share the
 * memory instead of having none or a copy.
 */
static pthread_mutex_t forks = PTHREAD_MUTEX_INITIALIZER;

/*
 * How many times this thread holds `forks`. Another library's fork handler may
 * make the arena grow while a fork holds it, and on_fault may fork while a
 * growth holds it.
 */
static _Thread_local unsigned held SMI_TLS_MODEL;

void smi_os_fork_begin(void)
{
	if (held++ == 0)
		pthread_mutex_lock(&forks);
}

void smi_os_fork_end(void)
{
	if (--held == 0)
		pthread_mutex_unlock(&forks);
}

/* The errno that os.h documents for one of the kernel's. */
static int documented(int code)
{
	struct smi_lock_limits limits;

	switch (code) {
	case ENOSYS:
		return ENOTSUP;
	case EAGAIN:
		return smi_os_lock_limits(&limits) == 0 && limits.soft == 0
		               ? EPERM
		               : ENOMEM;
	case EFBIG:
	case EMFILE:
	case ENFILE:
	case ENOMEM:
		return code;
	default:
		/* A system call filter may answer anything. */
		return EPERM;
	}
}

/* As ftruncate(), but without the signal that it raises past RLIMIT_FSIZE. */
static int set_size_without_signal(int fd, off_t bytes)
{
	sigset_t too_large, before;
	int result, code;

	sigemptyset(&too_large);
	sigaddset(&too_large, SIGXFSZ);
	pthread_sigmask(SIG_BLOCK, &too_large, &before);
	result = ftruncate(fd, bytes);
	code = errno;
	if (result != 0 && code == EFBIG)
		smi_os_drop_signal(SIGXFSZ);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	errno = code;
	return result;
}

/* A descriptor of secret memory of `bytes`, or -1. */
static int open_file(size_t bytes)
{
	struct rlimit size;
	bool is_known = getrlimit(RLIMIT_FSIZE, &size) == 0;
	int code, fd;

	if (is_known && size.rlim_cur != RLIM_INFINITY
	    && bytes > size.rlim_cur) {
		errno = EFBIG;
		return -1;
	}
	fd = (int)syscall(SYS_memfd_secret, O_CLOEXEC);
	if (fd < 0)
		return -1;
	if ((is_known ? ftruncate(fd, (off_t)bytes)
	              : set_size_without_signal(fd, (off_t)bytes))
	    == 0)
		return fd;
	code = errno;
	close(fd);
	errno = code;
	return -1;
}

/* Map secret memory at any address, or NULL. Its pages are not resident yet. */
static void *map_secret(size_t bytes)
{
	int fd = open_file(bytes), code;
	void *at;

	if (fd < 0)
		return NULL;
	at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	code = errno;
	/* The descriptor gives access to the memory. */
	close(fd);
	errno = code;
	return at != MAP_FAILED ? at : NULL;
}

/* Make the pages resident. MAP_POPULATE and mlock() do not do that for secret
 * memory. */
static void touch(volatile unsigned char *at, size_t bytes)
{
	size_t page_bytes = smi_os_page_bytes();

	for (size_t i = 0; i < bytes; i += page_bytes)
		at[i] = 0;
}

/*
 * Secret memory is made at another address and moved to `at` as the last step,
 * after every step that a limit can refuse. If it were mapped at `at` directly,
 * the kernel could unmap what was there and then refuse the new mapping, and
 * another thread's mapping could end up in the hole. `from` is what to copy, or
 * NULL.
 */
static int open_secret(void *at, size_t bytes, bool in_children,
                       const void *from)
{
	void *made = map_secret(bytes);
	int code;

	if (made == NULL)
		return -1;
	if (in_children || madvise(made, bytes, MADV_DONTFORK) == 0) {
		touch(made, bytes);
		if (from != NULL)
			memcpy(made, from, bytes);
		if (mremap(made, bytes, bytes, MREMAP_MAYMOVE | MREMAP_FIXED,
		           at)
		    == at)
			return 0;
	}
	code = errno;
	munmap(made, bytes);
	errno = code;
	return -1;
}

/* open_secret() while no fork can happen, not even in a signal handler, and
 * with cancellation disabled. */
static int open_between_forks(void *at, size_t bytes, bool in_children,
                              const void *from)
{
	sigset_t before;
	int state, result;

	smi_signals_block(&before);
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	smi_os_fork_begin();
	result = open_secret(at, bytes, in_children, from);
	if (result != 0)
		errno = documented(errno);
	smi_os_fork_end();
	pthread_setcancelstate(state, NULL);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return result;
}

int smi_os_open_secret(void *at, size_t bytes, bool in_children)
{
	return open_between_forks(at, bytes, in_children, NULL);
}

int smi_os_copy_secret(void *at, size_t bytes, bool in_children)
{
	return open_between_forks(at, bytes, in_children, at);
}

int smi_os_move(void *from, size_t bytes, void *to)
{
	if (mremap(from, bytes, bytes, MREMAP_MAYMOVE | MREMAP_FIXED, to) == to)
		return 0;
	if (errno != ENOMEM)
		errno = EPERM;
	return -1;
}
