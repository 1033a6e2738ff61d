/*
 * bench.h - what a question asks of an allocator, and what it has to help it
 *
 * Each allocator is a plug-in, bench/peer_*.c, with the peer_ functions; each
 * question is a file that defines one function of the table in bench.c. They
 * are linked into one program for each allocator, so that a call of peer_take()
 * costs the same for all of them.
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

/* The name in results, such as "jemalloc+wipe". */
extern const char peer_name[];

/*
 * Make the allocator ready for about `bytes` of chunks, as a daemon would when
 * it starts. False with a reason on standard error: it cannot be had here.
 */
bool peer_start(size_t bytes);

/* NULL: no room. */
void *peer_take(size_t size);

/* Give back what was taken with this size; its bytes are wiped. */
void peer_give(void *p, size_t size);

/* Change the size; bytes that go, and the old place, are wiped. */
void *peer_resize(void *p, size_t old_size, size_t size);

/*
 * A chunk between guards, which peer_give() gives back, and whether anything
 * may be done to it, or nothing. Allocators that have none leave both out.
 */
void *peer_take_guarded(size_t size);
void peer_allow(void *p, bool all);

/* Nanoseconds of a clock that only goes forward. */
int64_t bench_now(void);

/* Where the generators of this round begin, not 0. */
uint64_t bench_seed(void);

/* A quick generator; each thread has a state of its own, not 0. */
uint32_t bench_random(uint64_t *state);

/*
 * A size of the mixed load: 45 % 32 B, 15 % 64, 15 % 240, 10 % 1200, 10 % 2400,
 * 5 % 4032.
 */
size_t bench_mixed(uint64_t *state);

/* Keep the compiler from leaving out what p points to. */
static inline void bench_touch(void *p)
{
	__asm__ volatile("" : : "r"(p) : "memory");
}

/* One result: a line of CSV; the unit is the question's. */
void bench_result(const char *cell, double value);

/* A message and exit status 2: this cell has no result. */
void bench_give_up(const char *why) __attribute__((noreturn));

#ifdef __cplusplus
}
#endif

#endif /* BENCH_H */
