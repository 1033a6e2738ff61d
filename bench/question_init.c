/*
 * question_init.c - what does it cost to initialize a heap, and to fork with
 * it?
 *
 * The cell is the size of the heap in MiB. "init": ms to prepare the heap,
 * without using it. "fork": ms for fork() and the end of the child, with a heap
 * and a chunk in use.
 *
 * SPDX-License-Identifier: ISC
 */
#include "bench.h"
#include "questions.h"

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define FORKS 50

void question_init(const char *cell)
{
	size_t bytes = strtoul(cell, NULL, 10) << 20;
	int64_t start = bench_now();

	if (!peer_start(bytes))
		bench_give_up("cannot be started");
	bench_result(cell, (double)(bench_now() - start) / 1e6);
}

void question_fork(const char *cell)
{
	size_t bytes = strtoul(cell, NULL, 10) << 20;
	int64_t best = INT64_MAX;

	if (bytes > 0 && (!peer_start(bytes) || peer_take(32) == NULL))
		bench_give_up("cannot be started");
	for (int i = 0; i < FORKS; i++) {
		int64_t start = bench_now(), took;
		pid_t pid = fork();

		if (pid == 0)
			_exit(0);
		waitpid(pid, NULL, 0);
		took = bench_now() - start;
		best = took < best ? took : best;
	}
	bench_result(cell, (double)best / 1e6);
}
