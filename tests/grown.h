/*
 * grown.h - an arena that has grown, and one with a hole
 *
 * The initial pools are full. Behind them lie two large chunks with a small one
 * between them. For a hole, the first large chunk is freed and the arena is
 * trimmed.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TESTS_GROWN_H
#define TESTS_GROWN_H

#include "config.h"

#include "backing.h"
#include "child.h"
#include "hide.h"
#include "locked.h"
#include "pattern.h"
#include "proc.h"

#include <errno.h>
#include <secmalloc.h>

#define GROWN_POOL    (64 * KIB)
#define GROWN_POOLS   2
#define GROWN_LARGE   (1024 * KIB)
#define GROWN_SMALL   10000
#define GROWN_INITIAL (GROWN_POOLS * GROWN_POOL - 8 * KIB)

/* What a hole may leave of the stretch that was freed: memory is given back in
 * stretches of a pool. */
#define GROWN_REST (2 * GROWN_POOL)

struct grown {
	struct locked locked;
	unsigned char *initial, *first, *small, *last;
};

static struct grown grown;

static inline void grown_put(unsigned char *chunk, size_t size, uint64_t seed)
{
	if (chunk == NULL)
		return;
	for (size_t at = 0; at + PATTERN_BYTES <= size; at += 4096)
		pattern_put(chunk + at, seed + at);
}

/* Whether all patterns of a chunk are where they were put. */
static inline bool grown_is(const unsigned char *chunk, size_t size,
                            uint64_t seed)
{
	for (size_t at = 0; at + PATTERN_BYTES <= size; at += 4096)
		if (!pattern_is(chunk + at, seed + at))
			return false;
	return true;
}

static inline bool grown_take_first(void)
{
	grown.first = hide(secmalloc(GROWN_LARGE));
	grown_put(grown.first, GROWN_LARGE, 1);
	return grown.first != NULL;
}

static inline bool grown_take_last(void)
{
	grown.last = hide(secmalloc(GROWN_LARGE));
	grown_put(grown.last, GROWN_LARGE, 3);
	return grown.last != NULL;
}

static inline bool grown_take_all(void)
{
	grown.initial = hide(secmalloc(GROWN_INITIAL));
	grown_put(grown.initial, GROWN_INITIAL, 4);
	if (!grown_take_first())
		return false;
	grown.small = hide(secmalloc(GROWN_SMALL));
	grown_put(grown.small, GROWN_SMALL, 2);
	return grown.initial != NULL && grown.small != NULL
	       && grown_take_last();
}

/* The other chunks are as they were. */
static inline bool grown_others_are_whole(void)
{
	return grown_is(grown.initial, GROWN_INITIAL, 4)
	       && grown_is(grown.small, GROWN_SMALL, 2);
}

static inline bool grown_last_is_whole(void)
{
	return grown_is(grown.last, GROWN_LARGE, 3);
}

static inline bool grown_begin_with(struct secmalloc_config config)
{
	proc_settle();
	config.initial_pools = GROWN_POOLS;
	if (locked_begin(&grown.locked, 4, &config) && grown_take_all())
		return true;
	tap_cannot("%s", secmalloc_error());
	return false;
}

static inline bool grown_begin(void)
{
	return grown_begin_with((struct secmalloc_config){0});
}

/* What there is of the address of a hole, to be read or written: its middle. */
static inline unsigned char *grown_hole(void)
{
	return grown.first + GROWN_LARGE / 2;
}

/* Make the hole where the first large chunk is. Returns how many bytes were
 * given back. */
static inline size_t grown_make_hole(void)
{
	secfree(grown.first);
	return secmalloc_trim();
}

static inline void grown_free_all(void)
{
	secfree(grown.initial);
	secfree(grown.first);
	secfree(grown.small);
	secfree(grown.last);
}

/* ---- States of an arena ---------------------------------------------------
 */

enum grown_state {
	GROWN_FULL,    /* all chunks are there */
	GROWN_HOLED,   /* there is a hole where the first large chunk was */
	GROWN_REFILLED /* and the arena has grown into it again */
};

static enum grown_state grown_state;
static const char *const grown_names[] = {
	[GROWN_FULL] = "grown",
	[GROWN_HOLED] = "trimmed",
	[GROWN_REFILLED] = "grown into its hole",
};

static inline bool grown_make(struct secmalloc_config config)
{
	if (!grown_begin_with(config))
		return false;
	if (grown_state != GROWN_FULL
	    && grown_make_hole() < GROWN_LARGE - GROWN_REST) {
		tap_note("there is no hole");
		return false;
	}
	return grown_state != GROWN_REFILLED || grown_take_first();
}

/* All chunks are whole and locked, and the arena is sound. */
static inline bool grown_is_well(void)
{
	const void *ends[] = {grown.initial, grown.small, grown.last,
	                      grown.last + GROWN_LARGE - 1};
	bool good = grown_others_are_whole() && grown_last_is_whole()
	            && secmalloc_audit() == 0
	            && locked_as_counted(&grown.locked);

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		good = good && proc_has_flag(ends[i], "lo");
	if (grown_state != GROWN_HOLED)
		good = good && grown_is(grown.first, GROWN_LARGE, 1)
		       && proc_has_flag(grown_hole(), "lo");
	return good;
}

/* Run a case in each state of the arena, in a process of its own. */
static inline void grown_try(const char *what, int (*act)(void))
{
	for (grown_state = GROWN_FULL; grown_state <= GROWN_REFILLED;
	     grown_state++) {
		char text[160];

		snprintf(text, sizeof(text), "%s: %s", grown_names[grown_state],
		         what);
		child_try(text, act);
	}
}

/* Set the soft lock limit to what is locked now and `more` bytes. */
static inline bool grown_limit(size_t more)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_MEMLOCK, &limit) != 0)
		return false;
	limit.rlim_cur = locked_now() + more;
	if (setrlimit(RLIMIT_MEMLOCK, &limit) == 0)
		return true;
	tap_cannot("the lock limit cannot be %ju: %s",
	           (uintmax_t)limit.rlim_cur, strerror(errno));
	return false;
}

/* Whether a chunk of this size is refused, for lack of room. */
static inline bool grown_is_refused(size_t size)
{
	errno = 0;
	return hide(secmalloc(size)) == NULL && errno == ENOMEM;
}

/* An ordinary user who may lock as much as these suites need. */
#define GROWN_ENOUGH (6 * LOCKED_MIB)

/* Call this before the first case. */
static inline void grown_start(void)
{
	tap_needs_plain_build();
	tap_needs_file("/proc/self/status");
	if (sysconf(_SC_PAGESIZE) != 4096)
		tap_skip_all("the sizes are for pages of 4 KiB");
	tap_needs_lock(GROWN_ENOUGH >> 10);
}

#endif /* TESTS_GROWN_H */
