/*
 * os_linux.c - all that the library asks of the kernel: Linux
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "os.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/membarrier.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* A kernel before 4.17 takes the flag for none and the address for a wish. */
#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

#define RESERVE_FLAGS (MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE)

size_t smi_os_page_bytes(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

void *smi_os_reserve(size_t bytes)
{
	void *at = mmap(NULL, bytes, PROT_NONE, RESERVE_FLAGS, -1, 0);

	if (at != MAP_FAILED) {
		/* After mlockall(MCL_FUTURE) all that is mapped counts as
		 * locked; what is to be locked, this library says itself. */
		munlock(at, bytes);
		return at;
	}
	/* EAGAIN: the lock limit is too small for the addresses, after that. */
	if (errno != EPERM)
		errno = ENOMEM;
	return NULL;
}

void smi_os_release(void *at, size_t bytes)
{
	munmap(at, bytes);
}

int smi_os_protect(void *at, size_t bytes, enum smi_access access)
{
	static const int protections[] = {
		[SMI_NOACCESS] = PROT_NONE,
		[SMI_READONLY] = PROT_READ,
		[SMI_READWRITE] = PROT_READ | PROT_WRITE,
	};

	if (mprotect(at, bytes, protections[access]) == 0)
		return 0;
	/* Others are those of a filter of system calls. */
	if (errno != ENOMEM)
		errno = errno == EAGAIN ? ENOMEM : EPERM;
	return -1;
}

int smi_os_open(void *at, size_t bytes)
{
	return smi_os_protect(at, bytes, SMI_READWRITE);
}

void smi_os_close(void *at, size_t bytes)
{
	munlock(at, bytes);
	madvise(at, bytes, MADV_DONTNEED);
	mprotect(at, bytes, PROT_NONE);
}

int smi_os_lock(const void *at, size_t bytes)
{
	if (mlock(at, bytes) == 0)
		return 0;
	/* EAGAIN: some pages could not be had. Others are those of a filter of
	 * system calls, which may answer what it likes. */
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

int smi_os_advise(const void *at, size_t bytes, enum smi_advice advice)
{
	static const int madvice[] = {
		[SMI_ADVICE_DONTDUMP] = MADV_DONTDUMP,
		[SMI_ADVICE_DONTFORK] = MADV_DONTFORK,
		[SMI_ADVICE_UNMERGEABLE] = MADV_UNMERGEABLE,
		[SMI_ADVICE_NOHUGEPAGE] = MADV_NOHUGEPAGE,
		[SMI_ADVICE_DOFORK] = MADV_DOFORK,
	};

	if (madvise((void *)(uintptr_t)at, bytes, madvice[advice]) == 0)
		return 0;
	/* The addresses are whole pages, so EINVAL can only mean the advice.
	 * EAGAIN: there are too many mappings to split one. */
	if (errno == EINVAL)
		errno = ENOTSUP;
	else if (errno == EAGAIN)
		errno = ENOMEM;
	else if (errno != ENOMEM)
		errno = EPERM;
	return -1;
}

int smi_os_entropy(void *to, size_t bytes)
{
	unsigned char *at = to;
	ssize_t n = 0;
	int state;

	/* The callers of this file hold locks: no thread may end here. */
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

/*
 * Whether the user ids are those of the machine. In a user namespace of its own
 * a process has every capability, but this one does not count there.
 */
static bool is_initial_user_namespace(void)
{
	static const char all[] = "         0          0 4294967295";
	char map[sizeof(all)] = {0};
	bool is_all;
	int state, fd;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	fd = open("/proc/self/uid_map", O_RDONLY | O_CLOEXEC);
	is_all = fd >= 0
	         && read(fd, map, sizeof(map) - 1) == (ssize_t)sizeof(map) - 1
	         && memcmp(map, all, sizeof(all) - 1) == 0;
	/* No such file: the kernel knows no user namespaces. */
	if (fd < 0 && errno == ENOENT)
		is_all = access("/proc/self", F_OK) == 0;
	if (fd >= 0)
		close(fd);
	pthread_setcancelstate(state, NULL);
	return is_all;
}

/* Whether the thread has CAP_IPC_LOCK, asked of the kernel itself. */
static bool has_cap_ipc_lock(void)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {{0}};

	if (syscall(SYS_capget, &header, data) != 0)
		return false;
	return (data[CAP_TO_INDEX(CAP_IPC_LOCK)].effective
	        & CAP_TO_MASK(CAP_IPC_LOCK))
	       != 0;
}

static size_t limit_bytes(rlim_t limit)
{
	return limit == RLIM_INFINITY || limit > SIZE_MAX ? SIZE_MAX
	                                                  : (size_t)limit;
}

void smi_os_lock_limits(struct smi_lock_limits *limits)
{
	struct rlimit memlock = {RLIM_INFINITY, RLIM_INFINITY};

	getrlimit(RLIMIT_MEMLOCK, &memlock);
	limits->soft = limit_bytes(memlock.rlim_cur);
	limits->hard = limit_bytes(memlock.rlim_max);
	limits->privileged = has_cap_ipc_lock() && is_initial_user_namespace();
}

void smi_os_core_limits(struct smi_core_limits *limits)
{
	struct rlimit core = {RLIM_INFINITY, RLIM_INFINITY};

	getrlimit(RLIMIT_CORE, &core);
	limits->soft = limit_bytes(core.rlim_cur);
	limits->hard = limit_bytes(core.rlim_max);
}

int smi_os_limit_cores(size_t bytes)
{
	struct rlimit core = {bytes, bytes};

	return setrlimit(RLIMIT_CORE, &core);
}

int smi_os_dumpable(void)
{
	return prctl(PR_GET_DUMPABLE, 0, 0, 0, 0);
}

int smi_os_set_dumpable(bool dumpable)
{
	return prctl(PR_SET_DUMPABLE, dumpable ? 1L : 0L, 0, 0, 0);
}

int smi_os_block(void *at, size_t bytes, bool zeros)
{
	void *got = mmap(at, bytes, zeros ? PROT_READ : PROT_NONE,
	                 RESERVE_FLAGS | MAP_FIXED_NOREPLACE, -1, 0);

	if (got == at)
		return 0;
	if (got != MAP_FAILED) {
		munmap(got, bytes);
		errno = EEXIST;
	}
	return -1;
}

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

int smi_os_mark_thread(void *mark)
{
	int code = pthread_setspecific(thread_mark, mark);

	if (code == 0)
		return 0;
	errno = code;
	return -1;
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

/*
 * A thread of low priority may be what is waited for: so after a while this
 * sleeps, and does not only let others of the same priority run.
 */
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
