/*
 * A program for tests/gdb_commands.sh, which describes its own arena and
 * aborts.
 *
 *     gdb_program abort       with an arena
 *     gdb_program default     as abort, with an arena of default sizes
 *     gdb_program grown       after such an arena has grown by a hundred pools
 *     gdb_program hole        as default, and parts of the arena were given
 * back gdb_program none        without an arena gdb_program child       in a
 * child that does not have its parent's arena gdb_program core FILE   as abort,
 * in a child that dumps core to FILE; the exit status is 77 if that is
 * impossible gdb_program count FILE  print how many times FILE contains the
 * pattern from malloc and the pattern from the arena
 *
 * The lines about addresses and sums have the form that the gdb commands print.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "backing.h"
#include "core_pattern.h"
#include "hide.h"
#include "pattern.h"

#include <err.h>
#include <secmalloc.h>
#include <signal.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/wait.h>

#define SECRET  1000u
#define CONTROL 2000u
#define CHUNKS  100

static const struct secmalloc_config small = {
	.initial_pools = 2,
	.max_pools = 16,
	.pool_size = 64 * 1024,
	.guarded_chunks = 4,
};
static const struct secmalloc_config ordinary = {
	.initial_pools = 2,
	.guarded_chunks = 4,
};

static void explain(uintptr_t address)
{
	char words[120];

	if (secmalloc_explain((void *)address, words, sizeof(words)) != 0)
		err(1, "secmalloc_explain");
	printf("0x%zx: %s\n", (size_t)address, words);
}

static void explain_all(uintptr_t from, uintptr_t to, size_t step)
{
	for (uintptr_t at = from; at < to; at += step)
		explain(at);
}

static void say_chunk(const void *chunk)
{
	printf("chunk 0x%zx %zu\n", (size_t)(uintptr_t)chunk,
	       secmalloc_usable_size(chunk));
}

static void say_stats(void)
{
	struct secmalloc_stats s;

	if (secmalloc_stats(&s) != 0)
		errx(1, "%s", secmalloc_error());
	printf("pools: %llu of at most %llu, %llu bytes, %llu free, %llu of "
	       "them cached\n",
	       (unsigned long long)s.pools, (unsigned long long)s.pools_max,
	       (unsigned long long)s.pool_bytes,
	       (unsigned long long)s.free_bytes,
	       (unsigned long long)s.cached_bytes);
	printf("guarded cells: %llu, %llu bytes, %llu cells free\n",
	       (unsigned long long)s.guarded_chunks + s.guarded_free,
	       (unsigned long long)s.guarded_bytes,
	       (unsigned long long)s.guarded_free);
	printf("locked: %llu bytes with the page of the canary key\n",
	       (unsigned long long)s.locked_bytes);
	printf("chunks: %llu, %llu bytes\n", (unsigned long long)s.chunks,
	       (unsigned long long)s.chunk_bytes);
	printf("backing %s\n",
	       s.backing == SECMALLOC_BACKING_SECRET ? "secret" : "default");
}

/* Explain both ends of all mappings, of the library and others. */
static void explain_mappings(void)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	size_t from, to;
	char line[500];

	if (maps == NULL)
		err(1, "/proc/self/maps");
	while (fgets(line, sizeof(line), maps) != NULL)
		if (sscanf(line, "%zx-%zx", &from, &to) == 2) {
			explain(from);
			explain(from + 5000 < to ? from + 5000 : from);
			explain(to - 1);
		}
	fclose(maps);
}

static void *with_secret(void *chunk)
{
	if (chunk == NULL)
		errx(77, "%s", secmalloc_error());
	if (secmalloc_usable_size(chunk) >= PATTERN_BYTES)
		pattern_put(chunk, SECRET);
	return hide(chunk);
}

/* Allocate chunks of all kinds: in slots, alone, in a pool that was added, and
 * guarded. */
static void fill(const struct secmalloc_config *config)
{
	char *chunks[CHUNKS], *guarded[4], *cached;
	uintptr_t first;

	if (secmalloc_init(config) != 0)
		errx(77, "%s", secmalloc_error());
	for (int i = 0; i < CHUNKS; i++)
		chunks[i] = with_secret(secmalloc((size_t)i * 60));
	for (int i = 0; i < CHUNKS; i += 3) {
		secfree(chunks[i]);
		chunks[i] = NULL;
	}
	chunks[0] = with_secret(secmalloc(100000));
	/* Put slots into the cache of this thread. */
	for (int i = 0; i < CHUNKS; i++) {
		cached = with_secret(secmalloc(70));
		secfree(hide(cached));
	}
	for (size_t i = 0; i < 4; i++)
		guarded[i] = with_secret(secmalloc_guarded(90 + i));
	secmalloc_protect(guarded[0], SECMALLOC_NOACCESS);
	secmalloc_protect(guarded[1], SECMALLOC_READONLY);
	secfree(guarded[2]);

	for (int i = 0; i < CHUNKS; i++)
		if (chunks[i] != NULL)
			say_chunk(chunks[i]);
	for (int i = 0; i < 4; i++)
		if (i != 2)
			say_chunk(guarded[i]);
	say_stats();
	explain((uintptr_t)cached);
	/* The stride is 128 KiB. */
	first = (uintptr_t)chunks[1] & ~(uintptr_t)0x1ffff;
	explain_all(first - 0x20000, first + 0xa0000, 2999);
	explain_all((uintptr_t)guarded[0] - 12000,
	            (uintptr_t)guarded[0] + 60000, 1021);
	explain_all((uintptr_t)guarded[0] - 4, (uintptr_t)guarded[0] + 120, 4);
	/* The address that the sixteenth pool would have. */
	explain(first + 15 * (uintptr_t)0x20000);
	explain_mappings();
}

static _Noreturn void end(void)
{
	fflush(stdout);
	abort();
}

static _Noreturn void run(const struct secmalloc_config *config)
{
	pattern_put(hide(malloc(PATTERN_BYTES)), CONTROL);
	fill(config);
	end();
}

/* More memory than a core has metadata of. */
static _Noreturn void run_grown(void)
{
	struct secmalloc_config config = {.initial_pools = 1};
	void *first = NULL, *last = NULL;

	if (secmalloc_init(&config) != 0)
		errx(77, "%s", secmalloc_error());
	for (int i = 0; i <= 100; i++) {
		last = with_secret(secmalloc(60000));
		first = first != NULL ? first : last;
	}
	explain((uintptr_t)first);
	explain((uintptr_t)last);
	say_stats();
	end();
}

/* Pools with holes between them, one of them in the stride after the pool. */
static _Noreturn void run_hole(void)
{
	struct secmalloc_config config = {.initial_pools = 2};
	char *chunks[9];
	uintptr_t first;

	if (secmalloc_init(&config) != 0)
		errx(77, "%s", secmalloc_error());
	for (size_t i = 0; i < 9; i++)
		chunks[i] = with_secret(secmalloc(30000 * (i + 1)));
	for (size_t i = 1; i < 8; i += 2) {
		secfree(chunks[i]);
		chunks[i] = NULL;
	}
	if (secmalloc_trim() == 0)
		errx(1, "nothing was given back");
	for (size_t i = 0; i < 9; i++)
		if (chunks[i] != NULL)
			say_chunk(chunks[i]);
	say_stats();
	/* The pools are multiples of 64 KiB after the key page's. */
	first = (uintptr_t)chunks[0] & ~(uintptr_t)0xffff;
	explain_all(first - 0x20000, first + 0x180000, 2999);
	explain_all(first, first + 0x180000, 0x10000);
	explain_mappings();
	end();
}

/* Fork twice, so that two arenas of parents are left behind. */
static _Noreturn void run_child(void)
{
	struct secmalloc_config config = {.initial_pools = 1};
	void *chunks[2];
	int status;

	for (int i = 0; i < 2; i++) {
		pid_t pid;

		if (secmalloc_init(&config) != 0)
			errx(77, "%s", secmalloc_error());
		chunks[i] = secmalloc(32);
		pid = fork();
		if (pid != 0) {
			waitpid(pid, &status, 0);
			_exit(0);
		}
	}
	explain((uintptr_t)chunks[0]);
	explain((uintptr_t)chunks[1]);
	explain((uintptr_t)&config);
	end();
}

static int dump_core(const char *file)
{
	struct rlimit core = {RLIM_INFINITY, RLIM_INFINITY};
	int status;
	pid_t pid;

	if (setrlimit(RLIMIT_CORE, &core) != 0)
		errx(77, "the limit of core dumps cannot be raised");
	if (!core_pattern_take())
		errx(77, "the core pattern cannot be changed");
	core_pattern_set(file);
	pid = fork();
	if (pid == 0)
		run(&small);
	waitpid(pid, &status, 0);
	core_pattern_put_back();
	if (!WIFSIGNALED(status))
		return WEXITSTATUS(status);
	if (access(file, R_OK) != 0)
		errx(77, "no core file was written");
	return 0;
}

static void count(const char *path)
{
	FILE *file = fopen(path, "r");
	unsigned char *data;
	long size;

	if (file == NULL || fseek(file, 0, SEEK_END) != 0)
		err(1, "%s", path);
	size = ftell(file);
	rewind(file);
	data = malloc((size_t)size);
	if (data == NULL || fread(data, 1, (size_t)size, file) != (size_t)size)
		err(1, "%s", path);
	printf("%zu %zu\n", pattern_count(data, (size_t)size, CONTROL),
	       pattern_count(data, (size_t)size, SECRET));
	free(data);
	fclose(file);
}

int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "";

	if (strcmp(mode, "abort") == 0)
		run(&small);
	if (strcmp(mode, "default") == 0)
		run(&ordinary);
	if (strcmp(mode, "grown") == 0)
		run_grown();
	if (strcmp(mode, "hole") == 0)
		run_hole();
	if (strcmp(mode, "none") == 0)
		abort();
	if (strcmp(mode, "child") == 0)
		run_child();
	if (strcmp(mode, "core") == 0 && argc == 3)
		return dump_core(argv[2]);
	if (strcmp(mode, "count") != 0 || argc != 3)
		errx(2, "see tests/gdb_program.c");
	count(argv[2]);
	return 0;
}
