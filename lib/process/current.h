/*
 * current.h - the process's arena: made, published, entered, left and ended
 *
 * Locks, in the order in which they are taken: the init lock, then the arena's.
 * The fork handlers hold the init lock during fork(), so that a child sees a
 * complete arena or none.
 *
 * Each thread remembers its cache and the number of the arena that the cache is
 * part of. Arenas are numbered through the life of the process, so one
 * comparison tells a thread that its arena is gone.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SMI_CURRENT_H
#define SMI_CURRENT_H

#include "arena/lifecycle.h"
#include "base/base.h"
#include "cache/tcache.h"
#include "report/last_error.h"

#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

/* Two different numbers that no arena ever has. */
#define SMI_NO_ARENA 0u
#define SMI_NO_CACHE UINT_MAX

struct smi_thread {
	struct smi_tcache *cache; /* or NULL */
	unsigned arena;           /* number of the cache's arena, or
	                             SMI_NO_CACHE */
	bool registers;           /* it registers hooks: hooks.c */
	bool marked;              /* its cache will be taken back at its end */
	bool preparing;           /* it is being marked */
	bool ended;               /* its cache was taken back at its end */
	bool moves;               /* it forks, and the arena goes along */
	bool holds;               /* it forks, and holds the arena's lock */
	bool unlocked;            /* it forks, and took no lock for that */
	bool in_on_low;           /* it runs on_low, which does not nest */
	volatile bool in_call;    /* it holds a lock or waits for one: see
	                             smi_current_enter() */
};
_Static_assert(sizeof(struct smi_thread) <= 32,
               "all thread-local variables together take 64 bytes at most");
extern _Thread_local struct smi_thread smi_current_thread SMI_TLS_MODEL;

/* The process's arena. The init lock guards every member that is not atomic. */
struct smi_current {
	pthread_mutex_t init_lock;
	_Atomic(struct smi_arena *) arena;
	unsigned last_number;      /* of the last arena that was made */
	_Atomic bool ends_threads; /* threads run end_thread() at their end */

	/* What a child needs to know about the arena, since it may have no copy
	 * of the metadata. */
	void *reservation;
	size_t reservation_bytes;
	struct smi_arena_plan plan;
	/* A child may get the arena whatever the policy is. */
	bool strays;
	/* The signal mask to be restored by the thread that `moves`. */
	sigset_t mask_after;

	/* In a child that should have an arena but does not: the errno and the
	 * words. Otherwise the errno is 0. */
	int lost_code;
	char lost_words[SMI_LAST_ERROR_BYTES];
};
extern struct smi_current smi_current;

/* The number of that arena, or SMI_NO_ARENA. It is a variable of its own
 * because every call reads it. */
extern _Atomic unsigned smi_current_number;

/* Whether the calling thread has a cache in the current arena. */
static inline bool smi_current_has_cache(void)
{
	return smi_current_thread.arena
	       == atomic_load_explicit(&smi_current_number,
	                               memory_order_acquire);
}

/* The calling thread's cache in the current arena, or NULL. */
static inline struct smi_tcache *smi_current_cache(void)
{
	return smi_current_has_cache() ? smi_current_thread.cache : NULL;
}

/*
 * Whether the thread is in the middle of a call that holds a lock, waits for
 * one, or uses the cache. If a signal handler asks, it has interrupted that
 * call: it must take no lock, and cannot use the cache.
 */
static inline bool smi_current_is_inside(void)
{
	const struct smi_tcache *cache = smi_current_cache();

	return smi_current_thread.in_call
	       || (cache != NULL && smi_tcache_busy(cache) != 0);
}

/* Have threads return their caches when they end. False if that is not possible
 * at present: then threads have no caches. Only one thread may make this call
 * at a time. */
bool smi_current_end_threads(void);

/*
 * Undo smi_current_end_threads(). Threads that have caches keep them. Takes no
 * lock, since an exit may have interrupted a call. A thread that is just being
 * marked may still be marked, with a key that is gone.
 */
void smi_current_forget_threads(void);

/* Make and publish the arena. -1 with errno and words: EALREADY if there is
 * one, or the errors of smi_lifecycle_create() and smi_nodump_apply(). */
int smi_current_init(const struct smi_arena_plan *plan);

/* As smi_current_init(), for a caller that holds the init lock, or is the only
 * thread, and knows that there is no arena. With `no_dump` the process is made
 * undumpable, too. */
int smi_current_make(const struct smi_arena_plan *plan, bool no_dump);

/* Unpublish the arena and destroy it. Does nothing without one. */
void smi_current_fini(void);

/*
 * Lock the arena for the public function named `call`, until
 * smi_current_leave(). The thread also gets a cache if it has none and one is
 * free. NULL with ENXIO and words if there is no arena, or if this thread is
 * aborting because of misuse.
 *
 * Aborts if the thread is in the middle of another call, with a lock or with
 * its cache. A signal handler then interrupted that call and began this one,
 * which would wait for a lock that its own thread holds, or use a cache that is
 * half changed.
 */
struct smi_arena *smi_current_enter(const char *call);

/* As smi_current_enter(), but sets neither errno nor words; for functions that
 * do not report failures. */
struct smi_arena *smi_current_enter_quietly(const char *call);

/* The arena, without its lock, or NULL; for signal handlers. */
const struct smi_arena *smi_current_peek(void);

/* Unlock the arena, and then call on_low if the arena has run low. */
void smi_current_leave(struct smi_arena *arena);

/*
 * smi_current_release() unlocks the arena for the rest of the call, which goes
 * on with work that needs no lock, and then calls smi_current_end(). Misuse
 * that is found meanwhile is for smi_current_retake(), which locks the arena
 * again. on_low must not run in between; the thread's next call makes up for
 * that.
 */
void smi_current_release(struct smi_arena *arena);
void smi_current_retake(struct smi_arena *arena, const char *call);
void smi_current_end(void);

/* Whether ptr may be a pointer into an arena that was left behind in a parent.
 * If another fork handler mapped something there, it may also point to that. */
bool smi_current_was_left_behind(const void *ptr);

/* Whether ptr points to addresses that are reserved for such an arena. */
bool smi_current_is_absent(const void *ptr);

/* Whether [at, at + bytes) overlaps the arena, or addresses that are reserved
 * for one that was left behind; bytes > 0. */
bool smi_current_touches(const void *at, size_t bytes);

#endif /* SMI_CURRENT_H */
