/*
 * linux.c - everything that the library asks of the kernel: Linux
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "os/os.h"
#include "os/posix.h"

#include <errno.h>
#include <linux/membarrier.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

/* A kernel before 4.17 ignores this flag and takes the address as a hint. */
#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

const int smi_posix_map_flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
const int smi_posix_no_replace_flags = MAP_FIXED_NOREPLACE;

/* One byte is too little for a core file, and at exactly this limit the kernel
 * does not start the program that core_pattern pipes to. */
const rlim_t smi_posix_no_core_bytes = 1;

void smi_os_close(void *at, size_t bytes)
{
	munlock(at, bytes);
	madvise(at, bytes, MADV_DONTNEED);
	mprotect(at, bytes, PROT_NONE);
}

static int madvice_of(unsigned advice)
{
	switch (advice) {
	case SECMALLOC_ADVICE_DONTDUMP:
		return MADV_DONTDUMP;
	case SECMALLOC_ADVICE_DONTFORK:
		return MADV_DONTFORK;
	case SECMALLOC_ADVICE_UNMERGEABLE:
		return MADV_UNMERGEABLE;
	case SECMALLOC_ADVICE_NOHUGEPAGE:
		return MADV_NOHUGEPAGE;
	default: /* SMI_ADVICE_DOFORK */
		return MADV_DOFORK;
	}
}

int smi_os_advise(const void *at, size_t bytes, unsigned advice)
{
	if (madvise((void *)(uintptr_t)at, bytes, madvice_of(advice)) == 0)
		return 0;
	/* The addresses are whole pages, so EINVAL can only be about the
	 * advice. EAGAIN: there are too many mappings to split one. */
	if (errno == EINVAL)
		errno = ENOTSUP;
	else if (errno == EAGAIN)
		errno = ENOMEM;
	else if (errno != ENOMEM)
		errno = EPERM;
	return -1;
}

int smi_os_dont_dump(const void *at, size_t bytes)
{
	return smi_os_advise(at, bytes, SECMALLOC_ADVICE_DONTDUMP);
}

int smi_os_entropy(void *to, size_t bytes)
{
	unsigned char *at = to;
	ssize_t n = 0;
	int state;

	/* Callers hold locks, so the thread must not be cancelled here. */
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	while (bytes > 0 && (n >= 0 || errno == EINTR)) {
		n = getrandom(at, bytes, 0);
		at += n > 0 ? n : 0;
		bytes -= n > 0 ? (size_t)n : 0;
	}
	pthread_setcancelstate(state, NULL);
	if (bytes == 0)
		return 0;
	errno = ENOSYS;
	return -1;
}

bool smi_os_fork_copies(void)
{
	return false;
}

int smi_os_dumpable(void)
{
	return prctl(PR_GET_DUMPABLE, 0, 0, 0, 0);
}

int smi_os_set_dumpable(bool dumpable)
{
	return prctl(PR_SET_DUMPABLE, dumpable ? 1L : 0L, 0, 0, 0);
}

int smi_os_barrier_prepare(void)
{
	return (int)syscall(SYS_membarrier,
	                    MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0);
}

int smi_os_barrier(void)
{
	return (int)syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0,
	                    0);
}

void smi_os_start_lock(pthread_mutex_t *lock)
{
	pthread_mutexattr_t attributes;

	pthread_mutexattr_init(&attributes);
#if defined(__GLIBC__)
	pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_ADAPTIVE_NP);
#endif
	pthread_mutex_init(lock, &attributes);
	pthread_mutexattr_destroy(&attributes);
}

/*
 * exit() calls the functions of atexit() before the loader, or the C library of
 * a static program, runs any destructor. dlclose() runs the object's
 * destructors in the order of the linker: those without a priority, the
 * compiler's own, which calls the object's functions of atexit(), and those
 * with a priority. musl never unloads an object.
 */
int smi_os_at_exit(void (*act)(void))
{
	if (atexit(act) == 0)
		return 0;
	errno = ENOMEM;
	return -1;
}

bool smi_os_signal_has_address(const siginfo_t *info)
{
	return info->si_code > 0;
}

/* BUS_MCEERR_AO reports bad memory that no instruction of this thread has
 * touched. */
bool smi_os_signal_is_sent(int signal, const siginfo_t *info)
{
	return !smi_os_signal_has_address(info)
	       || (signal == SIGBUS && info->si_code == BUS_MCEERR_AO);
}

void smi_os_drop_signal(int signal)
{
	static const struct timespec none;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, signal);
	sigtimedwait(&set, NULL, &none);
}
