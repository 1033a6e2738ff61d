/*
 * 100,000 random operations agree with a simple model. The arena is audited
 * after every fifty operations.
 *
 * The model knows the address, size and contents of each chunk, and that live
 * chunks do not overlap. The seed is printed, and can be passed as an argument.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "backing.h"
#include "random.h"
#include "tap.h"

#include <errno.h>
#include <secmalloc.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#define OPERATIONS  100000
#define AUDIT_EVERY 50
#define MOST        700

struct chunk {
	unsigned char *at;
	size_t size;
	unsigned char mark;
};

static struct chunk chunks[MOST];
static size_t count, bytes, refused;
static uint64_t state;

static unsigned below(unsigned n)
{
	return (unsigned)(random_next(&state) >> 33) % n;
}

/* Most sizes are small. Some are in each larger range, and a few are larger
 * than a pool. */
static size_t any_size(void)
{
	switch (below(20)) {
	case 0:
		return 0;
	case 1:
		return below(200000);
	case 2:
	case 3:
		return below(20000);
	case 4:
	case 5:
	case 6:
		return below(4200);
	default:
		return below(300);
	}
}

static _Noreturn void wrong(unsigned operation, const char *what)
{
	tap_note("operation %u: %s (%s)", operation, what, secmalloc_error());
	tap_ok(false, "the arena agrees with the model");
	tap_done();
}

static unsigned char pattern(const struct chunk *c, size_t i)
{
	return (unsigned char)(c->mark + i * 13);
}

static bool holds(const struct chunk *c, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (c->at[i] != pattern(c, i))
			return false;
	return true;
}

static bool is_zero(const struct chunk *c, size_t from)
{
	for (size_t i = from; i < c->size; i++)
		if (c->at[i] != 0)
			return false;
	return true;
}

static void fill(struct chunk *c)
{
	c->mark = (unsigned char)below(256);
	for (size_t i = 0; i < c->size; i++)
		c->at[i] = pattern(c, i);
}

static bool overlaps(const struct chunk *c)
{
	for (size_t i = 0; i < count; i++) {
		const struct chunk *other = &chunks[i];

		if (other != c && c->at < other->at + other->size + 1
		    && other->at < c->at + c->size + 1)
			return true;
	}
	return false;
}

static void add(unsigned operation)
{
	struct chunk *c = &chunks[count];
	size_t align = (size_t)1 << below(16);

	c->size = any_size();
	if (below(8) == 0) {
		c->at = secaligned_alloc(align, c->size);
		if (c->at != NULL && (uintptr_t)c->at % align != 0)
			wrong(operation, "misaligned");
	} else {
		c->at = secmalloc(c->size);
	}
	if (c->at == NULL) {
		if (errno != ENOMEM)
			wrong(operation,
			      "an allocation failed for a reason other than "
			      "ENOMEM");
		refused++;
		return;
	}
	if ((uintptr_t)c->at % 16 != 0 || !is_zero(c, 0))
		wrong(operation, "a new chunk is not zeroed or not aligned");
	if (overlaps(c))
		wrong(operation, "chunks overlap");
	fill(c);
	bytes += c->size;
	count++;
}

static void resize(unsigned operation)
{
	struct chunk *c = &chunks[below((unsigned)count)];
	size_t size = any_size(), had = c->size;
	unsigned char *at = secrealloc(c->at, size);

	if (at == NULL) {
		if (errno != ENOMEM || size <= had || !holds(c, had))
			wrong(operation,
			      "a failed resize changed the chunk, or should "
			      "have succeeded");
		refused++;
		return;
	}
	c->at = at;
	c->size = size;
	if (!holds(c, had < size ? had : size) || !is_zero(c, had))
		wrong(operation, "a resized chunk has wrong contents");
	if (overlaps(c))
		wrong(operation, "chunks overlap");
	bytes = bytes - had + size;
	fill(c);
}

static void take_away(unsigned operation)
{
	size_t i = below((unsigned)count);

	if (secmalloc_usable_size(chunks[i].at) != chunks[i].size
	    || !holds(&chunks[i], chunks[i].size))
		wrong(operation, "a chunk changed by itself");
	secfree(chunks[i].at);
	bytes -= chunks[i].size;
	chunks[i] = chunks[--count];
}

static void check(unsigned operation)
{
	struct secmalloc_stats stats;

	if (secmalloc_audit() != 0)
		wrong(operation, "the audit found damage");
	if (secmalloc_stats(&stats) != 0 || stats.chunks != count
	    || stats.chunk_bytes != bytes || stats.failures != refused)
		wrong(operation, "the statistics differ from the model");
}

int main(int argc, char **argv)
{
	struct secmalloc_config config = {
		.initial_pools = 8,
		.max_pools = 24,
		.flags = SECMALLOC_CHECK_WHOLE,
	};

	state = argc > 1 ? strtoull(argv[1], NULL, 0)
	                 : (uint64_t)time(NULL) * 2654435761u + 1;
	tap_note("seed %llu", (unsigned long long)state);
	if (secmalloc_init(&config) != 0) {
		tap_note("%s", secmalloc_error());
		tap_skip("100,000 random operations",
		         "the lock limit is too low");
		tap_done();
	}
	for (unsigned i = 0; i < OPERATIONS; i++) {
		/* The share of allocations alternates, so that the arena fills
		 * and empties. */
		unsigned bias = i / 5000 % 2 == 0 ? 55 : 35;
		unsigned kind = below(100);

		if (kind < bias && count < MOST)
			add(i);
		else if (kind < bias + 15 && count > 0)
			resize(i);
		else if (count > 0)
			take_away(i);
		if (i % AUDIT_EVERY == 0)
			check(i);
	}
	while (count > 0)
		take_away(OPERATIONS);
	check(OPERATIONS);
	tap_note("%zu operations failed for lack of room", refused);
	tap_ok(true, "%d random operations agree with the model", OPERATIONS);
	tap_ok(refused > 100, "more than 100 operations found the arena full");
	secmalloc_fini();
	tap_done();
}
