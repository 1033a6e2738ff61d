/*
 * current.h - the process's arena: made, published, entered, left and ended
 *
 * Locks, in the order in which they are taken: the init lock, then the arena's.
 * fork() is bracketed by the first (fork_handlers.h), so that the child sees a
 * whole arena or none.
 *
 * Each thread keeps which cache it has, and of which arena: arenas are numbered
 * through the life of the process, so that a thread whose arena is gone finds
 * that out by one comparison.
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
#include <stdatomic.h>

/*
 * The offset of such a variable is known when the library is loaded, so that
 * reading it is no call. glibc keeps room for that in libraries that dlopen()
 * loads, too; others do not.
 */
#if defined(__GLIBC__)
#define SMI_TLS_MODEL __attribute__((tls_model("initial-exec")))
#else
#define SMI_TLS_MODEL
#endif

/* Neither is the number of an arena, nor are they the same. */
#define SMI_NO_ARENA 0u
#define SMI_NO_CACHE UINT_MAX

struct smi_thread {
	struct smi_tcache *cache; /* or NULL */
	unsigned arena;           /* the number of the arena that it is of, or
	                             SMI_NO_CACHE */
	bool ended;               /* its destructors run: no cache any more */
	bool moves;               /* it forks, and the arena goes with it */
	bool holds;               /* it forks, and has the arena's lock */
	bool in_on_low;           /* it does not call that again meanwhile */
};
extern _Thread_local struct smi_thread smi_current_thread SMI_TLS_MODEL;

/* What the process has. The init lock guards what is not atomic. */
struct smi_current {
	pthread_mutex_t init_lock;
	_Atomic(struct smi_arena *) arena;
	_Atomic unsigned number; /* of that arena, or SMI_NO_ARENA */
	unsigned last_number;    /* of the last arena that was made */
	bool ends_threads;       /* end_thread() is called at their end */

	/* What a child has to know of the arena that there is: it may have no
	 * copy of the metadata. */
	void *reservation;
	size_t reservation_bytes;
	struct smi_arena_plan plan;

	/* In a child, why it has no arena though it should: the errno, or 0,
	 * and the words. */
	int lost_code;
	char lost_words[SMI_LAST_ERROR_BYTES];
};
extern struct smi_current smi_current;

/* Whether the calling thread has a cache in the arena that there is. */
static inline bool smi_current_has_cache(void)
{
	return smi_current_thread.arena
	       == atomic_load_explicit(&smi_current.number,
	                               memory_order_acquire);
}

/* That cache, or NULL. */
static inline struct smi_tcache *smi_current_cache(void)
{
	return smi_current_has_cache() ? smi_current_thread.cache : NULL;
}

/* Make and publish the arena. -1 with errno and words; EALREADY. */
int smi_current_init(const struct smi_arena_plan *plan);

/* The same for a caller that has the init lock, or is alone, where there is no
 * arena. With `no_dump` the process is made undumpable, too. */
int smi_current_make(const struct smi_arena_plan *plan, bool no_dump);

/* Take the arena back and destroy it. */
void smi_current_fini(void);

/*
 * The arena, locked by `call`; smi_current_leave() unlocks it. From then on the
 * thread has a cache, if one can be had. NULL with ENXIO and words if there is
 * no arena, or if this thread is dying of misuse.
 */
struct smi_arena *smi_current_enter(const char *call);

/* The same without words or errno, for calls that cannot fail. */
struct smi_arena *smi_current_enter_quietly(const char *call);

/* The arena as it is, without its lock, or NULL; for signal handlers. */
const struct smi_arena *smi_current_peek(void);

/* It calls on_low if the arena has run low. */
void smi_current_leave(struct smi_arena *arena);

/* Whether ptr is of an arena that was left behind in a parent. */
bool smi_current_was_left_behind(const void *ptr);

/* Whether [at, at + bytes) touches the arena or one left behind; bytes > 0. */
bool smi_current_touches(const void *at, size_t bytes);

#endif /* SMI_CURRENT_H */
