/*
 * peers.c - what an allocator does, in the words of the README's table
 *
 *     peers_NAME QUESTION
 *
 * The allocators are those of the benchmark. tests/peers.sh sets the limits
 * that a question needs, and compares the answer with the table.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "../bench/bench.h"
#include "child.h"
#include "proc.h"

#include <err.h>
#include <setjmp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define KEY  32
#define MOST 4000

static char *key;

/* The compiler must not know that this points into a chunk, because it knows
 * which accesses are invalid. */
static char *volatile byte;

static const char *locked(void)
{
	return proc_has_flag(key, "lo") ? "yes" : "no";
}

static const char *dumps(void)
{
	return proc_has_flag(key, "dd") ? "yes" : "no";
}

/* Allocate chunks until that fails or until a chunk is in memory that is not
 * locked. */
static const char *full(void)
{
	char *next = key;

	for (int i = 0; i < MOST && next != NULL; i++) {
		if (!proc_has_flag(next, "lo"))
			return "unlocked memory";
		next = peer_take(KEY);
	}
	return next == NULL ? "no memory" : "more memory";
}

/* Whether the mapping that contains this address is inaccessible. */
static bool is_guard(uintptr_t address)
{
	struct proc_mapping mapping;

	return proc_mapping_of((void *)address, &mapping)
	       && strcmp(mapping.access, "---p") == 0;
}

static const char *guards(void)
{
	struct proc_mapping mine, others;

	if (!proc_mapping_of(key, &mine) || !is_guard(mine.start - 1)
	    || !is_guard(mine.end))
		return "nothing";
	if (!proc_mapping_of(peer_take(KEY), &others)
	    || others.start != mine.start)
		return "each chunk";
	return mine.end - mine.start == (uintptr_t)getpagesize() ? "each page"
	                                                         : "the pool";
}

/* Allocate the key so that it is neither the first chunk of its pool nor the
 * last. */
static bool take_key(void)
{
	char *before, *after;

	/* A program may ignore a failed start, and so does this one. */
	if (!peer_start(64 << 10))
		fputs("the allocator did not start\n", stderr);
	before = peer_take(KEY);
	key = peer_take(KEY);
	after = peer_take(KEY);
	return before != NULL && key != NULL && after != NULL;
}

/*
 * Find out what happens to a process that writes a byte next to a chunk and
 * then frees the chunk. The process creates a heap of its own, because the heap
 * may be absent in a child that is created later, and then any write would be
 * fatal.
 */
static ptrdiff_t write_at;
static bool write_changes;

static int write_and_give(void)
{
	/* The message before the process dies is not the answer. */
	if (!take_key() || freopen("/dev/null", "w", stderr) == NULL)
		return 1;
	byte = key + write_at;
	*byte = (char)(write_changes ? *byte ^ 0x5a : '\0');
	peer_give(key, KEY);
	return 0;
}

static const char *writes(ptrdiff_t at, bool changes)
{
	int end;

	write_at = at;
	write_changes = changes;
	end = in_child(write_and_give);
	return end == 128 + SIGALRM ? "endless"
	       : end > 128          ? "fatal"
	       : end == 0           ? "unnoticed"
	                            : "no chunk";
}

static const char *overflow(void)
{
	return writes(KEY, true);
}

static const char *terminator(void)
{
	return writes(KEY, false);
}

static const char *underflow(void)
{
	return writes(-1, true);
}

static sigjmp_buf elsewhere;

static void leave(int signal)
{
	siglongjmp(elsewhere, signal);
}

static const char *wiped(void)
{
	memset(key, 'K', KEY);
	bench_touch(key);
	peer_give(key, KEY);
	signal(SIGSEGV, leave);
	if (sigsetjmp(elsewhere, 1) != 0)
		return "unmapped";
	/* The allocator may keep the links of a list in the first bytes. */
	for (int i = KEY / 2; i < KEY; i++)
		if (((volatile char *)key)[i] == 'K')
			return "no";
	return "yes";
}

static int look_in_child(void)
{
	if (*(volatile char *)key != 'K')
		return 2;
	return proc_has_flag(key, "lo") ? 3 : 4;
}

static const char *forked(void)
{
	static const char *const answers[] = {"zeros", "a locked copy",
	                                      "an unlocked copy"};
	int end;

	memset(key, 'K', KEY);
	end = in_child(look_in_child);
	return end >= 2 && end <= 4 ? answers[end - 2] : "nothing";
}

static const struct {
	const char *name;
	const char *(*ask)(void);
	bool makes_heap;
} questions[] = {
	{"locked", locked, false},      {"dumps", dumps, false},
	{"full", full, false},          {"guards", guards, false},
	{"overflow", overflow, true},   {"terminator", terminator, true},
	{"underflow", underflow, true}, {"wiped", wiped, false},
	{"fork", forked, false},
};

int main(int argc, char **argv)
{
	for (size_t i = 0; i < sizeof(questions) / sizeof(questions[0]); i++) {
		if (argc != 2 || strcmp(argv[1], questions[i].name) != 0)
			continue;
		if (questions[i].makes_heap || take_key())
			puts(questions[i].ask());
		else if (key == NULL && questions[i].ask == full)
			puts("no memory");
		else
			errx(1, "no chunk");
		return 0;
	}
	errx(1, "usage: peers QUESTION");
}
