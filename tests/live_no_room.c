/*
 * When no chunk of a size fits and no more can be locked, the message says how
 * many bytes are locked, how many of them chunks take, so that the rest is
 * free, and how large a chunk still fits. These are the counters of
 * secmalloc_stats(). A chunk of largest_free bytes fits without growth, and no
 * larger one does.
 *
 * SPDX-License-Identifier: ISC
 */
#include "grown.h"
#include "random.h"

#include <ctype.h>

#define CHUNKS 2000

static uint64_t state;

/* Whether a number stands in the text, as a word of its own. */
static bool has_number(const char *text, uint64_t number)
{
	char digits[24];
	size_t length = (size_t)snprintf(digits, sizeof(digits), "%ju",
	                                 (uintmax_t)number);
	const char *at = text;

	while ((at = strstr(at, digits)) != NULL) {
		if ((at == text || !isdigit((unsigned char)at[-1]))
		    && !isdigit((unsigned char)at[length]))
			return true;
		at++;
	}
	return false;
}

/* The message of the last failure has these counters. */
static bool has_figures(const struct secmalloc_stats *stats)
{
	const struct {
		const char *what;
		uint64_t number;
	} figures[] = {
		{"pool_bytes", stats->pool_bytes},
		{"what chunks take", stats->pool_bytes - stats->free_bytes},
		{"largest_free", stats->largest_free},
	};
	bool all = true;

	for (size_t i = 0; i < sizeof(figures) / sizeof(figures[0]); i++)
		if (!has_number(secmalloc_error(), figures[i].number)) {
			tap_note("%s is %ju, which is not in: %s",
			         figures[i].what, (uintmax_t)figures[i].number,
			         secmalloc_error());
			all = false;
		}
	return all;
}

/* Fill the arena with chunks of several sizes until no more fits, and free one
 * in eight, so that all figures differ. */
static size_t fill(void)
{
	static void *chunks[CHUNKS];
	size_t count = 0;

	state = 14;
	while (count < CHUNKS) {
		size_t size = (size_t)(random_next(&state) >> 20) % 9000;

		chunks[count] = hide(secmalloc(size));
		if (chunks[count] == NULL)
			break;
		count++;
	}
	for (size_t i = 0; i < count; i += 8)
		secfree(chunks[i]);
	return count;
}

/* Control: each figure is one of the message only if it is the right one. */
static bool numbers_are_found(void)
{
	return has_number("of 4096 bytes", 4096) && has_number("4096", 4096)
	       && !has_number("of 40961 bytes", 4096)
	       && !has_number("of 14096 bytes, 096", 4096)
	       && has_number("of 14096 bytes, 4096", 4096);
}

static bool tells_the_figures(void)
{
	struct secmalloc_stats stats;

	if (fill() < 20)
		return false;
	/* The first call empties the caches, which is what the others find. */
	if (!grown_is_refused(GROWN_LARGE))
		return false;
	stats = locked_stats();
	if (stats.largest_free == 0 || stats.largest_free >= stats.free_bytes
	    || !grown_is_refused(GROWN_LARGE) || !has_figures(&stats))
		return false;
	return !has_number(secmalloc_error(), stats.largest_free + 1);
}

static bool largest_free_is_exact(void)
{
	struct secmalloc_stats stats = locked_stats();

	if (!grown_is_refused((size_t)stats.largest_free + 1)) {
		tap_note("more than %ju bytes fit",
		         (uintmax_t)stats.largest_free);
		return false;
	}
	if (hide(secmalloc((size_t)stats.largest_free)) == NULL
	    || locked_stats().pool_bytes != stats.pool_bytes) {
		tap_note("%ju bytes do not fit: %s",
		         (uintmax_t)stats.largest_free, secmalloc_error());
		return false;
	}
	return secmalloc_audit() == 0;
}

static bool begin(struct secmalloc_config config)
{
	config.initial_pools = GROWN_POOLS;
	if (secmalloc_init(&config) == 0)
		return true;
	tap_cannot("%s", secmalloc_error());
	return false;
}

static int at_the_lock_limit(void)
{
	if (!child_be_ordinary(GROWN_ENOUGH)
	    || !begin((struct secmalloc_config){0})
	    || !grown_limit(6 * GROWN_POOL))
		return TAP_CANNOT;
	return tells_the_figures() && largest_free_is_exact();
}

static int at_max_bytes(void)
{
	if (!begin((struct secmalloc_config){.max_bytes = 8 * GROWN_POOL}))
		return TAP_CANNOT;
	return tells_the_figures()
	       && strstr(secmalloc_error(), "max_bytes") != NULL
	       && largest_free_is_exact();
}

static int at_max_pools(void)
{
	if (!begin((struct secmalloc_config){.max_pools = 8}))
		return TAP_CANNOT;
	return tells_the_figures()
	       && strstr(secmalloc_error(), "max_pools") != NULL
	       && largest_free_is_exact();
}

/* secrealloc() ends the same way, and leaves the chunk. */
static int by_secrealloc(void)
{
	struct secmalloc_stats stats;
	char *chunk;

	if (!begin((struct secmalloc_config){.max_bytes = 8 * GROWN_POOL}))
		return TAP_CANNOT;
	chunk = hide(secmalloc(GROWN_SMALL));
	fill();
	if (hide(secrealloc(chunk, GROWN_LARGE)) != NULL)
		return 2;
	stats = locked_stats();
	return hide(secrealloc(chunk, GROWN_LARGE)) == NULL && errno == ENOMEM
	       && has_figures(&stats)
	       && secmalloc_usable_size(chunk) == GROWN_SMALL;
}

static int in_an_empty_arena(void)
{
	struct secmalloc_stats stats;

	if (!begin((struct secmalloc_config){0}))
		return TAP_CANNOT;
	stats = locked_stats();
	return stats.largest_free > GROWN_POOLS * GROWN_POOL - 64
	       && stats.largest_free < GROWN_POOLS * GROWN_POOL
	       && hide(secmalloc((size_t)stats.largest_free)) != NULL
	       && locked_stats().pool_bytes == stats.pool_bytes
	       && locked_stats().largest_free == 0;
}

int main(void)
{
	grown_start();
	tap_ok(numbers_are_found(), "control: numbers in words are found");
	child_try("at the lock limit the message has the counters",
	          at_the_lock_limit);
	child_try("at max_bytes it has them, and names max_bytes",
	          at_max_bytes);
	child_try("at max_pools it has them, and names max_pools",
	          at_max_pools);
	child_try("secrealloc() says the same and leaves the chunk",
	          by_secrealloc);
	child_try("in an empty arena a chunk of largest_free bytes fits",
	          in_an_empty_arena);
	tap_done();
}
