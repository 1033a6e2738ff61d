/*
 * bench.c - ask one question of the allocator that is linked into this program
 *
 * Usage: bench-PEER QUESTION CELL
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "bench.h"
#include "questions.h"

#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static const char *asked;

int64_t bench_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

uint64_t bench_seed(void)
{
	const char *round = getenv("BENCH_SEED");

	return 88172645463325252u
	       + (round != NULL ? strtoul(round, NULL, 10) : 0)
	                 * 0x9e3779b97f4a7c15u;
}

uint32_t bench_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return (uint32_t)(*state >> 32);
}

size_t bench_mixed(uint64_t *state)
{
	uint32_t percent = bench_random(state) % 100;

	return percent < 45   ? 32
	       : percent < 60 ? 64
	       : percent < 75 ? 240
	       : percent < 85 ? 1200
	       : percent < 95 ? 2400
	                      : 4032;
}

void bench_become_user(size_t lock_limit)
{
	struct rlimit lock = {lock_limit, lock_limit};

	if (setrlimit(RLIMIT_MEMLOCK, &lock) != 0
	    || (geteuid() == 0
	        && (setgroups(0, NULL) != 0
	            || setresgid(65534, 65534, 65534) != 0
	            || setresuid(65534, 65534, 65534) != 0)))
		bench_give_up("cannot become an ordinary user");
}

void bench_failure(const char *cell, const char *column, const char *word)
{
	printf("%s,%s,%s,%s\n", asked, cell,
	       column != NULL ? column : peer_name, word);
	fflush(stdout);
}

void bench_result_in(const char *cell, const char *column, double value)
{
	char figure[32];

	snprintf(figure, sizeof(figure), "%.4g", value);
	bench_failure(cell, column, figure);
}

void bench_result(const char *cell, double value)
{
	bench_result_in(cell, NULL, value);
}

const char *bench_errno(void)
{
	return errno == ENOMEM ? "ENOMEM" : "failed";
}

void bench_give_up(const char *why)
{
	fprintf(stderr, "%s: %s: %s\n", peer_name, asked, why);
	exit(2);
}

int main(int argc, char **argv)
{
	const struct question *question = questions;

	for (; argc == 3 && question->name != NULL; question++)
		if (strcmp(argv[1], question->name) == 0) {
			asked = argv[1];
			question->ask(argv[2]);
			return 0;
		}
	fprintf(stderr, "usage: %s QUESTION CELL (see bench/README.md)\n",
	        argv[0]);
	return 1;
}
