/*
 * question_arena.c - does an allocation cost more in a larger arena?
 *
 * The cell is the size of an arena in MiB, all of which is locked at the start,
 * or "default". Each column is a size of chunks: ns for a pair while LIVE of
 * them are live, or one if the arena is full. The column "slab" is the first
 * allocation of a size class.
 *
 * With "-full" after the cell, chunks of 5 to 36 KiB are allocated until none
 * fits, and random ones are freed until 90 % of the arena are live. An arena
 * that grows is filled until it has 64 MiB.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "bench.h"
#include "questions.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MIB ((size_t)1 << 20)

#define LIVE      4u
#define FULL_MOST (64 * MIB)
#define FULL_LIVE 90 /* per cent */

__attribute__((weak)) bool peer_start_fixed(size_t bytes)
{
	(void)bytes;
	bench_give_up("has no arena of a fixed size");
}

static const struct {
	const char *column;
	size_t size;
	bool full; /* asked of a full arena, too */
} sizes[] = {
	{"16 B", 16, false},       {"1 KiB", 1024, false},
	{"4 KiB", 4032, false},    {"16 KiB", 16384, true},
	{"64 KiB", 65536, false},  {"256 KiB", 262144, false},
	{"1 MiB", 1048576, false},
};
#define SIZES (sizeof(sizes) / sizeof(sizes[0]))

/* ---- Opening slabs ------------------------------------------------------ */

#define CLASSES 16u
#define TRIALS  200

/* A size in each of several classes. */
static size_t class_size(unsigned i)
{
	return 256 * (size_t)(i + 1) - 32;
}

/* The ns of the first allocation in each class together, or -1 and errno. A
 * thread gives what it has cached back when it ends, so that each trial finds
 * no slab that is open. */
struct trial {
	int64_t took;
	int error;
};

static void *open_slabs(void *result)
{
	struct trial *trial = result;
	void *first = peer_take(16), *chunks[CLASSES];
	int64_t start = bench_now();
	unsigned taken = 0;

	while (taken < CLASSES
	       && (chunks[taken] = peer_take(class_size(taken))) != NULL)
		taken++;
	trial->took = taken == CLASSES ? bench_now() - start : -1;
	trial->error = errno;
	for (unsigned i = 0; i < taken; i++)
		peer_give(chunks[i], class_size(i));
	if (first != NULL)
		peer_give(first, 16);
	return NULL;
}

static double open_slab(void)
{
	int64_t best = INT64_MAX;

	for (int i = 0; i < TRIALS; i++) {
		struct trial trial;
		pthread_t thread;

		if (pthread_create(&thread, NULL, open_slabs, &trial) != 0)
			bench_give_up("no thread can be started");
		pthread_join(thread, NULL);
		errno = trial.error;
		if (trial.took < 0)
			return -1;
		best = trial.took < best ? trial.took : best;
	}
	return (double)best / CLASSES;
}

/* ---- Arenas ------------------------------------------------------------- */

/* The MiB that the kernel could give away. */
static size_t available_mib(void)
{
	FILE *file = fopen("/proc/meminfo", "r");
	unsigned long kib = 0;
	char line[128];

	while (file != NULL && fgets(line, sizeof(line), file) != NULL)
		if (sscanf(line, "MemAvailable: %lu", &kib) == 1)
			break;
	if (file != NULL)
		fclose(file);
	return kib / 1024;
}

/* Make the arena. False and errno if it cannot be locked; nothing else on the
 * machine is to lose its memory for it. */
static bool start(size_t mib)
{
	if (mib == 0)
		return peer_start_growing(0);
	if (mib + mib / 4 > available_mib()) {
		errno = ENOMEM;
		return false;
	}
	return peer_start_fixed(mib * MIB);
}

static void fill(size_t bytes)
{
	size_t most = bytes / 5120, count = 0, live = 0;
	struct {
		void *at;
		size_t size;
	} *chunks = calloc(most, sizeof(*chunks));
	uint64_t state = bench_seed();

	if (chunks == NULL)
		bench_give_up("no memory for the list of chunks");
	for (; live < bytes; count++) {
		size_t size = 5120 + bench_random(&state) % 31744;

		chunks[count].at = peer_take(size);
		if (chunks[count].at == NULL)
			break;
		chunks[count].size = size;
		live += size;
	}
	while (live > bytes / 100 * FULL_LIVE) {
		size_t i = bench_random(&state) % count;

		peer_give(chunks[i].at, chunks[i].size);
		live -= chunks[i].size;
		chunks[i] = chunks[--count];
	}
	free(chunks);
}

static void result(const char *cell, const char *column, double ns)
{
	if (ns < 0)
		bench_failure(cell, column, bench_errno());
	else
		bench_result_in(cell, column, ns);
}

void question_arena(const char *cell)
{
	size_t mib = strtoul(cell, NULL, 10);
	bool full = strstr(cell, "-full") != NULL, started = start(mib);

	if (started && full)
		fill(mib == 0 ? FULL_MOST : mib * MIB);
	/* First, while no class has a slab. */
	result(cell, "slab", started ? open_slab() : -1);
	for (size_t i = 0; i < SIZES; i++)
		if (sizes[i].full || !full)
			result(cell, sizes[i].column,
			       started ? bench_pair(sizes[i].size,
			                            full ? 1 : LIVE)
			               : -1);
}
