/*
 * The figures in secmalloc_setup(7) are correct: how many equal chunks a new
 * pool holds, and that the pools of the page's example hold the example's
 * chunks. The figures are read from the page.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "case.h"

#include <errno.h>

/* A row of one of the page's two tables. */
struct row {
	size_t size, number, place, bytes;
};

#define ROWS 20
static struct row equal[ROWS], mixed[ROWS];
static size_t equals, mixes;

/* The fields of a row are separated by the word Ta. */
static void read_row(const char *line)
{
	struct row row = {0};

	if (mixes < ROWS
	    && sscanf(line, ".It %zu Ta %*[a-z ] Ta %zu Ta %zu Ta %zu",
	              &row.size, &row.number, &row.place, &row.bytes)
	               == 4)
		mixed[mixes++] = row;
	else if (equals < ROWS
	         && sscanf(line, ".It %zu Ta %zu Ta %zu", &row.size, &row.place,
	                   &row.number)
	                    == 3)
		equal[equals++] = row;
}

/* Read a line such as "6 * 65536 + 4096 = 397312": the number of pools, and the
 * bytes that they lock. */
static bool read_sum(const char *line, size_t *pools, size_t *locked)
{
	size_t count, bytes;

	if (sscanf(line, "%zu * 65536 + 4096 = %zu", &count, &bytes) != 2)
		return false;
	*pools = count;
	*locked = bytes;
	return true;
}

static bool read_page(size_t *pools, size_t *locked)
{
	const char *source = getenv("srcdir");
	bool has_sum = false;
	char path[4096], line[200];
	FILE *page;

	snprintf(path, sizeof(path), "%s/doc/secmalloc_setup.7",
	         source != NULL ? source : ".");
	page = fopen(path, "r");
	if (page == NULL)
		return false;
	while (fgets(line, sizeof(line), page) != NULL) {
		read_row(line);
		if (read_sum(line, pools, locked))
			has_sum = true;
	}
	fclose(page);
	return has_sum && equals >= 9 && mixes >= 4;
}

/* Allocate chunks of a size until that fails, or until there are `most`. */
static size_t take(size_t size, size_t most)
{
	size_t count = 0;

	while (count < most && secmalloc(size) != NULL)
		count++;
	return count;
}

static bool start(size_t pools)
{
	struct secmalloc_config config = {
		.initial_pools = pools,
		.max_pools = pools,
	};

	if (secmalloc_init(&config) == 0)
		return true;
	tap_note("%s", secmalloc_error());
	return false;
}

/* The row that try_row() checks. */
static size_t at;

static bool try_row(void)
{
	size_t count;

	if (!start(1))
		case_skip_init();
	count = take(equal[at].size, SIZE_MAX);
	tap_note("a pool holds %zu-byte chunks: %zu", equal[at].size, count);
	return count == equal[at].number
	       && equal[at].place >= equal[at].size + 8;
}

static size_t pools, locked;

static bool try_mixture(void)
{
	struct secmalloc_stats stats;
	size_t sum = 0;

	if (!start(pools))
		case_skip_init();
	for (size_t i = 0; i < mixes; i++) {
		sum += mixed[i].bytes;
		if (mixed[i].bytes != mixed[i].number * mixed[i].place
		    || take(mixed[i].size, mixed[i].number) < mixed[i].number)
			return false;
	}
	/* The page then says: five pools, and one more. */
	return secmalloc_stats(&stats) == 0 && stats.locked_bytes == locked
	       && (sum + 58981) / 58982 + 1 == pools;
}

/* The example's chunks took the sum of their places. The caches hold some
 * more. */
static bool try_places(void)
{
	struct secmalloc_stats stats;

	if (!start(pools))
		case_skip_init();
	for (size_t i = 0; i < mixes; i++) {
		if (take(mixed[i].size, mixed[i].number) < mixed[i].number
		    || secmalloc_stats(&stats) != 0)
			return false;
		if (stats.pool_bytes - stats.free_bytes < mixed[i].bytes)
			return false;
	}
	for (size_t i = 0; i < mixes; i++)
		stats.free_bytes += mixed[i].bytes;
	return stats.free_bytes == stats.pool_bytes;
}

int main(void)
{
	char name[80];

	if (sysconf(_SC_PAGESIZE) != 4096)
		tap_skip_all("the figures are for pages of 4 KiB");
	tap_needs_lock(1024);
	tap_ok(read_page(&pools, &locked),
	       "secmalloc_setup(7) has both tables and the sum");
	for (at = 0; at < equals; at++) {
		snprintf(name, sizeof(name),
		         "a pool holds %zu chunks of %zu bytes",
		         equal[at].number, equal[at].size);
		try_case(name, try_row);
	}
	try_case("the chunks of the example fit its pools, which lock what the "
	         "page says",
	         try_mixture);
	try_case("the places of the example's chunks add up", try_places);
	tap_done();
}
