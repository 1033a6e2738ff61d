/*
 * A fork handler that ran before the library's may have mapped memory where the
 * parent's pools were. The child lives: it keeps the other addresses, leaves
 * that memory alone, and does not take it for its own.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "first.h"
#include "backing.h"
#include "child.h"
#include "hide.h"
#include "proc.h"
#include "tap.h"

#include <errno.h>
#include <pthread.h>
#include <secmalloc.h>
#include <signal.h>
#include <sys/mman.h>

#define PAGE   ((size_t)4096)
#define PIECES 100

static struct secmalloc_config config = {
	.initial_pools = 4,
	.max_pools = 4,
};
static char *taken_chunk, *kept_chunk;

/* ---- The other handler --------------------------------------------------- */

/* What it maps: pieces that begin `stride` bytes apart, from `from` on; or one
 * piece where the kernel likes, if `from` is NULL. */
static struct {
	char *from;
	size_t pieces, bytes, stride;
} plan;

static char *piece(size_t i)
{
	return plan.from + i * plan.stride;
}

static void take(void)
{
	if (plan.pieces > 0 && plan.from == NULL)
		plan.from = mmap(NULL, plan.bytes, PROT_READ | PROT_WRITE,
		                 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	for (size_t i = 0; i < plan.pieces; i++) {
		if (mmap(piece(i), plan.bytes, PROT_READ | PROT_WRITE,
		         MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0)
		    == MAP_FAILED)
			_exit(30);
		*piece(i) = (char)('a' + i % 26);
	}
}

static void hook_first(void)
{
	pthread_atfork(NULL, NULL, take);
}
RUN_FIRST(hook_first);

static char *page_of(const void *p)
{
	return (char *)((uintptr_t)p & ~(uintptr_t)(PAGE - 1));
}

static void plan_to_take(void *from, size_t pieces, size_t bytes, size_t stride)
{
	plan.from = page_of(from);
	plan.pieces = pieces;
	plan.bytes = bytes;
	plan.stride = stride;
}

/* ---- The child ----------------------------------------------------------- */

static int read_kept(void)
{
	return ((volatile char *)kept_chunk)[0] == 0 ? 42 : 43;
}

static bool explained(const void *p, const char *words)
{
	char line[200];

	return secmalloc_explain(p, line, sizeof(line)) == 0
	       && strcmp(line, words) == 0;
}

/* The other handler's memory is as it left it, and ordinary memory. */
static bool left_alone(void)
{
	for (size_t i = 0; i < plan.pieces; i++) {
		if (*piece(i) != (char)('a' + i % 26)
		    || !explained(piece(i), "not an address of this library")
		    || secmalloc_owns(piece(i)))
			return false;
		piece(i)[plan.bytes - 1] = 'z';
	}
	return secmalloc_mlock(plan.from, PAGE) == 0
	       && secmalloc_munlock(plan.from, PAGE) == 0;
}

static bool stale_is_harmless(char *stale)
{
	char before = '\0';

	if (page_of(stale) == plan.from)
		before = *stale;

	secfree(stale);
	errno = 0;
	return secrealloc(stale, 10) == NULL && errno == ENXIO
	       && secmalloc_usable_size(stale) == 0
	       && (before == '\0' || *stale == before);
}

static bool keeps_the_rest(void)
{
	int end = in_child(read_kept);

	return explained(kept_chunk, "in the parent's arena, which this child "
	                             "does not have")
	       && secmalloc_munlock(kept_chunk, 1) == -1 && errno == EINVAL
	       && end
	                  == (config.fork == SECMALLOC_FORK_WIPE
	                              ? 42
	                              : 128 + SIGSEGV);
}

static bool has_an_arena(void)
{
	char *own;

	if (config.fork != SECMALLOC_FORK_WIPE) {
		char words[100];

		snprintf(words, sizeof(words), "mapped memory at %zu bytes",
		         plan.pieces * plan.bytes);
		if (secmalloc(1) != NULL || errno != ENXIO
		    || strstr(secmalloc_error(), "belongs to the parent")
		               == NULL
		    || strstr(secmalloc_error(), words) == NULL) {
			tap_note("%s", secmalloc_error());
			return false;
		}
		if (secmalloc_init(&config) != 0)
			return false;
	}
	own = secmalloc(100000);
	if (own == NULL || !proc_has_flag(own, "lo"))
		return false;
	secfree(own);
	return secmalloc_audit() == 0;
}

static int lives(void)
{
	if (!left_alone())
		return 2;
	if (!stale_is_harmless(taken_chunk) || !stale_is_harmless(kept_chunk))
		return 3;
	plan.pieces = 0;
	if (!keeps_the_rest())
		return 4;
	return 1;
}

/* The children of such a child know the same. */
static int lives_and_its_children(void)
{
	size_t pieces = plan.pieces;
	int end = lives();

	plan.pieces = pieces;
	if (end != 1)
		return end;
	if (!has_an_arena())
		return 5;
	end = left_alone() && stale_is_harmless(taken_chunk)
	      && stale_is_harmless(kept_chunk);
	if (!end)
		return 6;
	plan.pieces = 0;
	return in_child(lives) == 1 ? 1 : 7;
}

/* The place becomes free again, and the child's own arena is put there. */
static int place_becomes_free(void)
{
	static const struct secmalloc_config small = {
		.initial_pools = 1,
		.max_pools = 1,
		.pool_size = 4 * PAGE,
	};
	struct secmalloc_stats stats;
	char *own;

	munmap(plan.from, plan.bytes);
	/* Fill the places that the kernel prefers. */
	for (int i = 0; i < 20000; i++) {
		char *fill = mmap(NULL, 4 * PAGE, PROT_NONE,
		                  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (plan.from <= fill && fill < plan.from + plan.bytes) {
			munmap(fill, 4 * PAGE);
			break;
		}
	}
	if (secmalloc_init(&small) != 0)
		return 2;
	own = hide(secmalloc(5000));
	if (own < plan.from || own >= plan.from + plan.bytes)
		return TAP_CANNOT;
	secfree(own);
	return secmalloc_stats(&stats) == 0 && stats.chunks == 0
	       && !secmalloc_owns(own);
}

/* ---- The cases ----------------------------------------------------------- */

static bool start(void)
{
	if (secmalloc_init(&config) != 0)
		return false;
	taken_chunk = hide(secmalloc(20000));
	memset(taken_chunk, 1, 20000);
	kept_chunk = hide(secmalloc(150000));
	memset(kept_chunk, 1, 150000);
	return true;
}

static void stop(void)
{
	plan.pieces = 0;
	tap_ok(taken_chunk[19999] == 1 && secmalloc_owns(kept_chunk)
	               && secmalloc_audit() == 0,
	       "the parent is unchanged");
	secmalloc_fini();
}

static void takes(const char *policy, const char *what, int (*act)(void))
{
	int end = in_child(act);

	if (end == TAP_CANNOT)
		tap_skip(what, "the kernel chose another place");
	else
		tap_ok(end == 1, "%s: %s (%d)", policy, what, end);
}

/* Without a look at what else is there. */
static int lives_and_arena(void)
{
	if (!left_alone())
		return 100;
	plan.pieces = 0;
	return config.fork == SECMALLOC_FORK_WIPE
	       || secmalloc_init(&config) == 0;
}

static void under(unsigned policy, const char *name)
{
	int ends = 0;

	config.fork = policy;
	if (!start()) {
		tap_skip(name, "4 pools cannot be locked");
		return;
	}
	plan_to_take(taken_chunk, 1, PAGE, 0);
	takes(name, "a child lives in which a page of a pool is taken",
	      lives_and_its_children);
	plan_to_take(taken_chunk, 2, PAGE, 2 * PAGE);
	takes(name, "a child lives in which two pages of a pool are taken",
	      lives_and_its_children);
	for (size_t bytes = PAGE; bytes < (size_t)1 << 24; bytes *= 2) {
		plan_to_take(NULL, 1, bytes, 0);
		ends += in_child(lives_and_arena);
	}
	tap_ok(ends == 12,
	       "%s: a child lives wherever the kernel puts mappings of "
	       "4 KiB to 8 MiB",
	       name);
	stop();
}

static char *many_chunk;

static int many(void)
{
	if (!left_alone())
		return 2;
	for (size_t i = 0; i < PIECES; i++)
		if (!explained(piece(i) + PAGE,
		               "in the parent's arena, which this child does "
		               "not have"))
			return 3;
	secfree(many_chunk);
	plan.pieces = 0;
	kept_chunk = many_chunk + 2 * PAGE;
	return keeps_the_rest() && in_child(read_kept) == 128 + SIGSEGV;
}

static void many_pieces(void)
{
	config.fork = SECMALLOC_FORK_NONE;
	config.initial_pools = config.max_pools = 32;
	if (secmalloc_init(&config) != 0) {
		tap_skip("a child lives in which every second page is taken",
		         "32 pools cannot be locked");
		return;
	}
	many_chunk = hide(secmalloc((size_t)2 * (PIECES + 2) * PAGE));
	plan_to_take(many_chunk + PAGE, PIECES, PAGE, 2 * PAGE);
	takes("NONE", "a child lives in which every second page is taken",
	      many);
	plan_to_take(many_chunk + PAGE, 1, PIECES * 2 * PAGE, 0);
	takes("NONE",
	      "a chunk is freed that lies where another mapping was before",
	      place_becomes_free);
	plan.pieces = 0;
	secmalloc_fini();
}

int main(void)
{
	tap_needs_plain_build();
	if (sysconf(_SC_PAGESIZE) != 4096)
		tap_skip_all("the figures are for pages of 4 KiB");
	if (!ran_first)
		tap_skip_all(NOT_RAN_FIRST);
	tap_needs_lock(4096);
	under(SECMALLOC_FORK_NONE, "NONE");
	under(SECMALLOC_FORK_WIPE, "WIPE");
	many_pieces();
	tap_done();
}
