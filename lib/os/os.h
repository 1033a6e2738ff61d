/*
 * os.h - everything that the library asks of the kernel
 *
 * The files of one platform implement os.h, proc.h and words.h; configure
 * chooses the platform. Addresses and lengths are whole pages, unless a comment
 * says otherwise. A function that returns int returns 0, or -1 with errno. No
 * call fails with EINTR, and none is a cancellation point unless its comment
 * says so. A call that the platform lacks fails with ENOTSUP; it never pretends
 * to have succeeded.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SMI_OS_H
#define SMI_OS_H

#include "base/base.h"

#include <pthread.h>
#include <secmalloc.h>
#include <signal.h>

/* Revokes SECMALLOC_ADVICE_DONTFORK. The bit is not one of the public ones. */
#define SMI_ADVICE_DOFORK 0x80000000u

/* The page size in bytes, a power of two. */
size_t smi_os_page_bytes(void);

/*
 * Reserve address space: inaccessible, without memory behind it. NULL with
 * errno: ENOMEM, EPERM, or ENOTSUP if this platform can lock nothing. EAGAIN:
 * mlockall(MCL_FUTURE) was called, so that the lock limit counts the addresses,
 * and it is too small for them.
 */
void *smi_os_reserve(size_t bytes);

/* Undo smi_os_reserve(), whatever was done to parts of it since. */
void smi_os_release(void *at, size_t bytes);

/* Set the access to a part of a reservation. ENOMEM, EPERM. */
int smi_os_protect(void *at, size_t bytes, enum secmalloc_access access);

/* Make a part of a reservation readable and writable. ENOMEM, EPERM. */
int smi_os_open(void *at, size_t bytes);

/* Undo smi_os_open() for a part that was never written to, whether locked or
 * not. */
void smi_os_close(void *at, size_t bytes);

/*
 * Replace a part of a reservation by secret memory: zeroed pages that only this
 * process can read; not even root can read them through the kernel. Secret
 * memory is always resident and locked, and is in no core dump. A child does
 * not have it or, with `in_children`, shares it with its parent. A child that
 * shares it calls smi_os_copy_secret(), which replaces it by secret memory of
 * the child's own with the same content.
 *
 * On failure nothing has changed. ENOTSUP: the kernel has no secret memory.
 * EPERM: no permission to lock, or a system call filter. ENOMEM: limit, memory,
 * or mappings. EMFILE, ENFILE: a descriptor is needed for a moment. EFBIG: the
 * limit on file sizes.
 */
int smi_os_open_secret(void *at, size_t bytes, bool in_children);
int smi_os_copy_secret(void *at, size_t bytes, bool in_children);

/* Move a part of a reservation that was never opened over another part, which
 * ceases to exist. On failure nothing has changed. ENOTSUP, ENOMEM, EPERM. */
int smi_os_move(void *from, size_t bytes, void *to);

/* Bracket every fork() with these two calls; the child calls smi_os_fork_end()
 * too. Otherwise a child could share secret memory that is just being made. */
void smi_os_fork_begin(void);
void smi_os_fork_end(void);

/*
 * Lock pages into memory. The addresses need not lie in a reservation. EPERM
 * (no permission), ENOMEM (limit, memory, or not mapped), EINVAL (the range
 * wraps around), ENOTSUP.
 */
int smi_os_lock(const void *at, size_t bytes);
int smi_os_unlock(const void *at, size_t bytes);

/*
 * Whether fork() copies locked pages at once, the copy not being locked.
 * Otherwise a child shares such pages with its parent until one of the two
 * writes to them.
 */
bool smi_os_fork_copies(void);

/*
 * Give advice about a part of a reservation: one of the SECMALLOC_ADVICE_ bits,
 * or SMI_ADVICE_DOFORK. ENOTSUP (the kernel does not know the advice), ENOMEM,
 * EPERM.
 */
int smi_os_advise(const void *at, size_t bytes, unsigned advice);

/* Leave pages out of core dumps. The pages need not lie in a reservation.
 * ENOTSUP, ENOMEM, EPERM. */
int smi_os_dont_dump(const void *at, size_t bytes);

/* Fill `to` with unpredictable bytes. ENOSYS. */
int smi_os_entropy(void *to, size_t bytes);

/* How much may be locked, in bytes; SIZE_MAX means no limit. A privilege may
 * lift these limits. -1 with whatever a system call filter answers. */
struct smi_lock_limits {
	size_t soft, hard;
};
int smi_os_lock_limits(struct smi_lock_limits *limits);

/* Whether it is known that a privilege lifts the soft limit for this process,
 * so that it may lock more secret or ordinary memory than that. */
bool smi_os_lock_limit_is_lifted(bool secret);

/* The core dump size limits in bytes; SIZE_MAX means no limit. -1 with errno if
 * they could not be read: ENOTSUP, or whatever a system call filter answers. */
struct smi_core_limits {
	size_t soft, hard;
};
int smi_os_core_limits(struct smi_core_limits *limits);

/* Set both core limits to the value that stops core dumps, also those to a
 * pipe. EPERM: the hard limit is lower than that value. */
int smi_os_stop_cores(void);

/*
 * Whether the process may be dumped and traced: 0 no, 1 yes, 2 dumps are
 * readable by root only. -1 with errno; ENOTSUP: the system has no such
 * protection, or cannot report it.
 */
int smi_os_dumpable(void);
int smi_os_set_dumpable(bool dumpable);

/*
 * Map addresses where nothing is mapped, so that nothing else can be mapped
 * there: inaccessible or, with `zeros`, read-only and reading as zero. Parts
 * can be opened with smi_os_open(). EEXIST (something is mapped there), ENOMEM.
 */
int smi_os_block(void *at, size_t bytes, bool zeros);

/* Whether something is mapped at each of these addresses. False if the system
 * cannot tell. */
bool smi_os_is_mapped(void *at, size_t bytes);

/* Register handlers that run before and after every fork() from now on.
 * ENOMEM. */
int smi_os_at_fork(void (*prepare)(void), void (*parent)(void),
                   void (*child)(void));

/*
 * Register a function that runs when a thread that called smi_os_mark_thread()
 * ends, but not when the process ends. Only one function can be registered.
 * smi_os_forget_thread_end() undoes that. ENOMEM, EAGAIN.
 */
int smi_os_at_thread_end(void (*end)(void *mark));
void smi_os_forget_thread_end(void);

/*
 * Register a function that is called before any destructor function of this
 * library if the process exits. If this library is unloaded instead,
 * destructors without a priority run before that function, and those with a
 * priority after it. ENOMEM; or ENOTSUP: this order is not certain here.
 */
int smi_os_at_exit(void (*act)(void));

/* Mark the calling thread; the mark is not NULL. ENOMEM. */
int smi_os_mark_thread(void *mark);

/*
 * smi_os_barrier() is a full memory barrier on all processors that run a thread
 * of this process. smi_os_barrier_prepare() is called once before the first
 * barrier. ENOSYS, ENOTSUP, or whatever a system call filter answers.
 */
int smi_os_barrier_prepare(void);
int smi_os_barrier(void);

/*
 * Initialize a lock that is held for a much shorter time than a thread takes to
 * sleep and wake up. Where the libc can, a thread that waits for it spins for a
 * while first.
 */
void smi_os_start_lock(pthread_mutex_t *lock);

/*
 * For handlers of SIGSEGV and SIGBUS.
 *
 * smi_os_signal_has_address(): whether si_addr is the address of the fault.
 *
 * smi_os_signal_is_sent(): whether no instruction of this thread caused the
 * signal: it was sent, or reports bad memory that the thread did not touch.
 *
 * smi_os_drop_signal(): discard a signal that is pending and blocked in this
 * thread, if there is one. It is a cancellation point, so the caller disables
 * cancellation.
 */
bool smi_os_signal_has_address(const siginfo_t *info);
bool smi_os_signal_is_sent(int signal, const siginfo_t *info);
void smi_os_drop_signal(int signal);

/* ---- Processes ---------------------------------------------------------- */

/*
 * A gate at which a parent waits for its child. After the fork the child calls
 * smi_os_gate_enter() as early as it can, and later smi_os_gate_open() or
 * smi_os_gate_drop(). The parent calls smi_os_gate_wait(), or
 * smi_os_gate_drop() if it does not have to wait. EMFILE, ENFILE, ENOMEM, or
 * whatever a system call filter answers.
 */
#define SMI_GATE_MOST_BYTES ((size_t)1024)
int smi_os_gate_make(int ends[2]);
/* In the child: tell the parent which process to look at. */
void smi_os_gate_enter(int ends[2]);
/* In the child: send a message of 1 to SMI_GATE_MOST_BYTES bytes, and leave the
 * gate. False if the parent has stopped waiting, and does not get the
 * message. */
bool smi_os_gate_open(int ends[2], const void *message, size_t bytes);
/* Leave the gate, or do nothing if it was left. */
void smi_os_gate_drop(int ends[2]);

/* How the parent's wait ends. */
enum smi_gate_end {
	SMI_GATE_OPENED, /* the message has arrived */
	SMI_GATE_LEFT,   /* the child died or left, or the fork had failed */
	SMI_GATE_SILENT  /* patience is at an end; the child can no longer send
	                    a message */
};

/*
 * In the parent: wait for a message of `bytes`. The wait ends as soon as the
 * child leaves the gate. If it cannot leave, its death or stop is noticed
 * within a moment. `patience` is the time that a silent child gets, in tenths
 * of a second; this time passes SMI_GATE_HURRY times as fast while the child is
 * stopped, and again while a signal is pending that `mask` does not block. The
 * caller has blocked all signals, and `mask` is the signal mask to be restored
 * after the wait.
 */
#define SMI_GATE_PATIENCE 100u /* for a child that has little to do */
#define SMI_GATE_HURRY    10u
enum smi_gate_end smi_os_gate_wait(int ends[2], void *message, size_t bytes,
                                   unsigned patience, const sigset_t *mask);

/* The id of this process, which is positive. */
int smi_os_process(void);

/*
 * The number of threads of this process that have not ended; workers that the
 * kernel runs for the process count too. -1 with errno as
 * smi_proc_each_thread(); ENOTSUP: the system never reports it.
 */
int smi_os_threads(size_t *threads);

/* Returns the child's id in the parent, 0 in the child, or -1 with errno:
 * EAGAIN, ENOMEM, ENOSYS. */
int smi_os_fork(void);

/* How a child ended. */
struct smi_end {
	int code;   /* errno if that is unknown, or 0 */
	int signal; /* that killed it, or 0 */
	int status; /* of its exit */
};

/* Wait until a child has ended, and reap it. How it ended is unknown if the
 * process ignores SIGCHLD, or reaps all its children elsewhere. */
struct smi_end smi_os_reap(int child);

/* End a child that has not been reaped, and reap it. */
void smi_os_kill(int child);

/* End the process without running its exit handlers. */
_Noreturn void smi_os_exit(int status);

/*
 * Start a new session. Then, if asked to, change to the root directory and
 * redirect the standard streams to /dev/null. -1 with errno; *step names the
 * step that failed.
 */
int smi_os_leave_session(bool change_directory, bool close_streams,
                         const char **step);

/* Wait a moment for another thread; longer if `times`, the number of earlier
 * calls, is not small. */
void smi_os_pause(unsigned times);

#endif /* SMI_OS_H */
