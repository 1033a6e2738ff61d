/*
 * question_grow_steps.c - what does a buffer cost that grows in small steps?
 *
 * Cell "4096-64": a buffer grows by 4096 bytes at a time until it has 64 MiB.
 * With "-user" the process is an ordinary user's and may lock so many MiB.
 *
 * The results are the time of all steps in ms (or why they ended early), the
 * MiB that were reached, the most MiB that were locked meanwhile, and, if more
 * was locked as the buffer grew, the largest factor by which that, less 1 MiB,
 * exceeded what was live. "-at-N" is what was locked in MiB when N MiB were
 * live.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "bench.h"
#include "questions.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MIB     ((size_t)1 << 20)
#define MOST_NS 15000000000 /* for all steps */

__attribute__((weak)) bool peer_start_growing(size_t bytes)
{
	return peer_start(bytes);
}

__attribute__((weak)) void *peer_realloc(void *p, size_t size)
{
	(void)p;
	(void)size;
	bench_give_up("has no realloc()");
}

static struct {
	const char *cell;
	char *buffer;
	size_t size;
	int64_t took;
	size_t locked_first, locked_most;
	double factor;
} growth;

/* Print one of the results of the cell. */
static void part(const char *name, double value)
{
	char row[64];

	snprintf(row, sizeof(row), "%s-%s", growth.cell, name);
	bench_result(row, value);
}

/* The process's VmLck in bytes. */
static size_t locked(int status)
{
	char text[4096];
	ssize_t bytes = pread(status, text, sizeof(text) - 1, 0);
	const char *at;

	text[bytes > 0 ? bytes : 0] = '\0';
	at = strstr(text, "VmLck:");
	if (at == NULL)
		bench_give_up("cannot read VmLck");
	return strtoul(at + sizeof("VmLck:"), NULL, 10) * 1024;
}

/* Grow the buffer by one step and write to what was added. */
static bool step(size_t bytes)
{
	int64_t start = bench_now();
	char *moved = growth.size == 0 ? peer_take(bytes)
	                               : peer_realloc(growth.buffer,
	                                              growth.size + bytes);

	if (moved != NULL) {
		memset(moved + growth.size, 1, bytes);
		growth.buffer = moved;
		growth.size += bytes;
	}
	growth.took += bench_now() - start;
	return moved != NULL;
}

/* Note what is locked, and print it if a power of two MiB is live. */
static void note(int status)
{
	size_t bytes = locked(status), mib = growth.size / MIB;
	double above = (double)bytes - (double)MIB;

	if (growth.locked_first == 0)
		growth.locked_first = bytes;
	if (bytes > growth.locked_most)
		growth.locked_most = bytes;
	if (above > growth.factor * (double)growth.size)
		growth.factor = above / (double)growth.size;
	if (growth.size % MIB == 0 && (mib & (mib - 1)) == 0) {
		char name[32];

		snprintf(name, sizeof(name), "at-%zu", mib);
		part(name, (double)bytes / (double)MIB);
	}
}

void question_grow_steps(const char *cell)
{
	char *end;
	size_t bytes = strtoul(cell, &end, 10);
	size_t most = strtoul(end + (*end == '-'), &end, 10) * MIB;
	bool user = strcmp(end, "-user") == 0;
	const char *word = NULL;
	char row[64];
	int status;

	if (bytes == 0 || most == 0)
		bench_give_up("has a step, and a size in MiB");
	growth.cell = cell;
	if (user)
		bench_become_user(most);
	/* After the change of user, or it would be root's file. */
	status = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	if (!peer_start_growing(user ? most : 2 * most + MIB))
		bench_give_up("cannot be started");
	while (word == NULL && growth.size < most) {
		if (!step(bytes))
			word = bench_errno();
		else if (growth.took > MOST_NS)
			word = "slow";
		else
			note(status);
	}
	snprintf(row, sizeof(row), "%s-ms", cell);
	if (word == NULL)
		bench_result(row, (double)growth.took / 1e6);
	else
		bench_failure(row, NULL, word);
	part("reached", (double)growth.size / (double)MIB);
	part("locked", (double)growth.locked_most / (double)MIB);
	if (growth.locked_most > growth.locked_first)
		part("factor", growth.factor);
}
