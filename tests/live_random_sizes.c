/*
 * Chunks of random sizes, up to 4 MiB, come, go and change their sizes. What is
 * locked stays in proportion to what lives, and does not creep upwards: at the
 * end it is hardly more than after half of the operations. After all chunks are
 * freed, one chunk of four fifths of the pools fits.
 *
 * By default there are fewer operations than the 100,000 that TEST_WHOLE=1 in
 * the environment asks for. The seed is printed, and can be given as an
 * argument.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "backing.h"
#include "case.h"
#include "hide.h"
#include "locked.h"
#include "random.h"

#include <errno.h>
#include <sys/resource.h>

#define GROWTH_LEAST ((size_t)64 * 1024)
#define CHUNKS       40
#define MOST_BYTES   (4 * LOCKED_MIB)
#define OPERATIONS   ((size_t)100000)

struct operation {
	size_t chunk, size;
	enum { TAKE, GIVE, RESIZE } kind;
};

static size_t most_bytes = MOST_BYTES, operations;
static uint64_t state, first_seed;
static struct locked locked;

/* ---- What the seed determines -------------------------------------------- */

static size_t below(size_t n)
{
	return (size_t)(random_next(&state) >> 11) % n;
}

static size_t uniform_size(void)
{
	return 1 + below(most_bytes);
}

/* As many sizes lie between 4 KiB and 8 KiB as between 1 MiB and 2 MiB. */
static size_t logarithmic_size(void)
{
	size_t limit = 1;

	for (size_t doublings = below(23); doublings > 0; doublings--)
		limit *= 2;
	limit = 1 + limit / 2 + below(limit / 2 + 1);
	return limit < most_bytes ? limit : most_bytes;
}

static size_t (*any_size)(void);

static struct operation next(const size_t *of)
{
	struct operation op = {.chunk = below(CHUNKS)};

	if (of[op.chunk] == 0)
		op.kind = TAKE;
	else
		op.kind = below(2) == 0 ? GIVE : RESIZE;
	op.size = op.kind == GIVE ? 0 : any_size();
	return op;
}

/* Whether the most bytes that live at one time do so in the first half, with
 * and without the old places of chunks that are resized. Only then does what is
 * locked have no reason to grow in the second half. */
static bool peaks_early(uint64_t seed)
{
	size_t of[CHUNKS] = {0}, all = 0, most = 0, most_copied = 0;
	bool early = true;

	state = seed;
	for (size_t i = 0; i < operations; i++) {
		struct operation op = next(of);

		if (all + op.size > most_copied) {
			most_copied = all + op.size;
			early = i < operations / 2;
		}
		all += op.size - of[op.chunk];
		of[op.chunk] = op.size;
		if (all > most) {
			most = all;
			early = i < operations / 2;
		}
		if (!early && i > operations / 2)
			return false;
	}
	return true;
}

/* ---- The chunks, with a mark at both ends ------------------------------- */

static unsigned char *chunks[CHUNKS];
static size_t sizes[CHUNKS], live;

static unsigned char mark_of(size_t i)
{
	return (unsigned char)(i + 1);
}

static bool put_marks(size_t i)
{
	unsigned char *at = chunks[i];

	at[0] = mark_of(i);
	at[sizes[i] - 1] = mark_of(i);
	return true;
}

static bool has_marks(size_t i)
{
	const unsigned char *at = chunks[i];

	return at[0] == mark_of(i) && at[sizes[i] - 1] == mark_of(i);
}

static bool take(size_t i, size_t size)
{
	chunks[i] = hide(secmalloc(size));
	if (chunks[i] == NULL)
		return false;
	locked_lives(&locked, live + size);
	live += size;
	sizes[i] = size;
	return chunks[i][0] == 0 && chunks[i][size - 1] == 0 && put_marks(i);
}

static bool give(size_t i)
{
	bool good = has_marks(i);

	secfree(chunks[i]);
	live -= sizes[i];
	sizes[i] = 0;
	return good;
}

static bool resize(size_t i, size_t size)
{
	size_t had = sizes[i];
	bool good = has_marks(i);
	uintptr_t old = (uintptr_t)chunks[i];
	unsigned char *at = hide(secrealloc(chunks[i], size));

	if (at == NULL)
		return false;
	locked_resized(&locked, live - had, old, had, (uintptr_t)at, size);
	live += size - had;
	chunks[i] = at;
	sizes[i] = size;
	if (size > had)
		good = good && at[had - 1] == mark_of(i) && at[size - 1] == 0;
	good = good && at[0] == mark_of(i);
	return put_marks(i) && good;
}

static bool operate(size_t number)
{
	struct operation op = next(sizes);
	bool good = op.kind == TAKE   ? take(op.chunk, op.size)
	            : op.kind == GIVE ? give(op.chunk)
	                              : resize(op.chunk, op.size);

	if (!good)
		tap_note("operation %zu, chunk %zu, %zu bytes: %s", number,
		         op.chunk, op.size, secmalloc_error());
	return good;
}

/* ---- Runs ---------------------------------------------------------------- */

/*
 * After as many operations as there are by default, a few more can still make
 * the pools more fragmented than before. The least growth is a pool, which is
 * more than 5 % of a small arena.
 */
static bool does_not_creep(size_t half)
{
	size_t end = locked_by_arena(&locked);
	size_t parts = operations == OPERATIONS ? 20 : 8;

	tap_note("seed %ju, %zu operations: %zu KiB are locked, %zu KiB after "
	         "half of them; %zu KiB lived",
	         (uintmax_t)first_seed, operations, end >> 10, half >> 10,
	         locked.most >> 10);
	return end <= half + half / parts + GROWTH_LEAST;
}

static bool all_fits_in_one(void)
{
	struct secmalloc_stats full, before, after;
	void *chunk;

	full = locked_stats();
	for (size_t i = 0; i < CHUNKS; i++)
		if (sizes[i] != 0 && !give(i))
			return false;
	before = locked_stats();
	chunk = hide(secmalloc((size_t)before.pool_bytes / 5 * 4));
	after = locked_stats();
	secfree(chunk);
	if (chunk != NULL && before.pool_bytes == full.pool_bytes
	    && after.pool_bytes == full.pool_bytes)
		return true;
	tap_note("of %ju bytes %s four fifths, and then there are %ju",
	         (uintmax_t)before.pool_bytes, chunk != NULL ? "are" : "lack",
	         (uintmax_t)after.pool_bytes);
	return false;
}

static bool stays_in_proportion(void)
{
	static const struct secmalloc_config config = {0};
	size_t half = 0;

	if (!locked_begin(&locked, 4, &config))
		case_skip_init();
	state = first_seed;
	for (size_t i = 0; i < operations; i++) {
		if (i == operations / 2)
			half = locked_by_arena(&locked);
		if (!operate(i)
		    || (i % 16 == 0 && !locked_in_proportion(&locked)))
			return false;
	}
	return locked_in_proportion(&locked) && does_not_creep(half)
	       && secmalloc_audit() == 0 && locked_as_counted(&locked)
	       && all_fits_in_one();
}

static void try_seed(const char *name, size_t default_operations)
{
	const char *whole = getenv("TEST_WHOLE");
	char what[100];

	operations = whole != NULL ? OPERATIONS : default_operations;
	if (backing_is_secret())
		operations /= 8;
	while (!peaks_early(first_seed))
		first_seed++;
	snprintf(what, sizeof(what), "%s sizes, seed %ju: in proportion", name,
	         (uintmax_t)first_seed);
	try_case(what, stays_in_proportion);
}

/* The most that is locked, in KiB, with a little to spare. */
static size_t needed_kib(void)
{
	return 100 * most_bytes >> 10;
}

/* Chunks are smaller in secret memory, which is slow to lock, and for an
 * ordinary user. */
static void choose_sizes(void)
{
	struct rlimit limit;

	if (backing_is_secret())
		most_bytes /= 8;
	if (geteuid() != 0 && getrlimit(RLIMIT_MEMLOCK, &limit) == 0)
		while (most_bytes > 4096 && needed_kib() > limit.rlim_max >> 10)
			most_bytes /= 2;
	tap_needs_lock(needed_kib());
}

int main(int argc, char **argv)
{
	uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
	uint64_t end = argc > 1 ? seed + 1 : 4;

	tap_needs_plain_build();
	tap_needs_file("/proc/self/status");
	choose_sizes();
	for (; seed < end; seed++) {
		first_seed = seed * 1000;
		any_size = uniform_size;
		try_seed("uniform", 2000);
		first_seed = seed * 1000;
		any_size = logarithmic_size;
		try_seed("logarithmic", 8000);
	}
	tap_done();
}
