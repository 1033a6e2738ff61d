/*
 * os.h - all that the library asks of the kernel
 *
 * One file per platform implements it. Addresses and lengths are whole pages,
 * unless a call says otherwise. A function that returns int gives 0, or -1 with
 * errno; no call fails with EINTR, and none is a cancellation point.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SMI_OS_H
#define SMI_OS_H

#include "base.h"

enum smi_advice {
	SMI_ADVICE_DONTDUMP,    /* not in core dumps */
	SMI_ADVICE_DONTFORK,    /* not in children */
	SMI_ADVICE_UNMERGEABLE, /* not shared with equal pages */
	SMI_ADVICE_NOHUGEPAGE,  /* no huge pages, which blur locks and guards */
	SMI_ADVICES
};

/* What may be locked, in bytes; SIZE_MAX is no limit. */
struct smi_lock_limits {
	size_t soft, hard;
	bool privileged; /* CAP_IPC_LOCK that counts: the limits do not bind */
};

/* Bytes of a page, a power of two. */
size_t smi_os_page_bytes(void);

/* Reserve addresses: inaccessible, backed by nothing. NULL: ENOMEM, EPERM. */
void *smi_os_reserve(size_t bytes);

/* Undo smi_os_reserve(), whatever was done to parts since. */
void smi_os_release(void *at, size_t bytes);

/* Make a part of a reservation readable and writable. ENOMEM, EPERM. */
int smi_os_open(void *at, size_t bytes);

/* Unlock a part, drop what it holds, and make it inaccessible again. */
void smi_os_close(void *at, size_t bytes);

/*
 * Lock into memory; any addresses. EPERM (no right), ENOMEM (limit, memory, or
 * not mapped), EINVAL (the range wraps round).
 */
int smi_os_lock(const void *at, size_t bytes);
int smi_os_unlock(const void *at, size_t bytes);

/* ENOTSUP if the kernel does not know the advice; ENOMEM, EPERM. */
int smi_os_advise(const void *at, size_t bytes, enum smi_advice advice);

/* Unpredictable bytes. ENOSYS. */
int smi_os_entropy(void *to, size_t bytes);

void smi_os_lock_limits(struct smi_lock_limits *limits);

/* The bytes that a core dump may have, SIZE_MAX is no limit. */
struct smi_core_limits {
	size_t soft, hard;
};
void smi_os_core_limits(struct smi_core_limits *limits);

/* Set both to `bytes`. EPERM: the hard limit is lower. */
int smi_os_limit_cores(size_t bytes);

/* Whether the process may be dumped and traced: 0 no, 1 yes, 2 dumps go to
 * root. -1 with errno. */
int smi_os_dumpable(void);
int smi_os_set_dumpable(bool dumpable);

/*
 * Make addresses at which nothing is mapped inaccessible, so that nothing will
 * be. EEXIST if something is.
 */
int smi_os_block(void *at, size_t bytes);

/* Have these called round every fork() from now on. ENOMEM. */
int smi_os_at_fork(void (*prepare)(void), void (*parent)(void),
                   void (*child)(void));

/*
 * Have this called at the end of each thread that marks itself from now on, but
 * not when the process ends. Once only. ENOMEM, EAGAIN.
 */
int smi_os_at_thread_end(void (*end)(void *mark));

/* Mark the calling thread; not with NULL. ENOMEM. */
int smi_os_mark_thread(void *mark);

/*
 * A full memory barrier on all processors that run a thread of this process.
 * The first call asks for it once, beforehand: ENOSYS, or what a filter of
 * system calls answers.
 */
int smi_os_barrier_prepare(void);
int smi_os_barrier(void);

/* Wait a little for another thread, longer after the first few times. */
void smi_os_pause(unsigned times);

#endif /* SMI_OS_H */
