/*
 * os.h - all that the library asks of the kernel
 *
 * The files of one platform implement it, proc.h and words.h: configure
 * chooses them. Addresses and lengths are whole pages, unless a call says
 * otherwise. A function that returns int gives 0, or -1 with errno; no call
 * fails with EINTR, and none is a cancellation point. What a platform has not
 * answers ENOTSUP, and never as if it had been done.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SMI_OS_H
#define SMI_OS_H

#include "base/base.h"

#include <pthread.h>
#include <secmalloc.h>
#include <signal.h>

/* Takes SECMALLOC_ADVICE_DONTFORK back; not a bit of the public ones. */
#define SMI_ADVICE_DOFORK 0x80000000u

/* What may be locked, in bytes; SIZE_MAX is no limit. */
struct smi_lock_limits {
	size_t soft, hard;
	bool privileged; /* a right that counts: the limits do not bind */
};

/* Bytes of a page, a power of two. */
size_t smi_os_page_bytes(void);

/* Reserve addresses: inaccessible, backed by nothing. NULL: ENOMEM, EPERM; or
 * ENOTSUP, if nothing can be locked on this platform. */
void *smi_os_reserve(size_t bytes);

/* Undo smi_os_reserve(), whatever was done to parts since. */
void smi_os_release(void *at, size_t bytes);

/* Set the access to a part of a reservation. ENOMEM, EPERM. */
int smi_os_protect(void *at, size_t bytes, enum secmalloc_access access);

/* Make a part of a reservation readable and writable. ENOMEM, EPERM. */
int smi_os_open(void *at, size_t bytes);

/* Undo smi_os_open() of a part to which nothing was written, locked or not. */
void smi_os_close(void *at, size_t bytes);

/*
 * Replace a part of a reservation by zeroed memory that only this process can
 * read, and not even root through the kernel. It is locked and there by its
 * nature, and in no core dump. A child does not have it, or with `in_children`
 * shares it, and is to make a copy of its own: the same with the bytes that are
 * there. On failure nothing has changed: ENOTSUP (the kernel has none), EPERM
 * (no right to lock, or a filter), ENOMEM (limit, memory, mappings), EMFILE and
 * ENFILE (it takes a descriptor for a moment), EFBIG (the limit on the size of
 * files).
 */
int smi_os_open_secret(void *at, size_t bytes, bool in_children);
int smi_os_copy_secret(void *at, size_t bytes, bool in_children);

/* Call these round every fork(), the second in both processes: else the child
 * shares secret memory that is just being made. */
void smi_os_fork_begin(void);
void smi_os_fork_end(void);

/*
 * Lock into memory; any addresses. EPERM (no right), ENOMEM (limit, memory, or
 * not mapped), EINVAL (the range wraps round), ENOTSUP.
 */
int smi_os_lock(const void *at, size_t bytes);
int smi_os_unlock(const void *at, size_t bytes);

/* Whether fork() copies what is locked, and the copy is not; else a child
 * shares such pages with its parent until one of them writes there. */
bool smi_os_fork_copies(void);

/*
 * Give advice about a part of a reservation: one of the SECMALLOC_ADVICE_ bits,
 * or SMI_ADVICE_DOFORK. ENOTSUP if the kernel does not know the advice; ENOMEM,
 * EPERM.
 */
int smi_os_advise(const void *at, size_t bytes, unsigned advice);

/* Leave any pages out of core dumps. The same errors. */
int smi_os_dont_dump(const void *at, size_t bytes);

/* Unpredictable bytes. ENOSYS. */
int smi_os_entropy(void *to, size_t bytes);

void smi_os_lock_limits(struct smi_lock_limits *limits);

/* The bytes that a core dump may have, SIZE_MAX is no limit. */
struct smi_core_limits {
	size_t soft, hard;
};
void smi_os_core_limits(struct smi_core_limits *limits);

/* Set both to what stops dumps wherever they go. EPERM: the hard limit is
 * lower. */
int smi_os_stop_cores(void);

/* Whether the process may be dumped and traced: 0 no, 1 yes, 2 dumps go to
 * root. -1 with errno; ENOTSUP: nothing keeps it from that, or it cannot be
 * told. */
int smi_os_dumpable(void);
int smi_os_set_dumpable(bool dumpable);

/*
 * Make addresses at which nothing is mapped inaccessible, so that nothing will
 * be; or, with `zeros`, let them read as zero and not be written to. Parts can
 * be opened. EEXIST if something is mapped there; ENOMEM.
 */
int smi_os_block(void *at, size_t bytes, bool zeros);

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
 * The first call asks for it once, beforehand: ENOSYS, ENOTSUP, or what a
 * filter of system calls answers.
 */
int smi_os_barrier_prepare(void);
int smi_os_barrier(void);

/* Initialize a lock that is held much shorter than it takes to sleep and be
 * woken: who waits for it spins a while, where the libc can. */
void smi_os_start_lock(pthread_mutex_t *lock);

/*
 * For handlers of SIGSEGV and SIGBUS: whether si_addr says where; whether it is
 * not of an instruction of this thread's, but was sent, or tells of memory that
 * nobody touched; and taking back a signal that is pending and blocked in this
 * thread, if it is. The last is a cancellation point, which the caller holds
 * off.
 */
bool smi_os_signal_has_address(const siginfo_t *info);
bool smi_os_signal_is_sent(int signal, const siginfo_t *info);
void smi_os_drop_signal(int signal);

/* ---- Processes (os_*_process.c) ----------------------------------------- */

/*
 * A gate, at which a parent waits for its child: both have the ends after a
 * fork, and each makes one of the calls that follow, which close them. A child
 * that dies opens it too. EMFILE, ENFILE, ENOMEM, or what a filter of system
 * calls answers.
 */
#define SMI_GATE_MOST_BYTES ((size_t)1024)
int smi_os_gate_make(int ends[2]);
/* In the child: leave a message of that many bytes at most, at least one. */
void smi_os_gate_open(int ends[2], const void *message, size_t bytes);
/* In the parent: false if the child died without a message of that length. */
bool smi_os_gate_wait(int ends[2], void *message, size_t bytes);
/* There is no child. */
void smi_os_gate_drop(int ends[2]);

/* Threads of this process, or 0 if the system does not say. */
size_t smi_os_threads(void);

/* The child's id in the parent, 0 in the child, -1: EAGAIN, ENOMEM, ENOSYS. */
int smi_os_fork(void);

/* Wait until a child has ended. */
void smi_os_reap(int child);

/* End the process, without its exit handlers. */
_Noreturn void smi_os_exit(int status);

/*
 * Leave the session; then, if asked to, go to the root directory and let the
 * standard streams be /dev/null. -1 with errno, and *step says what failed.
 */
int smi_os_leave_session(bool change_directory, bool close_streams,
                         const char **step);

/* Wait a little for another thread, longer after the first few times. */
void smi_os_pause(unsigned times);

#endif /* SMI_OS_H */
