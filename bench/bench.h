/*
 * bench.h - the interface between questions and allocators
 *
 * Each allocator is a file bench/peer_*.c with the peer_ functions. Each
 * question is a file that defines functions of the table in bench.c. All of
 * them are linked into one program for each allocator, so that a call of
 * peer_take() costs the same for all allocators.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The allocator's name in results, such as "jemalloc+wipe". */
extern const char peer_name[];

/*
 * Prepare the allocator for about `bytes` of chunks, as a daemon would at
 * startup. False if it cannot be used here; the reason may be on standard
 * error.
 */
bool peer_start(size_t bytes);

/* Allocate a chunk. NULL if there is no room. */
void *peer_take(size_t size);

/* Wipe and free a chunk that was allocated with this size. */
void peer_give(void *p, size_t size);

/* Resize a chunk. Bytes that are cut off, and the old memory if the chunk
 * moves, are wiped. */
void *peer_resize(void *p, size_t old_size, size_t size);

/*
 * peer_take_guarded() allocates a chunk between guard pages; peer_give() frees
 * it. peer_allow() makes it writable, or inaccessible. An allocator without
 * such chunks defines neither function.
 */
void *peer_take_guarded(size_t size);
void peer_allow(void *p, bool all);

/*
 * Prepare the allocator for a buffer that grows: as it is without any
 * configuration, if it can lock more memory later. Another one prepares `bytes`
 * for chunks.
 */
bool peer_start_growing(size_t bytes);

/* Prepare exactly this many bytes for chunks, to which nothing is added later.
 * Only secmalloc defines it. */
bool peer_start_fixed(size_t bytes);

/* The allocator's own realloc(), which need not wipe what it leaves behind. An
 * allocator without one does not define it. */
void *peer_realloc(void *p, size_t size);

/* The time in nanoseconds, from a monotonic clock. */
int64_t bench_now(void);

/* The first state of the random generators in this round; not 0. */
uint64_t bench_seed(void);

/* A fast random generator. Each thread has its own state, which is not 0. */
uint32_t bench_random(uint64_t *state);

/* A random size from the mixed load: 45 % 32 bytes, 15 % 64, 15 % 240, 10 %
 * 1200, 10 % 2400, 5 % 4032. */
size_t bench_mixed(uint64_t *state);

/* Keep the compiler from optimizing away what p points to. */
static inline void bench_touch(void *p)
{
	__asm__ volatile("" : : "r"(p) : "memory");
}

/* The ns of an allocation and its free while `live` chunks of that size are
 * live, the best of several slices. Negative if they have no room. Frees all of
 * them. */
#define BENCH_LIVE_MOST 8u
double bench_pair(size_t size, unsigned live);

/* Become an ordinary user who may lock so many bytes, or give up. */
void bench_become_user(size_t lock_limit);

/* Print one result as a line of CSV. The question defines the unit. */
void bench_result(const char *cell, double value);

/* Print a result in a column that is not the peer's. NULL: the peer's. */
void bench_result_in(const char *cell, const char *column, double value);

/* Print a word in place of a result, such as that of bench_errno(). */
void bench_failure(const char *cell, const char *column, const char *word);

/* "ENOMEM", or "failed" if errno is another one. */
const char *bench_errno(void);

/* Print a message and exit with status 2: this cell has no result. */
void bench_give_up(const char *why) __attribute__((noreturn));

#ifdef __cplusplus
}
#endif

#endif /* BENCH_H */
