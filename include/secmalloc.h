/*
 * secmalloc - a heap for a daemon's secrets
 *
 * SPDX-License-Identifier: ISC
 *
 * secmalloc_init() maps and locks pools of memory while the process may still
 * lock it. The process then drops its privileges, and from there chunks are
 * carved from the locked pools without a system call and without a privilege.
 *
 *     reservation:  | guard | pool 0 | guard | pool 1 | guard | ...
 *     pool:         | slab | slab | chunk of its own | free | ...
 *     slab:         | slot | slot | slot | ...        all of one size
 *     slot:         | size bytes for the caller | canary up to the slot's end |
 *
 * What holds for every call:
 *
 *   Errors   An int function returns 0, or -1 with errno set. A function that
 *            returns a pointer returns NULL with errno set. After a failure
 *            secmalloc_error() says in words what happened and what to do.
 *            errno is untouched by success.
 *   Closed   Before secmalloc_init(), after secmalloc_fini(), in a child of
 *            fork() that has no arena and has made none, and inside on_fault,
 *            calls that need an arena fail with ENXIO.
 *   Threads  Every function may be called from any thread at any time, but
 *            secmalloc_fini() only when no other call is under way.
 *   Signals  Only secmalloc_wipe(), secmalloc_equal(), secmalloc_version() and
 *            secmalloc_explain() are async-signal-safe. A signal never makes a
 *            call fail: EINTR is not among the errors.
 *   Fork     What a child has, the field `fork` of struct secmalloc_config
 *            says: by default nothing of the arena. secmalloc_daemon() takes it
 *            along, whatever that says. secfree() of a pointer to an arena that
 *            stayed in the parent does nothing. A child made without the fork
 *            handlers (a bare clone() or _Fork(), and that of vfork()) must not
 *            call the library before it execs.
 *   Misuse   A double free, a pointer that is no chunk, a broken canary or a
 *            write to freed memory is fatal: one line on standard error, the
 *            arena's on_fault, abort(). That line is all the library ever
 *            prints, but with SECMALLOC_EXPLAIN_FAULTS.
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
 * The version of this header: major, minor and patch, a byte each, so that
 * 0x010203 is 1.2.3. That of the library that runs is secmalloc_version().
 */
#define SECMALLOC_VERSION_NUMBER 0x010000

/* ---- Making and ending the arena ---------------------------------------- */

/*
 * A flag of struct secmalloc_config: when a place is handed out again, check
 * that all of it still reads as zero. Without the flag the first 256 bytes are
 * checked, which covers all of every small chunk; a stray write behind them is
 * then neither found nor cleared.
 */
#define SECMALLOC_CHECK_WHOLE 0x1u

/*
 * A flag of struct secmalloc_config: never call membarrier(2). Each thread then
 * runs a memory barrier of its own at each call, which costs some nanoseconds.
 * Without the flag, membarrier() is called once by secmalloc_init() (where it
 * is refused, it is as if the flag were given), and again when the pools are
 * full and what other threads' caches hold is needed. For a process that
 * installs a filter of system calls which kills for it.
 */
#define SECMALLOC_NO_MEMBARRIER 0x2u

/*
 * A flag of struct secmalloc_config: keep the process from being dumped, and
 * from being traced by others of its user. At the end of secmalloc_init() it
 * sets PR_SET_DUMPABLE to 0, and RLIMIT_CORE, soft and hard, to 1: to the
 * kernel that is too little for a core file, and says that no program which
 * core_pattern pipes dumps to is to be started, which 0 does not say. A hard
 * limit that is 0 already and cannot be raised is left, if core_pattern is not
 * a pipe; if it is, the call fails. Children inherit the limit.
 *
 * A change of uid or gid sets the first to fs.suid_dumpable, which is mostly 0
 * but may be 1 or 2, and execve() sets it to 1. So call prctl() again after the
 * last change of them; secmalloc_verify() tells if that is needed.
 * secmalloc_fini() undoes none of it.
 */
#define SECMALLOC_NODUMP 0x4u

/*
 * A flag of struct secmalloc_config: from secmalloc_init() on, have a fault
 * that hits the library's addresses explained by a line on standard error, in
 * the words of secmalloc_explain(). It installs handlers for SIGSEGV and
 * SIGBUS, which then do as the handlers do that were there before: the process
 * still ends if there was none. They use the alternate stack if there is one.
 * secmalloc_fini() takes them out unless others were installed above them.
 */
#define SECMALLOC_EXPLAIN_FAULTS 0x8u

/*
 * What the pools and the canary key's page are made of: private memory and
 * mlock(2); or memfd_secret(2), pages that no other process can read, not even
 * that of root, by ptrace(2), process_vm_readv(2) or /proc/PID/mem (a debugger
 * can still have the process itself write them out); or the second where it
 * can be had, and the first where not. An arena has one kind only, and keeps
 * it. secmalloc_stats() tells which; and when AUTO took the first,
 * secmalloc_error() tells why after secmalloc_init().
 *
 * Both count against RLIMIT_MEMLOCK. The price of SECRET: some 15 us for each
 * page of 4 KiB when it is locked; no hibernation as long as there is such an
 * arena; and a chunk can be no target of direct I/O, vmsplice(2) or a zero-copy
 * send (EFAULT) and hold no process-shared futex, mutex or semaphore.
 */
#define SECMALLOC_BACKING_LOCKED 0u
#define SECMALLOC_BACKING_SECRET 1u
#define SECMALLOC_BACKING_AUTO   2u

/*
 * Policies for struct secmalloc_config.fork: what a child of fork() has. Locks
 * are not inherited, so a plain copy in a child could be swapped out.
 *
 * NONE  Nothing. The addresses of the pools are kept inaccessible, so that a
 *       stale pointer faults. Calls that need an arena fail with ENXIO until
 *       the child calls secmalloc_init() for one of its own.
 * KEEP  A copy of its own of all pools, locked again before fork() returns in
 *       the child; chunks are live in both. The parent's fork() returns when
 *       that is done. Where the copy cannot be locked it is wiped, and the
 *       child has nothing, as with NONE; secmalloc_error() then says why. So it
 *       is where there are no descriptors for a pipe between the two, and when
 *       on_fault forks.
 * WIPE  An empty arena of its own, made as that of the parent was, its initial
 *       pools locked before fork() returns in the child. Where the parent's
 *       pools were, it reads zeros, and a write faults: for callers who look
 *       whether what they keep is still there. Where the arena cannot be made,
 *       calls fail with ENXIO, and secmalloc_error() says why.
 *
 * With NONE and WIPE a pointer to a chunk of the parent's is known in the child
 * and all its children for good: secfree() of it does nothing, secrealloc()
 * fails with ENXIO, secmalloc_owns() gives 0.
 */
#define SECMALLOC_FORK_NONE 0u
#define SECMALLOC_FORK_KEEP 1u
#define SECMALLOC_FORK_WIPE 2u

/*
 * How the arena is made. Every field may be zero, so that a structure cleared
 * with memset() or "= {0}" in which only initial_pools is set is a complete
 * configuration.
 */
struct secmalloc_config {
	/*
	 * Pools that are locked before secmalloc_init() returns. 0: none yet;
	 * pools are locked when they are first needed, which works only as
	 * long as the process may lock memory.
	 */
	size_t initial_pools;

	/*
	 * Pools that there may ever be, the initial ones included; a larger
	 * one, for a large chunk, counts as those whose bytes it has. 0: as
	 * many as fit in a reservation of 8 GiB of addresses (128 MiB where
	 * addresses have 32 bits), or in less where the process may not
	 * reserve that. The reservation, and the third as much again that is
	 * reserved for metadata, are addresses only: they take no memory.
	 */
	size_t max_pools;

	/*
	 * Bytes of a pool, a multiple of the page size. 0: 64 KiB, or 16 pages
	 * where pages are bigger than 4 KiB; and a pool for which the lock
	 * limit leaves less room than that is made as large as still fits. With
	 * 0, initial pools lie side by side, up to 256 of them between two
	 * guards, which makes the call and each fork() faster; with any other
	 * size each lies between guards of its own.
	 */
	size_t pool_size;

	/* A sum of the flags above, or 0. */
	unsigned flags;

	/* The layout of this structure: 0. */
	unsigned version;

	/*
	 * Called once after misuse was found and its line was written, before
	 * abort(). `line` is that line, ended by a newline and a NUL. Every
	 * call into the arena fails with ENXIO here. NULL: none.
	 */
	void (*on_fault)(const char *line);

	/*
	 * Guarded chunks of up to guarded_size bytes (0: what a page holds, its
	 * size less 16) that secmalloc_init() prepares and locks: each takes
	 * whole pages, a page at least. When they are used up, or a larger one
	 * is wanted, more are made as long as the process may lock memory, up
	 * to max_pools of them.
	 */
	size_t guarded_chunks;
	size_t guarded_size;

	/* A SECMALLOC_BACKING_ value. */
	unsigned backing;

	/* What the child of a fork() has: a SECMALLOC_FORK_ policy. */
	unsigned fork;

	/*
	 * Called when locked memory runs low: once the bytes of the pools that
	 * no chunk's place and no thread's cache has are fewer than low_bytes,
	 * with how many they are then. It is called once for each time that
	 * they fall below, but not again before an eighth of the pools' bytes
	 * more than low_bytes have been free, or all of them: so much the
	 * caches may take and give back in a moment.
	 *
	 * The thread whose call found it calls on_low at the end of that call,
	 * without any lock, and with errno and secmalloc_error() put back
	 * after it. on_low may call the library, but for secmalloc_fini(), and
	 * has to return; what it takes itself does not call it again. Two
	 * threads may be in it at once, for two falls in a row. Both fields are
	 * set, or neither.
	 */
	size_t low_bytes;
	void (*on_low)(size_t free_bytes);

	/* Room for later fields: zero. */
	size_t reserved[5];
};

/*
 * Make the arena: reserve addresses, lock the canary key's page and
 * initial_pools pools. `config` may be NULL: all defaults. The structure is
 * read only during the call.
 *
 * Either everything that was asked for is locked, or the call fails as a whole
 * and nothing stays mapped. Credentials are never changed, limits only by
 * SECMALLOC_NODUMP, and signal handlers only by SECMALLOC_EXPLAIN_FAULTS.
 *
 * EINVAL    a field of config is out of range; secmalloc_error() names it
 * EPERM     the process has no right to lock memory: RLIMIT_MEMLOCK is 0 and
 *           CAP_IPC_LOCK is absent; or a filter of system calls refuses one;
 *           or SECMALLOC_NODUMP could not be done, and dumpability and
 *           limits are what they were
 * ENOMEM    the lock limit, the address space or the memory is too small
 * EALREADY  there is an arena; it is unchanged. A library that finds this
 *           simply uses the arena that is there
 * ENOSYS    the kernel gave no random bytes for the canary key
 * ENOTSUP   nothing can be locked on this platform: secmalloc(7), PLATFORMS; or
 *           SECMALLOC_NODUMP was asked for, and nothing keeps a process from
 *           being traced there
 *
 * Only with SECMALLOC_BACKING_SECRET:
 *
 * ENOTSUP   the kernel has no memfd_secret(2): it is older than 5.14, was built
 *           without, or, before 6.5, was not told secretmem.enable=1
 * EMFILE    no file descriptor is left, of which one is needed for a moment;
 * ENFILE    or none in the whole system
 * EFBIG     RLIMIT_FSIZE is less than what is locked in one piece
 *
 * After secmalloc_fini(), and in a child of fork(), it may be called again.
 */
SECMALLOC_API int secmalloc_init(const struct secmalloc_config *config);

/*
 * Wipe all that the arena holds and unmap it. Chunks that are still live are
 * gone, and pointers to them must not be used any more. Without an arena it
 * does nothing. No other call may be under way.
 */
SECMALLOC_API void secmalloc_fini(void);

/*
 * Go into the background as daemon(3) does, and take the arena along, whatever
 * its fork policy is. The process forks once. The child has all chunks where
 * they were, locked; it begins a session, changes to the root directory unless
 * nochdir is not 0, and has /dev/null for the standard streams unless noclose
 * is not 0. When all that is done the parent wipes its copy and ends with
 * _exit(0), and the call returns 0 in the child.
 *
 * If any of it fails, the child ends and is waited for, and the call returns -1
 * in the parent, where nothing has changed. While both live, the memory is
 * there twice.
 *
 * Call it before threads are begun, and while the process may lock: before the
 * privileges go, or with a lock limit that is large enough.
 *
 * ENXIO           no arena: call secmalloc_init() first, or daemon(3)
 * ENOTSUP         the process has other threads; or the child could not have
 *                 secret memory, as the kernel refuses it now
 * ENOMEM, EPERM   the child could not lock what the parent has locked;
 *                 ENOMEM too if there is no memory for it
 * EMFILE, ENFILE  no descriptors for two pipes between the two, or for secret
 *                 memory; EFBIG: see secmalloc_init()
 * EAGAIN          there may be no more processes
 * ECHILD          the child died, as if killed for want of memory
 * ENOENT, ENODEV, EACCES  /dev/null cannot be opened, or is another device
 * ENOSYS          the kernel gave the child no random bytes
 */
SECMALLOC_API int secmalloc_daemon(int nochdir, int noclose);

/*
 * The last failure of a call of this thread, in words with the figures and the
 * remedy, or "" if none has failed. Never NULL. The string is the thread's own
 * and stays until its next failing call.
 */
SECMALLOC_API const char *secmalloc_error(void);

/* The version of the library that is running, such as "1.0.0". Never NULL. */
SECMALLOC_API const char *secmalloc_version(void);

/* ---- Chunks ------------------------------------------------------------- */

/*
 * A chunk of `size` bytes of locked memory, aligned to 16, all zero.
 * Size 0 gives a unique pointer with no usable byte, freed like any other.
 *
 * No system call is made as long as the pools that are locked have a place,
 * except to wait for another thread. When they have none, one more pool is
 * locked if max_pools and the lock limit allow it; a chunk that is larger than
 * a pool gets a pool of its own size.
 *
 * ENOMEM  no place, and no further pool could be locked; or size is over
 *         PTRDIFF_MAX
 * ENXIO   no arena
 */
SECMALLOC_API void *secmalloc(size_t size) SECMALLOC_CHUNK SECMALLOC_SIZED(1);

/* As secmalloc(nmemb * size); ENOMEM too if that product overflows. */
SECMALLOC_API void *seccalloc(size_t nmemb, size_t size)
	SECMALLOC_CHUNK SECMALLOC_SIZED(1, 2);

/*
 * Change the size of a chunk; its bytes are kept up to the smaller of both
 * sizes, and what is new reads as zero. It stays where it is if its place has
 * room, and moves if not, or if a place of half the size would do: the old
 * place is then wiped. Bytes cut off by a smaller size are wiped. A chunk from
 * secaligned_alloc() that moves is aligned to 16 only.
 *
 * secrealloc(NULL, n) is secmalloc(n). secrealloc(p, 0) gives a chunk of size
 * 0; it does not free. A smaller size never fails.
 *
 * ENOMEM  as secmalloc(); the old chunk is untouched
 * ENXIO   no arena, or a chunk of an arena that stayed in the parent
 *
 * Misuse is fatal, as for secfree().
 */
SECMALLOC_API void *secrealloc(void *ptr, size_t size) SECMALLOC_SIZED(2);

/*
 * Wipe a chunk and give its place back. NULL does nothing, and nor does, in a
 * child of fork(), a pointer to an arena that stayed in the parent. errno is
 * unchanged.
 *
 * Fatal: a pointer that is not the start of a live chunk (freed before, inside
 * a chunk, misaligned, of another allocator, wild), a canary after or before
 * the chunk that was changed, and any pointer but NULL where there is no arena.
 */
SECMALLOC_API void secfree(void *ptr);

/*
 * As secmalloc(size), aligned to `alignment`: a power of two, up to half of
 * pool_size. The size need not be a multiple of it.
 *
 * EINVAL         alignment is no power of two, or is larger than that
 * ENOMEM, ENXIO  as secmalloc()
 */
SECMALLOC_API void *secaligned_alloc(size_t alignment, size_t size)
	SECMALLOC_CHUNK SECMALLOC_SIZED(2);

/*
 * A copy of a string, its NUL included, in a chunk.
 * EINVAL if s is NULL; ENOMEM and ENXIO as secmalloc().
 */
SECMALLOC_API char *secstrdup(const char *s) SECMALLOC_CHUNK;

/*
 * A copy of `size` bytes in a chunk. p may be NULL if size is 0.
 * EINVAL if p is NULL and size is not 0; ENOMEM and ENXIO as secmalloc().
 */
SECMALLOC_API void *secmemdup(const void *p, size_t size)
	SECMALLOC_CHUNK SECMALLOC_SIZED(2);

/*
 * The size of a live chunk: exactly the bytes that were asked for. 0 for NULL
 * (errno unchanged), for a pointer that is not the start of a live chunk
 * (EINVAL), and without an arena (ENXIO). A chunk of size 0 also gives 0, with
 * errno unchanged.
 */
SECMALLOC_API size_t secmalloc_usable_size(const void *ptr);

/*
 * 1 if ptr points to a byte of a live chunk, or to the start of one of size 0;
 * else 0, also without an arena. Any address may be asked about: it is never
 * dereferenced. errno is unchanged.
 */
SECMALLOC_API int secmalloc_owns(const void *ptr);

/* ---- Guarded chunks ----------------------------------------------------- */

/*
 * A chunk of `size` bytes that is alone on its pages, all zero, between two
 * guards, and whose access can be changed. Its end is the guard: where size is
 * a multiple of 16, the byte after its last faults; otherwise up to 15 bytes of
 * canary lie between. All of its page before it is canary. Size 0 gives a
 * unique pointer with no usable byte.
 *
 * It is a chunk like any other: secfree() checks, wipes and frees it, whatever
 * its access, and secrealloc() gives it another size, on its pages if they are
 * enough and so at another address; it can then be written, and is not open.
 * Its pages stay locked and are used again.
 *
 * No system call is made as long as one that was prepared (see guarded_chunks)
 * is free, nor by secfree() if the chunk can be written.
 *
 * ENOMEM  none is free, and no further one could be locked; or size is over
 *         PTRDIFF_MAX
 * ENXIO   no arena
 */
SECMALLOC_API void *secmalloc_guarded(size_t size)
	SECMALLOC_CHUNK SECMALLOC_SIZED(1);

/* What may be done to a guarded chunk; each includes those before. What it does
 * not allow faults, with SIGSEGV, in whatever thread; a system call that is
 * handed the address fails with EFAULT. */
enum secmalloc_access {
	SECMALLOC_NOACCESS,
	SECMALLOC_READONLY,
	SECMALLOC_READWRITE /* that of a new one */
};

/*
 * Set the access that a guarded chunk has in all threads while none of them has
 * it open (below): while one has, what that needs stays, and the new access
 * holds from the last secmalloc_close() on. It needs no privilege, makes one
 * system call if anything changes, and never splits a mapping.
 *
 * EINVAL  no guarded chunk starts at ptr; or access is none of the three
 * EPERM   a filter of system calls refused mprotect(); nothing has changed
 * ENOMEM  the kernel had no memory for its tables, or RLIMIT_DATA was lowered
 *         to less than the process has: what is made writable counts there;
 *         nothing has changed
 * ENXIO   no arena
 */
SECMALLOC_API int secmalloc_protect(void *ptr, enum secmalloc_access access);

/*
 * Open and close a guarded chunk that is SECMALLOC_NOACCESS otherwise, or
 * SECMALLOC_READONLY, from several threads: each secmalloc_open() gives at
 * least the access that it names, until there was a secmalloc_close() for each
 * of them. So a thread that is done with it does not take it from one that is
 * not. What was once opened for writing stays so until the last is closed.
 *
 * The errors are those of secmalloc_protect(), and:
 *
 * EINVAL  secmalloc_open() of SECMALLOC_NOACCESS; secmalloc_close() of a chunk
 *         that is not open
 * ERANGE  it was opened 4,294,967,295 times
 */
SECMALLOC_API int secmalloc_open(void *ptr, enum secmalloc_access access);
SECMALLOC_API int secmalloc_close(void *ptr);

/* ---- Bytes of any memory ------------------------------------------------ */

/*
 * Overwrite `size` bytes at p with zero. The compiler does not remove the call,
 * even if the memory is never read again. NULL does nothing.
 */
SECMALLOC_API void secmalloc_wipe(void *p, size_t size);

/*
 * 1 if `size` bytes at a and b are equal, else 0, in a time that depends on
 * size alone. A size of 0 is equal; else a NULL is equal to nothing.
 */
SECMALLOC_API int secmalloc_equal(const void *a, const void *b, size_t size);

/* ---- Looking at the arena ----------------------------------------------- */

/*
 * Bits of secmalloc_stats.advice_missing: what this kernel does not know, and
 * so could not do for the pools.
 */
#define SECMALLOC_ADVICE_DONTDUMP    0x1u /* pools may be in core dumps */
#define SECMALLOC_ADVICE_DONTFORK    0x2u /* never missing on Linux 2.6.16 on */
#define SECMALLOC_ADVICE_UNMERGEABLE 0x4u /* no KSM, so nothing is merged */
#define SECMALLOC_ADVICE_NOHUGEPAGE  0x8u /* no huge pages, so none is used */

/* Counters of an arena. They hold no secret and no address. */
struct secmalloc_stats {
	uint64_t pools;           /* locked now, as max_pools counts them */
	uint64_t pools_initial;   /* of these, locked by secmalloc_init() */
	uint64_t pools_max;       /* the most there may be */
	uint64_t pool_bytes;      /* in the pools that are locked now */
	uint64_t locked_bytes;    /* pool_bytes, guarded_bytes and the page of
	                             the canary key: what it adds to VmLck */
	uint64_t free_bytes;      /* of pool_bytes, in no chunk's place */
	uint64_t cached_bytes;    /* of free_bytes, in threads' caches */
	uint64_t used_bytes_peak; /* of pool_bytes, the most that were in
	                             chunks' places and caches at one time */
	uint64_t chunks;          /* live now */
	uint64_t chunk_bytes;     /* asked for, in the live chunks */
	uint64_t allocations;     /* chunks made since secmalloc_init(); one
	                             that secrealloc() moves is made anew */
	uint64_t frees;           /* chunks freed since then, or moved from */
	uint64_t failures;        /* allocations refused for want of room */
	uint64_t advice_missing;  /* SECMALLOC_ADVICE_ bits */
	uint64_t guarded_chunks;  /* of chunks, those that are guarded */
	uint64_t guarded_peak;    /* the most of them at one time */
	uint64_t guarded_free;    /* more that can be had without locking */
	uint64_t guarded_bytes;   /* locked for guarded chunks, free or not */
	uint64_t backing;         /* SECMALLOC_BACKING_LOCKED, or _SECRET */
	uint64_t low_crossings;   /* how often on_low was called */
	uint64_t reserved[12];    /* zero */
};

/*
 * Write the counters to *stats. Each thread counts for itself, so that counting
 * costs it nothing; what is written is the exact sum, for each thread as of a
 * moment during the call.
 * EINVAL if stats is NULL; ENXIO without an arena.
 */
SECMALLOC_API int secmalloc_stats(struct secmalloc_stats *stats);

/*
 * Walk every structure of the arena, check every canary and that all that is
 * free reads as zero. 0: sound. Its time grows with the size of the arena, and
 * other threads wait for it.
 *
 * EBADMSG  damage was found; secmalloc_error() says what and where
 * ENXIO    no arena
 */
SECMALLOC_API int secmalloc_audit(void);

/*
 * Say what an address is, in one line of words without a newline, in n bytes at
 * buf: "3 bytes past the end of a guarded chunk of 32 bytes", "in the guard
 * after pool 2", "inside a free slot of class 48, pool 0", "not of this
 * library". What does not fit is cut; 120 bytes hold all of it. Any address may
 * be asked, at any time, before secmalloc_init() and in a child too.
 *
 * It is async-signal-safe: it takes no lock and reads no chunk. Of what another
 * thread is just taking or freeing it says what was, or what will be. errno
 * stays, but for:
 *
 * EINVAL  buf is NULL or n is 0
 */
SECMALLOC_API int secmalloc_explain(const void *addr, char *buf, size_t n);

/* What secmalloc_verify() checks. */

/* The pools, the guarded chunks and the page of the canary key are locked and
 * in memory. */
#define SECMALLOC_VERIFY_LOCKED 0x1u

/* They are left out of core dumps and, but with SECMALLOC_FORK_KEEP, of
 * children, and are not merged with equal pages (SECMALLOC_ADVICE_DONTDUMP,
 * _DONTFORK, _UNMERGEABLE). */
#define SECMALLOC_VERIFY_ADVICE 0x2u

/*
 * Of each thread, the real, effective, saved and file system uid are one, and
 * it is not 0; likewise the gid; group 0 is not among the supplementary groups;
 * and neither CAP_SETUID nor CAP_SETGID is there to change that.
 */
#define SECMALLOC_VERIFY_IDS 0x4u

/*
 * No thread has a capability that is permitted, effective, inheritable or
 * ambient. The bounding set is not looked at, as it gives nothing to a process
 * that does not execute a privileged program.
 */
#define SECMALLOC_VERIFY_CAPABILITIES 0x8u

/* PR_GET_DUMPABLE is 0: no core dump is made of the process, and others of its
 * user cannot trace it. */
#define SECMALLOC_VERIFY_DUMPABLE 0x10u

/*
 * RLIMIT_CORE stops core dumps: it is 1, or 0 where core_pattern is a file, and
 * so is the hard limit, to which any process of the same user may raise it.
 * Where core_pattern is a socket no limit does, and PR_GET_DUMPABLE must be 0.
 */
#define SECMALLOC_VERIFY_CORE 0x20u

/* The arena is of secret memory: what SECMALLOC_BACKING_AUTO came to. Not among
 * those that 0 stands for. */
#define SECMALLOC_VERIFY_SECRET 0x40u

/*
 * Have the kernel say whether the daemon and its arena are as they should be
 * once privileges are given up: a daemon calls it then, and stops if it fails.
 * `checks` is the sum of the bits above that are wanted, or 0 for all but the
 * last. 0: all is as it should be. Otherwise secmalloc_error() names what is
 * not, each with its remedy; if that is too much for it, those that come first
 * and how many more there are.
 *
 * It reads the smaps, task and core_pattern files of /proc, so the time that it
 * takes grows with all memory of the process and with its threads. Threads that
 * need the arena's lock wait for it. What it says is so at that moment: call it
 * again after anything that may have changed it.
 *
 * EPERM    a check failed
 * ENOTSUP  none failed, but one could not be made: there is no /proc, or it
 *          cannot be read, or the kernel does not tell
 * EINVAL   checks has unknown bits
 * ENXIO    no arena, and SECMALLOC_VERIFY_LOCKED, _ADVICE or _SECRET were asked
 *          for; the others need none
 */
SECMALLOC_API int secmalloc_verify(unsigned checks);

/* ---- Memory that the caller owns ---------------------------------------- */

/*
 * mlock(), munlock() and madvise(MADV_DONTDUMP) of the pages that hold any of
 * the `size` bytes at addr: the range is widened to whole pages, so a page that
 * is shared with other data goes with it. A size of 0 does nothing. They need
 * no arena.
 *
 * EINVAL   addr + size overflows; or the range touches the arena, whose locks
 *          are not the caller's to change
 * ENOMEM   part of the range is not mapped, or the lock limit is too small
 * EPERM    the process has no right to lock memory
 * ENOTSUP  the platform has no such call
 */
SECMALLOC_API int secmalloc_mlock(const void *addr, size_t size);
SECMALLOC_API int secmalloc_munlock(const void *addr, size_t size);
SECMALLOC_API int secmalloc_dontdump(const void *addr, size_t size);

#ifdef __cplusplus
}
#endif

#endif /* SECMALLOC_H */
