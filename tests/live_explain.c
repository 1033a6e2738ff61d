/*
 * secmalloc_explain() says in words what any address is, even while the arena's
 * lock is held.
 *
 * SPDX-License-Identifier: ISC
 */
#include "explain.h"

#include "hide.h"

#include <errno.h>
#include <stdint.h>
#include <sys/wait.h>

#define STRIDE (2 * POOL_BYTES)

static size_t page;
static char said[200];

static bool is(const void *addr, const char *words)
{
	if (secmalloc_explain(addr, said, sizeof(said)) == 0
	    && strcmp(said, words) == 0)
		return true;
	tap_note("wanted '%s', got '%s'", words, said);
	return false;
}

static bool in_pools(void)
{
	char *chunk, *gone, *large, *pool;

	start(0);
	large = secmalloc(20000);
	chunk = hide(secmalloc(32));
	gone = hide(secmalloc(32));
	secfree(hide(gone));
	pool = large;
	return is(chunk, "byte 0 of a chunk of 32 bytes, pool 0")
	       && is(chunk + 31, "byte 31 of a chunk of 32 bytes, pool 0")
	       && is(chunk + 35, "3 bytes past the end of a chunk of 32 "
	                         "bytes, pool 0")
	       && is(gone, "inside a free slot of 48 bytes, pool 0")
	       && is(gone + 47, "inside a free slot of 48 bytes, pool 0")
	       && is(pool + 50000, "inside free memory, pool 0")
	       && is(pool + POOL_BYTES, "in the guard after pool 0")
	       && is(pool + STRIDE - 1, "in the guard after pool 0")
	       && is(pool - 1, "in the guard before pool 0")
	       && is(large + 19999,
	             "byte 19999 of a chunk of 20000 bytes, pool 0")
	       && is(pool + STRIDE + POOL_BYTES, "in the guard after pool 1")
	       && is(pool + 2 * STRIDE, "in addresses reserved for further "
	                                "pools")
	       && is(pool - STRIDE + page, "in the page of the canary key");
}

/* Pools of the default size lie side by side, and what was given back is a
 * guard. */
static bool in_joined_pools(void)
{
	struct secmalloc_config config = {.initial_pools = 2};
	char *pool, *gone, *last;

	if (secmalloc_init(&config) != 0)
		case_skip_init();
	pool = secmalloc(20000);
	gone = hide(secmalloc(4 * POOL_BYTES));
	last = secmalloc(4 * POOL_BYTES);
	secfree(gone);
	if (!is(pool + 2 * POOL_BYTES, "inside free memory, pool 0")
	    || secmalloc_trim() < 2 * POOL_BYTES)
		return false;
	return is(pool + 2 * POOL_BYTES - 1, "inside free memory, pool 0")
	       && is(pool + 2 * POOL_BYTES, "in the guard after pool 0")
	       && is(pool + 3 * POOL_BYTES,
	             "in addresses reserved for further pools")
	       && is(pool + 4 * POOL_BYTES, "inside free memory, pool 4")
	       && is(last, "byte 0 of a chunk of 262144 bytes, pool 4")
	       && is(pool + 1000 * POOL_BYTES,
	             "in addresses reserved for further pools")
	       && is(pool - 1, "in the guard before pool 0")
	       && is(pool - POOL_BYTES + page, "in the page of the canary key");
}

static bool in_guarded_chunks(void)
{
	char *first, *second;

	start(0);
	first = secmalloc_guarded(32);
	second = secmalloc_guarded(30);
	if (!is(first + 31, "byte 31 of a guarded chunk of 32 bytes")
	    || !is(first + 32 + 3,
	           "3 bytes past the end of a guarded chunk of 32 bytes")
	    || !is(second + 30,
	           "0 bytes past the end of a guarded chunk of 30 bytes")
	    || !is(first - 5, "5 bytes before a guarded chunk of 32 bytes")
	    || !is(second + 32 - page - 1,
	           "4065 bytes before a guarded chunk of 30 bytes")
	    || !is(first + 32 - page - 1,
	           "4065 bytes before a guarded chunk of 32 bytes"))
		return false;
	secmalloc_protect(first, SECMALLOC_NOACCESS);
	secmalloc_protect(second, SECMALLOC_READONLY);
	if (!is(first, "byte 0 of a guarded chunk of 32 bytes, which is closed")
	    || !is(second + 1, "byte 1 of a guarded chunk of 30 bytes, which "
	                       "is open for reading only"))
		return false;
	secfree(first);
	return is(first, "inside a free guarded cell");
}

static bool elsewhere(void)
{
	char local, tight[8];

	if (!is(NULL, "not an address of this library")
	    || !is(&local, "not an address of this library"))
		return false;
	start(0);
	if (!is(NULL, "not an address of this library")
	    || !is(&local, "not an address of this library")
	    || !is((void *)UINTPTR_MAX, "not an address of this library"))
		return false;
	errno = 0;
	if (secmalloc_explain(&local, NULL, 10) != -1 || errno != EINVAL)
		return false;
	errno = 0;
	if (secmalloc_explain(&local, tight, 0) != -1 || errno != EINVAL)
		return false;
	errno = 5;
	return secmalloc_explain(&local, tight, sizeof(tight)) == 0
	       && errno == 5 && strcmp(tight, "not an ") == 0;
}

static bool in_a_child(void)
{
	char *chunk, *guarded;
	int status = -1;
	pid_t pid;

	start(0);
	chunk = secmalloc(32);
	guarded = secmalloc_guarded(32);
	pid = fork();
	if (pid == 0)
		_exit(!is(chunk, "in the parent's arena, which this child "
		                 "does not have")
		      || !is(guarded, "in the parent's arena, which this "
		                      "child does not have"));
	waitpid(pid, &status, 0);
	return status == 0;
}

/* There is an explanation for every address, and asking for it is always
 * safe. */
static bool anywhere(void)
{
	char *chunk;

	start(0);
	chunk = secmalloc(32);
	for (int i = 0; i < 100; i++)
		hide(secmalloc((size_t)i * 50));
	for (uintptr_t at = (uintptr_t)chunk - STRIDE;
	     at < (uintptr_t)chunk + 3 * STRIDE; at += 7)
		if (secmalloc_explain((void *)at, said, sizeof(said)) != 0
		    || strlen(said) > 119)
			return false;
	return true;
}

static const char *wild;

static void explain_in_on_fault(const char *line)
{
	(void)line;
	_exit(!is(wild, "byte 1 of a chunk of 32 bytes, pool 0"));
}

static bool with_the_lock_held(void)
{
	struct secmalloc_config config = {
		.initial_pools = 1,
		.on_fault = explain_in_on_fault,
	};
	char *chunk;

	if (secmalloc_init(&config) != 0)
		case_skip_init();
	chunk = hide(secmalloc(32));
	wild = chunk + 1;
	secfree(hide(chunk + 1));
	return false;
}

int main(void)
{
	tap_needs_plain_build();
	page = (size_t)sysconf(_SC_PAGESIZE);
	if (page != 4096)
		tap_skip_all("the figures are for pages of 4 KiB");
	try_case("addresses in pools are explained", in_pools);
	try_case("so are those in joined pools and between them",
	         in_joined_pools);
	try_case("addresses in guarded chunks are explained",
	         in_guarded_chunks);
	try_case("foreign addresses are explained, and a bad buffer is refused",
	         elsewhere);
	try_case("in a child, addresses of the parent's arena are explained",
	         in_a_child);
	try_case("every seventh address around the pools has an explanation",
	         anywhere);
	try_case("addresses are explained in on_fault, while the lock is held",
	         with_the_lock_held);
	tap_done();
}
