/*
 * question_space.c - how much payload fits in a lock limit?
 *
 * Runs as an ordinary user with an RLIMIT_MEMLOCK of the cell's KiB. "64-32":
 * how many chunks of 32 bytes fit. "64-mixed": the payload of the mixed load,
 * in per cent of the limit, until the first chunk that does not fit.
 * "64-churn": the same after random replacement at the limit, until hardly any
 * allocation fails, and filling up again. A chunk counts only if the mapping
 * that it lies in is locked.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "bench.h"
#include "questions.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST     1000000
#define MAPPINGS 200000

static struct chunk {
	char *at;
	size_t size;
} chunks[MOST];
static size_t count, payload;
static uint64_t state;

static struct {
	uintptr_t start, end;
} locked[MAPPINGS];
static size_t locked_count;

static FILE *smaps;

/*
 * Read the mappings that have the flag lo. The file was opened at the start,
 * because at the end there may be too many mappings for stdio to allocate a
 * buffer.
 */
static void read_locked(void)
{
	unsigned long start = 0, end = 0, a, b;
	char line[512], access[8];

	while (fgets(line, sizeof(line), smaps) != NULL) {
		if (sscanf(line, "%lx-%lx %7s", &a, &b, access) == 3) {
			start = a;
			end = b;
		} else if (strncmp(line, "VmFlags:", 8) == 0
		           && strstr(line, " lo") != NULL
		           && locked_count < MAPPINGS) {
			locked[locked_count].start = start;
			locked[locked_count++].end = end;
		}
	}
	fclose(smaps);
}

static bool is_locked(const void *p)
{
	uintptr_t at = (uintptr_t)p;
	size_t low = 0, high = locked_count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (at < locked[middle].start)
			high = middle;
		else if (at >= locked[middle].end)
			low = middle + 1;
		else
			return true;
	}
	return false;
}

/* Add a chunk. False if it was refused or exceeds all limits, which ends the
 * filling. */
static bool add(size_t size, size_t limit)
{
	char *p = count < MOST && payload < 2 * limit ? peer_take(size) : NULL;

	if (p == NULL)
		return false;
	*p = 1;
	chunks[count].at = p;
	chunks[count++].size = size;
	payload += size;
	return true;
}

static void drop(size_t i)
{
	peer_give(chunks[i].at, chunks[i].size);
	payload -= chunks[i].size;
	chunks[i] = chunks[--count];
}

/* Add chunks of the mixed load until the first that does not fit. */
static void fill(size_t limit)
{
	while (add(bench_mixed(&state), limit))
		;
}

/* Replace random chunks at the limit. A chunk that is refused is lost, until
 * hardly any is refused. Then fill up again. */
static void churn(size_t limit)
{
	size_t rounds = 20 * count;

	for (size_t i = 0; i < rounds && count > 1; i++) {
		drop(bench_random(&state) % count);
		add(bench_mixed(&state), limit);
	}
	fill(limit);
}

void question_space(const char *cell)
{
	char *kind = NULL;
	size_t limit = strtoul(cell, &kind, 10) * 1024, held = 0, bytes = 0;
	static char buffer[65536];
	bool fixed = strcmp(kind, "-32") == 0;

	smaps = fopen("/proc/self/smaps", "r");
	if (smaps == NULL || setvbuf(smaps, buffer, _IOFBF, sizeof(buffer)))
		bench_give_up("cannot read /proc/self/smaps");
	bench_become_user(limit);
	state = bench_seed();
	if (!peer_start(limit))
		bench_give_up("cannot be started");
	if (fixed)
		while (add(32, limit))
			;
	else
		fill(limit);
	if (strcmp(kind, "-churn") == 0)
		churn(limit);
	read_locked();
	for (size_t i = 0; i < count; i++)
		if (is_locked(chunks[i].at)
		    && is_locked(chunks[i].at + chunks[i].size - 1)) {
			held++;
			bytes += chunks[i].size;
		}
	bench_result(cell, fixed ? (double)held
	                         : 100.0 * (double)bytes / (double)limit);
}
