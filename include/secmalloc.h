/*
 * secmalloc - a heap for a daemon's secrets
 *
 * SPDX-License-Identifier: ISC
 *
 * secmalloc_init() maps and locks pools of memory while the process may still
 * lock it. The process then drops its privileges. From that point on, chunks
 * are carved from the locked pools without a system call and without any
 * privilege.
 *
 *     reservation:  | guard | pools, side by side | guard | free addresses |
 *     pool:         | slab | slab | large chunk | free | ...
 *     slab:         | slot | slot | slot | ...        all of one size
 *     slot:         | size bytes for the caller | canary up to the slot's end |
 *
 * Unless a function's own comment says otherwise, the following holds for every
 * call:
 *
 *   Errors   A function that returns int returns 0 on success, and -1 with
 *            errno set on failure. A function that returns a pointer returns
 *            NULL with errno set on failure. After a failure,
 *            secmalloc_error() describes what happened and how to fix it.
 *            A call that succeeds does not change errno.
 *   No arena A call that needs an arena fails with ENXIO before
 *            secmalloc_init(), after secmalloc_fini(), inside on_fault, and in
 *            a child of fork() that neither received nor made an arena.
 *   Threads  Any thread may call any function at any time. The exception is
 *            secmalloc_fini(), which must not run while another call is in
 *            progress.
 *   Signals  Only secmalloc_wipe(), secmalloc_equal(), secmalloc_version() and
 *            secmalloc_explain() are async-signal-safe. It is fatal, like
 *            misuse, if a signal handler calls any other function while it
 *            interrupts a call of its own thread. A handler must not leave such
 *            a call with longjmp() or pthread_exit() either: the thread's next
 *            call is then fatal. A signal never makes a call fail; no function
 *            returns EINTR.
 *   Fork     The field `fork` of struct secmalloc_config decides what a child
 *            gets. By default it gets nothing of the arena.
 *            secmalloc_daemon() always moves the arena to the child, whatever
 *            the field says. secfree() ignores a pointer to a chunk that stayed
 *            in the parent. A child made by vfork(), or by a bare clone() or
 *            _Fork(), which do not run the fork handlers, must not call the
 *            library before it calls execve().
 *   Misuse   A double free, a pointer that is not a chunk, a damaged canary,
 *            and a write to freed memory are fatal. The library writes one line
 *            to standard error, calls the arena's on_fault, and calls abort().
 *            It prints nothing else, except with SECMALLOC_EXPLAIN_FAULTS.
 *
 * The function names and the simplest configuration are those of Secmalloc 0.5
 * by David Shaw.
 */
#ifndef SECMALLOC_H
#define SECMALLOC_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define SECMALLOC_API        __attribute__((visibility("default")))
#define SECMALLOC_CHUNK      __attribute__((malloc, warn_unused_result))
#define SECMALLOC_SIZED(...) __attribute__((alloc_size(__VA_ARGS__)))
#else
#define SECMALLOC_API
#define SECMALLOC_CHUNK
#define SECMALLOC_SIZED(...)
#endif

/*
 * The version of this header. Major, minor and patch level take one byte each:
 * 0x010203 is 1.2.3. secmalloc_version() returns the version of the library
 * that is running.
 */
#define SECMALLOC_VERSION_NUMBER 0x010100

/* ---- Making and ending the arena ---------------------------------------- */

/*
 * A flag of struct secmalloc_config: when freed memory is handed out again,
 * check that all of it still reads as zero. Without the flag only the first 256
 * bytes are checked, which covers every small chunk completely. A stray write
 * beyond them is then neither detected nor cleared. The flag also extends the
 * checks of a guarded chunk to more than a page before it.
 */
#define SECMALLOC_CHECK_WHOLE 0x1u

/*
 * A flag of struct secmalloc_config: never call membarrier(2). Set it if the
 * process installs a system call filter that kills on membarrier(2).
 *
 * With the flag, each thread runs a memory barrier of its own in each call,
 * which costs a few nanoseconds. Without it, secmalloc_init() calls
 * membarrier() once, and the library calls it again when it has to stop the
 * caches of other threads: when the pools are full and memory in these caches
 * is needed, when idle threads hold a larger share of the pools in their caches
 * than they may, in secmalloc_stats(), secmalloc_audit(), secmalloc_reserve()
 * and secmalloc_trim(), and before it reports misuse. If membarrier() is
 * refused in secmalloc_init(), the library behaves as if the flag were set.
 */
#define SECMALLOC_NO_MEMBARRIER 0x2u

/*
 * A flag of struct secmalloc_config: prevent core dumps of the process, and
 * prevent other processes of the same user from tracing it.
 *
 * As its last step, secmalloc_init() sets PR_SET_DUMPABLE to 0, and the soft
 * and the hard limit of RLIMIT_CORE to 1. A limit of 1 is too small for a core
 * file, and also tells the kernel not to start the program to which
 * core_pattern pipes dumps; a limit of 0 does not. A hard limit that is already
 * 0 and cannot be raised is left as it is, unless core_pattern is a pipe, in
 * which case the call fails. Children inherit the limit.
 *
 * A change of uid or gid sets PR_SET_DUMPABLE to the value of fs.suid_dumpable,
 * which is usually 0 but may be 1 or 2, and execve() sets it to 1. Therefore
 * call prctl(PR_SET_DUMPABLE, 0) again after the last such change.
 * secmalloc_verify() reports whether that is needed. secmalloc_fini() undoes
 * neither setting.
 */
#define SECMALLOC_NODUMP 0x4u

/*
 * A flag of struct secmalloc_config: when SIGSEGV or SIGBUS hits an address of
 * the library, write one line to standard error that explains the address in
 * the words of secmalloc_explain().
 *
 * secmalloc_init() installs handlers for both signals. They use the alternate
 * signal stack if there is one. After writing the line they do what the
 * previous handler would have done; if there was none, the process still dies.
 * secmalloc_fini() removes the handlers, unless others were installed on top of
 * them.
 */
#define SECMALLOC_EXPLAIN_FAULTS 0x8u

/*
 * Values for struct secmalloc_config.backing: the kind of memory that holds the
 * pools and the canary key.
 *
 * LOCKED  Private memory, locked with mlock(2).
 * SECRET  memfd_secret(2). No other process can read these pages through
 *         ptrace(2), process_vm_readv(2) or /proc/PID/mem, not even as root. (A
 *         debugger can still make the process itself write them out.)
 * AUTO    SECRET where it is available, and LOCKED otherwise. The field backing
 *         of secmalloc_stats() reports which was chosen. If it is LOCKED,
 *         secmalloc_error() returns the reason after secmalloc_init().
 *
 * An arena has one kind of memory only, and keeps it. Both kinds count against
 * RLIMIT_MEMLOCK.
 *
 * SECRET has a price. Locking takes about 15 us for each page of 4 KiB. The
 * system cannot hibernate as long as such an arena exists. A chunk cannot be
 * the target of direct I/O, vmsplice(2) or a zero-copy send, which fail with
 * EFAULT, and cannot hold a process-shared futex, mutex or semaphore.
 */
#define SECMALLOC_BACKING_LOCKED 0u
#define SECMALLOC_BACKING_SECRET 1u
#define SECMALLOC_BACKING_AUTO   2u

/*
 * Values for struct secmalloc_config.fork: what a child of fork() gets. A child
 * does not inherit memory locks, so a plain copy of a secret could be swapped
 * out.
 *
 * NONE  Nothing. The addresses of the pools stay inaccessible in the child, so
 *       that a stale pointer faults. Calls that need an arena fail with ENXIO
 *       until the child makes one of its own with secmalloc_init().
 * KEEP  A copy of all pools. It is locked before fork() returns in the child,
 *       and fork() returns in the parent only after that. Chunks are live in
 *       both processes. If the copy cannot be locked, it is wiped, and the
 *       child gets nothing, as with NONE; secmalloc_error() then gives the
 *       reason. The same happens if no file descriptors are left for two
 *       sockets between the processes, if the child is stopped or very slow,
 *       so that the parent goes on without it, and if on_fault calls fork().
 * WIPE  A new, empty arena, made with the parent's configuration. Its initial
 *       pools are locked before fork() returns in the child. The addresses of
 *       the parent's pools read as zero there, and fault on a write, so that a
 *       program can tell that its data is gone (compare MADV_WIPEONFORK). If
 *       the arena cannot be made, calls fail with ENXIO, and secmalloc_error()
 *       gives the reason.
 *
 * With NONE and WIPE, the child and all its descendants permanently recognize
 * pointers to the parent's chunks: secfree() ignores them, secrealloc() fails
 * with ENXIO, and secmalloc_owns() returns 0.
 *
 * If a signal handler calls fork() after it interrupted a call of this library,
 * the child gets nothing, whatever the policy is.
 */
#define SECMALLOC_FORK_NONE 0u
#define SECMALLOC_FORK_KEEP 1u
#define SECMALLOC_FORK_WIPE 2u

/*
 * The configuration of an arena. Zero is valid for every field. A structure
 * that is cleared with memset() or "= {0}", and in which only initial_pools is
 * set, is a complete configuration.
 */
struct secmalloc_config {
	/*
	 * The number of pools to lock before secmalloc_init() returns. 0: none.
	 * Memory is then locked when it is first needed, which works only as
	 * long as the process may lock memory.
	 */
	size_t initial_pools;

	/*
	 * The maximum number of pools, including the initial ones. Any other
	 * size counts as that size / pool_size pools, rounded up. 0: as many as
	 * fit in a reservation of 8 GiB of addresses (128 MiB where addresses
	 * have 32 bits), or in a smaller one if max_bytes needs no more or if
	 * the process may not reserve that much. This reservation, and a third
	 * as much again for metadata, consist of addresses only: they take no
	 * memory.
	 */
	size_t max_pools;

	/*
	 * The size of a pool in bytes, a multiple of the page size. 0: 64 KiB,
	 * or 16 pages where a page is larger than 4 KiB.
	 *
	 * With 0, all pools lie side by side, as one range with a guard at
	 * either end, and a chunk may lie in several of them. When the range is
	 * full, it grows at its end by what is missing and a share of what
	 * there is, and so does a large chunk that lies there. Less is locked,
	 * of the initial pools too, if the lock limit leaves no more room
	 * beside the guarded_chunks. secmalloc_trim() may leave holes in the
	 * range.
	 *
	 * With any other size, each pool has guards of its own, and no chunk
	 * lies in two pools. A chunk that is larger than a pool gets a pool of
	 * its own size, which may grow with it in place as long as it is the
	 * last one. All initial pools have the full size, or the call fails.
	 */
	size_t pool_size;

	/* The sum of any of the flags above, or 0. */
	unsigned flags;

	/* The version of this structure's layout: 0. */
	unsigned version;

	/*
	 * Called once when misuse has been detected, after the line about it
	 * was written and before abort(). `line` is that line, terminated by a
	 * newline and a NUL. Every call into the arena fails with ENXIO inside
	 * on_fault. NULL: no function.
	 */
	void (*on_fault)(const char *line);

	/*
	 * The number of guarded chunks that secmalloc_init() prepares and
	 * locks, and the largest size of each in bytes (0: what fits in one
	 * page, which is its size less 16). Each takes whole pages, at least
	 * one. When all are in use, or a larger one is wanted, the library
	 * makes more as long as the process may lock memory, up to max_pools of
	 * them.
	 */
	size_t guarded_chunks;
	size_t guarded_size;

	/* One of SECMALLOC_BACKING_LOCKED, _SECRET and _AUTO. */
	unsigned backing;

	/* What a child of fork() gets: SECMALLOC_FORK_NONE, _KEEP or _WIPE. */
	unsigned fork;

	/*
	 * on_low is called when locked memory runs low, that is, when fewer
	 * than low_bytes bytes of the pools are free (neither taken by a chunk
	 * nor in a thread's cache). free_bytes is that number.
	 *
	 * on_low is called once each time the number falls below low_bytes. It
	 * is not called again until low_bytes plus an eighth of the size of the
	 * pools has been free, or, if the pools are smaller than that, all of
	 * them. Threads' caches can take and return that much in a moment.
	 *
	 * The thread whose call crosses the threshold calls on_low at the end
	 * of that call, without holding a lock. errno and secmalloc_error() are
	 * restored afterwards. on_low may call any function of the library
	 * except secmalloc_fini(), and must return. Chunks that it allocates do
	 * not cause another call before it has returned. If the arena runs low
	 * twice in quick succession, two threads may be in on_low at once.
	 *
	 * Set both fields or neither.
	 */
	size_t low_bytes;
	void (*on_low)(size_t free_bytes);

	/*
	 * The maximum size of all pools together in bytes, including the
	 * initial ones and what secmalloc_reserve() locks, but not guarded
	 * chunks. It is rounded down to whole pages, and has room for
	 * initial_pools. 0: no other maximum than max_pools.
	 */
	size_t max_bytes;

	/* Reserved for future fields: all 0. */
	size_t reserved[4];
};

/*
 * Make the arena: reserve addresses, and lock initial_pools pools and the page
 * that holds the canary key. `config` is read only during the call; NULL stands
 * for all defaults.
 *
 * The call either locks everything that was requested or fails as a whole and
 * leaves nothing mapped. It never changes credentials. It changes limits only
 * with SECMALLOC_NODUMP, and signal handlers only with
 * SECMALLOC_EXPLAIN_FAULTS. It may be called again after secmalloc_fini(), and
 * in a child of fork() that has no arena. It also works in a constructor that
 * runs before those of the library.
 *
 * Returns 0, or -1 with errno:
 *
 * EINVAL    a field of config is out of range; secmalloc_error() names it
 * EPERM     the process has no right to lock memory (RLIMIT_MEMLOCK is 0 and
 *           CAP_IPC_LOCK is absent); or a system call filter or a security
 *           module refuses a call that is needed; or SECMALLOC_NODUMP could not
 *           be carried out, in which case dumpability and limits are unchanged
 * ENOMEM    the lock limit, the address space or the memory is too small
 * EALREADY  there is already an arena; it is unchanged. A library that gets
 *           this error uses the existing arena, and calls secmalloc_reserve()
 *           for what it needs. Also inside on_fault
 * ENOSYS    the kernel provided no random bytes for the canary key
 * ENOTSUP   this platform cannot lock memory (see secmalloc(7), PLATFORMS); or
 *           SECMALLOC_NODUMP was requested on a platform that cannot prevent
 *           tracing
 *
 * With SECMALLOC_BACKING_SECRET only:
 *
 * ENOTSUP   the kernel has no memfd_secret(2): it is older than 5.14, was built
 *           without it, or is older than 6.5 and was booted without
 *           secretmem.enable=1
 * EMFILE    the process has no free file descriptor; one is needed briefly
 * ENFILE    the system has no free file descriptor
 * EFBIG     RLIMIT_FSIZE is smaller than the largest piece that is locked at
 *           once
 */
SECMALLOC_API int secmalloc_init(const struct secmalloc_config *config);

/*
 * Wipe everything in the arena and unmap it. Chunks that are still live cease
 * to exist, and pointers to them must not be used any more. If there is no
 * arena, it does nothing. Inside on_fault it leaves the arena as it is. No
 * other call may be in progress in any thread. In a child of fork() it ends the
 * child's arena only.
 *
 * The library makes this call by itself if it is a part of a module that
 * dlclose() unloads, but not when the process exits.
 */
SECMALLOC_API void secmalloc_fini(void);

/*
 * Put the process into the background, as daemon(3) of the BSDs does, and move
 * the arena along, whatever its fork policy is.
 *
 * The process forks once. The child has every chunk at its old address, locked.
 * It starts a new session with setsid(). It changes to the root directory if
 * nochdir is 0, and redirects the standard streams to /dev/null if noclose is
 * 0. When all of that has succeeded, the parent wipes its copy of the arena and
 * calls _exit(0), and secmalloc_daemon() returns 0 in the child. On any failure
 * the child exits, the parent waits for it, and the call returns -1 in the
 * parent, where nothing has changed. While both processes exist, the memory
 * exists twice.
 *
 * Call it before the process starts threads and while it may lock memory, which
 * is before it drops its privileges, or under a lock limit that is high enough.
 * Signal handlers must not write to chunks during the call.
 *
 * Returns 0 in the child, or -1 in the parent with errno:
 *
 * ENXIO           there is no arena: call secmalloc_init() first, or use
 *                 daemon(3)
 * ENOTSUP         the process has other threads; or the kernel refused secret
 *                 memory to the child
 * ENOMEM, EPERM   the child could not lock what the parent has locked; ENOMEM
 *                 also if there is not enough memory for the child
 * EMFILE, ENFILE  no free file descriptors for four sockets between the
 *                 processes, for secret memory, or for /dev/null
 * EFBIG           RLIMIT_FSIZE is smaller than the largest piece of secret
 *                 memory that is locked at once
 * EAGAIN          the limit on the number of processes was reached
 * ECHILD          the child ended before it was ready; the message says how
 * ETIMEDOUT       the child was stopped or very slow, and was killed
 * ENOENT, ENODEV, EACCES  /dev/null cannot be opened, or is another device
 * ENOSYS          the kernel provided no random bytes for the child
 */
SECMALLOC_API int secmalloc_daemon(int nochdir, int noclose);

/*
 * Return a description of the calling thread's last failure, with the figures
 * involved and the remedy, or "" if no call of the thread has failed. Never
 * NULL. The string belongs to the thread and stays valid until the thread's
 * next failing call, or until the thread ends. errno is unchanged. It needs no
 * arena.
 */
SECMALLOC_API const char *secmalloc_error(void);

/*
 * Return the version of the library that is running,
 * such as "1.1.0". Never NULL. errno is unchanged. Async-signal-safe.
 */
SECMALLOC_API const char *secmalloc_version(void);

/* ---- Chunks ------------------------------------------------------------- */

/*
 * Allocate a chunk of `size` bytes of locked memory, aligned to 16 bytes, with
 * every byte zero. A size of 0 gives a unique pointer with no usable byte,
 * which is freed like any other.
 *
 * As long as the locked pools have room, it makes no system call, except to
 * wait for another thread. When they are full, it locks what is missing (see
 * pool_size) if max_pools, max_bytes and the lock limit allow that. If they do
 * not, it first gives back what secmalloc_trim() would give back, and tries
 * again.
 *
 * Returns the chunk, or NULL with errno:
 *
 * ENOMEM  no room, and no more could be locked; or size is greater than
 *         PTRDIFF_MAX
 * ENXIO   there is no arena
 */
SECMALLOC_API void *secmalloc(size_t size) SECMALLOC_CHUNK SECMALLOC_SIZED(1);

/*
 * Allocate a chunk of nmemb * size bytes, all zero, as secmalloc() does.
 * Returns the chunk, or NULL with the errors of secmalloc(); ENOMEM also if the
 * product overflows.
 */
SECMALLOC_API void *seccalloc(size_t nmemb, size_t size)
	SECMALLOC_CHUNK SECMALLOC_SIZED(1, 2);

/*
 * Change the size of a chunk to `size` bytes. Its contents are preserved up to
 * the smaller of the two sizes, and new bytes read as zero. Bytes that a
 * smaller size cuts off are wiped.
 *
 * The chunk stays where it is if its slot has room, unless a slot of half the
 * size would do. Otherwise it moves, and the old slot is wiped. A chunk from
 * secaligned_alloc() that moves is aligned to 16 bytes only. secrealloc(NULL,
 * n) is the same as secmalloc(n). secrealloc(p, 0) gives a chunk of size 0; it
 * does not free. For a guarded chunk, see secmalloc_guarded().
 *
 * Neither a smaller size nor the present one ever fails. A larger size fails
 * only if the chunk fits neither into its own place nor into any other that is
 * free, and no more can be locked. The own place of a chunk of more than 4,088
 * bytes includes the free memory directly before and after it. What is in the
 * caches of threads counts as free. A chunk that fits makes the arena lock
 * nothing. One that does not fit, but lies at the end of the range, grows in
 * place: only the missing bytes are locked, and nothing is copied.
 *
 * Returns the chunk, or NULL with errno, in which case the old chunk is
 * unchanged:
 *
 * ENOMEM  as for secmalloc()
 * ENXIO   there is no arena, or the chunk stayed in the parent of this process
 *
 * Misuse is fatal, as for secfree().
 */
SECMALLOC_API void *secrealloc(void *ptr, size_t size) SECMALLOC_SIZED(2);

/*
 * Wipe a chunk and free it. NULL is ignored. In a child of fork(), a pointer to
 * a chunk that stayed in the parent is ignored too. errno is unchanged.
 *
 * It is fatal to pass a pointer that is not the start of a live chunk: one that
 * was freed before, is inside a chunk, misaligned, from another allocator, or
 * wild. It is fatal if the canary after the chunk or the memory before it was
 * overwritten. Where there is no arena, any pointer except NULL and a parent's
 * chunk is fatal.
 */
SECMALLOC_API void secfree(void *ptr);

/*
 * Allocate a chunk as secmalloc(size) does, at an address that is a multiple of
 * `alignment` (compare aligned_alloc() of C11). The alignment is a power of two
 * of at most half of pool_size. The size need not be a multiple of it.
 *
 * Returns the chunk, or NULL with errno:
 *
 * EINVAL         alignment is not a power of two, or exceeds half of pool_size
 * ENOMEM, ENXIO  as for secmalloc()
 */
SECMALLOC_API void *secaligned_alloc(size_t alignment, size_t size)
	SECMALLOC_CHUNK SECMALLOC_SIZED(2);

/*
 * Copy a string, including its NUL, into a new chunk. The source is not wiped.
 * Returns the chunk, or NULL with errno: EINVAL if s is NULL; ENOMEM and ENXIO
 * as for secmalloc().
 */
SECMALLOC_API char *secstrdup(const char *s) SECMALLOC_CHUNK;

/*
 * Copy `size` bytes at p into a new chunk. The source is not wiped. p may be
 * NULL if size is 0. Returns the chunk, or NULL with errno: EINVAL if p is NULL
 * and size is not 0; ENOMEM and ENXIO as for secmalloc().
 */
SECMALLOC_API void *secmemdup(const void *p, size_t size)
	SECMALLOC_CHUNK SECMALLOC_SIZED(2);

/*
 * Return the size of a live chunk, in bytes. This is exactly the size that was
 * requested, and not that of the slot.
 *
 * Returns 0 with errno unchanged for NULL and for a chunk of size 0, and 0 with
 * errno set on failure:
 *
 * EINVAL  ptr is not the start of a live chunk
 * ENXIO   there is no arena
 */
SECMALLOC_API size_t secmalloc_usable_size(const void *ptr);

/*
 * Return 1 if ptr points to a byte of a live chunk, or to the start of a chunk
 * of size 0. Otherwise return 0, also if there is no arena. Any address is
 * allowed, as it is never dereferenced. errno is unchanged.
 */
SECMALLOC_API int secmalloc_owns(const void *ptr);

/* ---- Guarded chunks ----------------------------------------------------- */

/*
 * Allocate a guarded chunk of `size` bytes, all zero: it has its pages to
 * itself, guard pages surround them, and its access can be changed. (Compare
 * sodium_malloc() of libsodium.) A size of 0 gives a unique pointer with no
 * usable byte.
 *
 * The chunk ends at the guard. If size is a multiple of 16, the byte after the
 * last one faults; otherwise up to 15 bytes of canary lie between the chunk and
 * the guard. A page before the chunk, or what its pages have of it, is canary
 * too.
 *
 * All functions for chunks accept a guarded chunk. secfree() checks, wipes and
 * frees it, whatever its access is. secrealloc() resizes it on its own pages if
 * they are large enough, and so at another address; the resized chunk is
 * writable and not open. The pages of a freed chunk stay locked and are reused.
 *
 * The call makes no system call as long as one of the prepared chunks is free
 * (see guarded_chunks). Neither does secfree(), if the chunk is writable.
 *
 * Returns the chunk, or NULL with errno:
 *
 * ENOMEM  no prepared chunk that is large enough is free, and no further one
 *         could be locked; or size is greater than PTRDIFF_MAX
 * ENXIO   there is no arena
 */
SECMALLOC_API void *secmalloc_guarded(size_t size)
	SECMALLOC_CHUNK SECMALLOC_SIZED(1);

/*
 * The access to a guarded chunk. Each value includes those before it. An access
 * that is not allowed raises SIGSEGV in the thread that tries it. A system call
 * that is passed such an address fails with EFAULT.
 */
enum secmalloc_access {
	SECMALLOC_NOACCESS,
	SECMALLOC_READONLY,
	SECMALLOC_READWRITE /* a new chunk has this */
};

/*
 * Set the access to a guarded chunk, for all threads. Threads that have the
 * chunk open (see secmalloc_open()) keep the access they opened it with, and
 * the new access takes effect at the last secmalloc_close().
 *
 * The call needs no privilege, makes one system call if anything changes, and
 * never splits a mapping.
 *
 * Returns 0, or -1 with errno, in which case nothing has changed:
 *
 * EINVAL  no guarded chunk starts at ptr; or access is not one of the three
 *         values
 * EPERM   a system call filter refused mprotect()
 * ENOMEM  the kernel had no memory for its tables; or RLIMIT_DATA, which counts
 *         writable memory, was lowered below what the process has
 * ENXIO   there is no arena
 */
SECMALLOC_API int secmalloc_protect(void *ptr, enum secmalloc_access access);

/*
 * Open and close a guarded chunk that is otherwise SECMALLOC_NOACCESS or
 * SECMALLOC_READONLY. Several threads can do so independently: a thread that is
 * done with the chunk does not close it for another thread that still uses it.
 *
 * secmalloc_open() grants at least the given access, to all threads, until
 * secmalloc_close() has been called once for every secmalloc_open(). If one
 * thread opened the chunk for writing, it stays writable until the last close.
 *
 * Both return 0, or -1 with an error of secmalloc_protect() or one of these, in
 * which case nothing has changed:
 *
 * EINVAL  secmalloc_open() with SECMALLOC_NOACCESS; or secmalloc_close() of a
 *         chunk that is not open
 * ERANGE  the chunk has been opened 4,294,967,295 times
 */
SECMALLOC_API int secmalloc_open(void *ptr, enum secmalloc_access access);
SECMALLOC_API int secmalloc_close(void *ptr);

/* ---- Locking more, and giving it back ----------------------------------- */

/*
 * Lock memory for `bytes` more than are free now, as long as the process may
 * lock memory. A chunk of that size then fits. A size of 0 does nothing.
 *
 * Calls add up: if two libraries reserve what each of them needs, both get it.
 * This is how a library that finds an arena (EALREADY) gets room for its own
 * chunks. What was reserved is not set apart for the caller: any chunk may be
 * placed there. It stays locked until secmalloc_fini(), and secmalloc_trim()
 * does not give it back. It counts against max_pools and max_bytes.
 *
 * A child with SECMALLOC_FORK_KEEP has it too. A child with SECMALLOC_FORK_WIPE
 * has the initial pools only, and reserves for itself.
 *
 * Returns 0, or -1 with errno, in which case no more is locked than before:
 *
 * ENOMEM  the lock limit, max_pools, max_bytes, the address space or the memory
 *         is too small; or bytes is greater than PTRDIFF_MAX; or, for secret
 *         memory, there is no file descriptor or RLIMIT_FSIZE is too small
 * EPERM   the process has no right to lock memory (RLIMIT_MEMLOCK is 0 and
 *         CAP_IPC_LOCK is absent); or a system call filter or a security module
 *         refuses a call that is needed
 * ENXIO   there is no arena, even if bytes is 0
 */
SECMALLOC_API int secmalloc_reserve(size_t bytes);

/*
 * Give back memory that the arena has grown by and that is empty now. What was
 * given back can be locked again only as long as the lock limit allows it. If
 * privileges were dropped and RLIMIT_MEMLOCK is 0 it cannot, and the arena
 * stays as small as it is.
 *
 * The call empties the caches of all threads first. The initial pools, what
 * secmalloc_reserve() locked, and the pages of guarded chunks stay. So does
 * free memory of less than 64 KiB between two live chunks and, if pool_size is
 * set, a pool with a live chunk. The rest is wiped and unlocked, and its
 * addresses are inaccessible again. Without this call, that happens only where
 * a growth would otherwise fail.
 *
 * The time it takes grows with the size of the arena, and other threads that
 * need the arena wait for it. Less memory is free afterwards, so on_low may be
 * called.
 *
 * Returns the number of bytes given back. Returns 0 if there were none, or if
 * there is no arena. errno and secmalloc_error() are unchanged.
 */
SECMALLOC_API size_t secmalloc_trim(void);

/* ---- Bytes of any memory ------------------------------------------------ */

/*
 * Overwrite `size` bytes at p with zeros. The compiler does not remove the
 * call, even if the memory is never read again (compare explicit_bzero()). NULL
 * is ignored. errno is unchanged. Async-signal-safe. It needs no arena.
 */
SECMALLOC_API void secmalloc_wipe(void *p, size_t size);

/*
 * Compare `size` bytes at a and b, in a time that depends on size alone.
 * Returns 1 if they are equal, and 0 if not. Two ranges of size 0 are equal;
 * for any other size, NULL equals nothing. errno is unchanged.
 * Async-signal-safe. It needs no arena.
 */
SECMALLOC_API int secmalloc_equal(const void *a, const void *b, size_t size);

/* ---- Looking at the arena ----------------------------------------------- */

/*
 * Bits of secmalloc_stats.advice_missing: advice that this kernel does not
 * support, and that the pools therefore lack.
 */
#define SECMALLOC_ADVICE_DONTDUMP    0x1u /* pools may be in core dumps */
#define SECMALLOC_ADVICE_DONTFORK    0x2u /* never missing since Linux 2.6.16 */
#define SECMALLOC_ADVICE_UNMERGEABLE 0x4u /* no KSM, so nothing is merged */
#define SECMALLOC_ADVICE_NOHUGEPAGE  0x8u /* no huge pages, so none is used */

/* The counters of an arena. They contain no secrets and no addresses. */
struct secmalloc_stats {
	uint64_t pools;           /* locked now, counted as in max_pools */
	uint64_t pools_initial;   /* of pools, those from secmalloc_init() */
	uint64_t pools_max;       /* the maximum number of pools */
	uint64_t pool_bytes;      /* the size of the pools locked now */
	uint64_t locked_bytes;    /* pool_bytes + guarded_bytes + the canary
	                             key's page: what the arena adds to VmLck */
	uint64_t free_bytes;      /* of pool_bytes, not taken by chunks */
	uint64_t cached_bytes;    /* of free_bytes, in threads' caches */
	uint64_t used_bytes_peak; /* the largest amount of pool_bytes ever
	                             in chunks and threads' caches at once; not
	                             for sizing: see sizing_bytes */
	uint64_t chunks;          /* live now */
	uint64_t chunk_bytes;     /* requested sizes of the live chunks */
	uint64_t allocations;     /* chunks made since secmalloc_init(); a
	                             chunk that secrealloc() moves counts again */
	uint64_t frees;           /* chunks freed or moved since then */
	uint64_t failures;        /* allocations refused for lack of room */
	uint64_t advice_missing;  /* SECMALLOC_ADVICE_ bits */
	uint64_t guarded_chunks;  /* of chunks, those that are guarded */
	uint64_t guarded_peak;    /* the largest number of them at once */
	uint64_t guarded_free;    /* more are available without locking */
	uint64_t guarded_bytes;   /* locked for guarded chunks, free or not */
	uint64_t backing;         /* SECMALLOC_BACKING_LOCKED or _SECRET */
	uint64_t low_crossings;   /* how often on_low was called */
	uint64_t sizing_bytes;    /* how large the pools must be for the same
	                             load; initial_pools is this divided by
	                             the default pool_size, rounded up */
	uint64_t largest_free;    /* the largest chunk that fits without locking
	                             more, in bytes */
	uint64_t grown_bytes;     /* of pool_bytes, locked beyond the initial
	                             pools and what secmalloc_reserve() locked */
	uint64_t trimmed_bytes;   /* given back since secmalloc_init(), by
	                             secmalloc_trim() or before a growth */
	uint64_t reserved[8];     /* zero */
};

/*
 * Write the counters of the arena to *stats. All of them are from one moment,
 * so they agree with one another: chunks is allocations less frees, for
 * example. Each thread counts for itself, so that counting costs nothing. The
 * call stops the other threads' caches while it adds up, as secmalloc_audit()
 * does.
 *
 * Returns 0, or -1 with errno: EINVAL if stats is NULL; ENXIO if there is no
 * arena.
 */
SECMALLOC_API int secmalloc_stats(struct secmalloc_stats *stats);

/*
 * Check the arena for damage: walk all of its structures, check every canary,
 * and check that all free memory reads as zero. The time it takes grows with
 * the size of the arena, and other threads that need the arena wait for it.
 *
 * Returns 0 if the arena is sound, or -1 with errno:
 *
 * EBADMSG  damage was found; secmalloc_error() says what and where
 * ENXIO    there is no arena
 */
SECMALLOC_API int secmalloc_audit(void);

/*
 * Describe an address in one line of text without a newline, written to the n
 * bytes at buf and terminated by a NUL. Examples: "3 bytes past the end of a
 * guarded chunk of 32 bytes", "in the guard after pool 2", "inside a free slot
 * of 48 bytes, pool 0", "not an address of this library". A text that does not
 * fit is cut; 120 bytes are always enough.
 *
 * Any address is allowed, at any time, also before secmalloc_init() and in a
 * child of fork(). The call is async-signal-safe: it takes no lock and reads no
 * chunk. While another thread is allocating or freeing the memory concerned,
 * the text describes its state either before or after that.
 *
 * Returns 0, or -1 with errno. secmalloc_error() is unchanged in either case.
 *
 * EINVAL  buf is NULL or n is 0
 */
SECMALLOC_API int secmalloc_explain(const void *addr, char *buf, size_t n);

/* Bits for the argument of secmalloc_verify(), one for each check. */

/* The pools, the guarded chunks and the page of the canary key are locked and
 * resident in memory. */
#define SECMALLOC_VERIFY_LOCKED 0x1u

/*
 * The pools, the guarded chunks and the page of the canary key are excluded
 * from core dumps, from merging with equal pages and, except with
 * SECMALLOC_FORK_KEEP, from children (compare SECMALLOC_ADVICE_DONTDUMP,
 * _UNMERGEABLE and _DONTFORK).
 */
#define SECMALLOC_VERIFY_ADVICE 0x2u

/*
 * In each thread that has not ended, the real, effective, saved and file system
 * uid are equal and not 0, and so are the four gids. Group 0 is not among the
 * supplementary groups. No thread has CAP_SETUID or CAP_SETGID, which could
 * change that.
 */
#define SECMALLOC_VERIFY_IDS 0x4u

/*
 * No thread has a permitted, effective, inheritable or ambient capability. The
 * bounding set is not checked: it has no effect unless the process executes a
 * privileged program.
 */
#define SECMALLOC_VERIFY_CAPABILITIES 0x8u

/* PR_GET_DUMPABLE is 0: the process leaves no core dump, and other processes of
 * its user cannot trace it. */
#define SECMALLOC_VERIFY_DUMPABLE 0x10u

/*
 * RLIMIT_CORE prevents core dumps. It is 1, or 0 where core_pattern is a file,
 * and so is the hard limit, up to which any process of the same user may raise
 * it. Where core_pattern is a socket, no limit prevents a dump, and
 * PR_GET_DUMPABLE must be 0.
 */
#define SECMALLOC_VERIFY_CORE 0x20u

/* The arena consists of secret memory. With SECMALLOC_BACKING_AUTO it may not.
 * An argument of 0 does not include this check. */
#define SECMALLOC_VERIFY_SECRET 0x40u

/*
 * Ask the kernel whether the daemon and its arena are as they should be once
 * privileges have been dropped. A daemon calls this at that point, and stops if
 * it fails. `checks` is the sum of the wanted SECMALLOC_VERIFY_ bits; 0 stands
 * for all of them except SECMALLOC_VERIFY_SECRET.
 *
 * The call reads the smaps, task and core_pattern files in /proc, so the time
 * it takes grows with the process's memory and the number of its threads. Other
 * threads that need the arena's lock wait for it. The result is true at that
 * moment only: call it again after anything that may have changed it. A child
 * of fork() checks itself and the arena it has.
 *
 * Returns 0 if every check passed. Otherwise returns -1 with errno, and
 * secmalloc_error() names each failed check and its remedy. If they do not fit,
 * it names the first ones, and the number of the others.
 *
 * EPERM    a check failed
 * ENOTSUP  no check failed, but one could not be made: /proc is not mounted or
 *          not readable, what it shows is empty, cut short or malformed, or the
 *          kernel does not provide the information
 * EINVAL   checks has unknown bits
 * ENXIO    there is no arena, and SECMALLOC_VERIFY_LOCKED, _ADVICE or _SECRET
 *          was requested; the other checks need none
 */
SECMALLOC_API int secmalloc_verify(unsigned checks);

/* ---- Memory that the caller owns ---------------------------------------- */

/*
 * Call mlock(), munlock() or madvise(MADV_DONTDUMP) on all pages that contain
 * any of the `size` bytes at addr. The range is widened to whole pages, so
 * other data on these pages is affected too. A size of 0 does nothing. No
 * arena is needed.
 *
 * Each returns 0, or -1 with errno:
 *
 * EINVAL   addr + size overflows; or the range touches the arena, which manages
 *          its own locks, or the addresses of a parent's arena
 * ENOMEM   part of the range is not mapped, or the lock limit is too small
 * EPERM    the process has no right to lock memory; or a system call filter
 *          refuses the call
 * ENOTSUP  the platform has no such call
 */
SECMALLOC_API int secmalloc_mlock(const void *addr, size_t size);
SECMALLOC_API int secmalloc_munlock(const void *addr, size_t size);
SECMALLOC_API int secmalloc_dontdump(const void *addr, size_t size);

#ifdef __cplusplus
}
#endif

#endif /* SECMALLOC_H */
