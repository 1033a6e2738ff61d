/*
 * verify_pools.c - whether what an arena has locked is still kept safe
 *
 * The walk goes through the kernel's list of mappings and the arena's ranges
 * side by side, both in ascending order. A range consists of several mappings
 * if parts of it have been treated differently.
 *
 * SPDX-License-Identifier: ISC
 */
#include "verify/verify_pools.h"

#include "os/os.h"
#include "os/proc.h"

#include <errno.h>

/* ---- The arena's ranges ------------------------------------------------- */

/* A range that was locked in one piece, and its name. */
struct range {
	enum { AT_START, AT_KEY, AT_POOL, AT_CELL } what;
	uint32_t pool; /* pool or cell number; SMI_NONE for the key page */
	uintptr_t start;
	size_t bytes;
};

/* Go on to the next range in ascending order. False if there is none. */
static bool next_range(const struct smi_arena *arena, struct range *range)
{
	const struct smi_pools *pools = range->what == AT_CELL
	                                        ? &arena->guarded.pools
	                                        : &arena->pools;

	if (range->what == AT_START) {
		*range = (struct range){
			.what = AT_KEY,
			.pool = SMI_NONE,
			.start = (uintptr_t)smi_pool_key_page(pools),
			.bytes = pools->geometry.page_bytes,
		};
		return true;
	}
	if (range->what == AT_KEY)
		range->what = AT_POOL;
	range->pool = smi_pool_next(pools, range->pool);
	if (range->pool == SMI_NONE && range->what == AT_POOL) {
		/* Guarded cells have higher addresses than pools. */
		range->what = AT_CELL;
		pools = &arena->guarded.pools;
		range->pool = smi_pool_next(pools, SMI_NONE);
	}
	if (range->pool == SMI_NONE)
		return false;
	range->start = smi_pool_start(pools, range->pool);
	range->bytes = smi_pool_bytes(pools, range->pool);
	return true;
}

/* ---- The walk ----------------------------------------------------------- */

struct walk {
	const struct smi_arena *arena;
	bool locks, advice;
	struct smi_verdict *verdict;
	struct range range;
	bool in_range;                /* false after the last range */
	uintptr_t seen;               /* the range was checked up to here */
	bool told_locks, told_advice; /* a finding of this kind was made */
};

static void start_range(struct walk *walk)
{
	walk->in_range = next_range(walk->arena, &walk->range);
	walk->seen = walk->range.start;
	walk->told_locks = walk->told_advice = false;
}

/* Report what is wrong with the bytes [from, to) of the range. */
static void tell(struct walk *walk, uintptr_t from, uintptr_t to,
                 const char *what)
{
	const struct range *range = &walk->range;
	char words[80];
	struct smi_text text;

	smi_text_start(&text, words, sizeof(words));
	if (range->what == AT_KEY)
		smi_text_add(&text, "the key page");
	else
		smi_text_add(&text, "%s %zu",
		             range->what == AT_POOL ? "pool" : "guarded cell",
		             (size_t)range->pool);
	if (to - from < range->bytes)
		smi_text_add(&text, " (%zu of its %zu bytes, from offset %zu)",
		             (size_t)(to - from), range->bytes,
		             (size_t)(from - range->start));
	smi_verdict_fail(walk->verdict, "%s %s", words, what);
}

/* What is wrong with a mapping's locks, or NULL. A page that is locked and
 * resident stays in memory. */
static const char *judge_locks(const struct smi_mapping *mapping)
{
	if (!mapping->locked)
		return "is not locked: munlock or munlockall was called on it: "
		       "remove that call";
	if (mapping->resident_bytes < mapping->end - mapping->start)
		return "is locked but not entirely in memory: "
		       "MADV_DONTNEED_LOCKED or similar was called on it: "
		       "remove that call";
	return NULL;
}

static const char *judge_advice(const struct smi_arena *arena,
                                const struct smi_mapping *mapping)
{
	if (!mapping->not_dumped)
		return (arena->pools.advice_missing & SECMALLOC_ADVICE_DONTDUMP)
		                       != 0
		               ? "goes into core dumps, because this kernel "
		                 "has no MADV_DONTDUMP: set SECMALLOC_NODUMP"
		               : "goes into core dumps: MADV_DODUMP was called "
		                 "on it: remove that call";
	if (!mapping->not_forked && !arena->pools.in_children)
		return "is passed to children of fork: MADV_DOFORK was called "
		       "on it: remove that call";
	if (mapping->mergeable)
		return "may be merged with identical pages: MADV_MERGEABLE or "
		       "PR_SET_MEMORY_MERGE was called: remove that call, or "
		       "make it before secmalloc_init";
	return NULL;
}

static void check_part(struct walk *walk, const struct smi_mapping *mapping,
                       uintptr_t from, uintptr_t to)
{
	const char *wrong;

	if (walk->locks && !walk->told_locks) {
		wrong = judge_locks(mapping);
		walk->told_locks = wrong != NULL;
		if (wrong != NULL)
			tell(walk, from, to, wrong);
		if (wrong != NULL && mapping->swapped_bytes > 0)
			smi_verdict_fail(walk->verdict,
			                 "%zu bytes of it are in swap space: "
			                 "replace the secrets in it",
			                 mapping->swapped_bytes);
	}
	if (walk->advice && !walk->told_advice) {
		wrong = judge_advice(walk->arena, mapping);
		walk->told_advice = wrong != NULL;
		if (wrong != NULL)
			tell(walk, from, to, wrong);
	}
}

/* Deal with a gap: nothing is mapped up to `to`. */
static void check_gap(struct walk *walk, uintptr_t to)
{
	if (to > walk->seen)
		tell(walk, walk->seen, to,
		     "is not mapped: munmap or mremap "
		     "was called on it: remove that call");
}

static bool see(const struct smi_mapping *mapping, void *with)
{
	struct walk *walk = with;

	while (walk->in_range && mapping->end > walk->seen) {
		uintptr_t end = walk->range.start + walk->range.bytes;
		uintptr_t from = walk->seen, to = end;

		if (mapping->start > from)
			from = mapping->start < end ? mapping->start : end;
		if (mapping->end < to)
			to = mapping->end;
		check_gap(walk, from);
		if (from < to)
			check_part(walk, mapping, from, to);
		walk->seen = to;
		if (to < end)
			break;
		start_range(walk);
	}
	return walk->in_range;
}

void smi_verify_pools_check(const struct smi_arena *arena, bool locks,
                            bool advice, struct smi_verdict *verdict)
{
	struct walk walk = {
		.arena = arena,
		.locks = locks,
		.advice = advice,
		.verdict = verdict,
	};

	start_range(&walk);
	if (smi_proc_each_mapping(see, &walk) != 0) {
		if (errno == ENOTSUP)
			smi_verdict_unknown(verdict,
			                    "this system does not report "
			                    "which memory is locked (errno %d)",
			                    errno);
		else
			smi_verdict_unknown(
				verdict,
				"/proc/self/smaps, which shows what memory is "
				"locked, could not be read (errno %d): mount "
				"/proc",
				errno);
		return;
	}
	/* Ranges after the last mapping are not mapped. */
	for (; walk.in_range; start_range(&walk))
		check_gap(&walk, walk.range.start + walk.range.bytes);
}
