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

#include "os/proc.h"
#include "os/words.h"

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

/* Room for what is wrong with a range. */
#define WRONG_BYTES 256

/* Append what is wrong with a mapping's locks, if anything. A page that is
 * locked and resident stays in memory. */
static void judge_locks(const struct smi_mapping *mapping,
                        struct smi_text *wrong)
{
	size_t bytes = mapping->end - mapping->start;

	if (mapping->locked && mapping->resident_bytes >= bytes)
		return;
	if (mapping->locked)
		smi_text_add(wrong,
		             "is locked, but its mapping of %zu bytes has "
		             "only %zu in memory",
		             bytes, mapping->resident_bytes);
	else
		smi_text_add(wrong, "is not locked");
	if (mapping->swapped_bytes > 0)
		smi_text_add(wrong,
		             ", and its mapping has %zu bytes in swap space",
		             mapping->swapped_bytes);
	smi_text_add(wrong, ", probably after %s: remove that call",
	             mapping->locked ? "MADV_DONTNEED_LOCKED"
	                             : "munlock or munlockall");
	if (mapping->swapped_bytes > 0)
		smi_text_add(wrong, " and replace the secrets");
}

static void judge_advice(const struct smi_arena *arena,
                         const struct smi_mapping *mapping,
                         struct smi_text *wrong)
{
	if (!mapping->not_dumped)
		smi_text_add(wrong,
		             (arena->pools.advice_missing
		              & SECMALLOC_ADVICE_DONTDUMP)
		                             != 0
		                     ? "goes into core dumps, because this "
		                       "kernel has no MADV_DONTDUMP: set "
		                       "SECMALLOC_NODUMP"
		                     : "goes into core dumps, probably after "
		                       "MADV_DODUMP: remove that call");
	else if (!mapping->not_forked && !arena->pools.in_children)
		smi_text_add(wrong, "is passed to children of fork, probably "
		                    "after MADV_DOFORK: remove that call");
	else if (mapping->mergeable)
		smi_text_add(wrong, "may be merged with identical pages, "
		                    "probably after MADV_MERGEABLE or "
		                    "PR_SET_MEMORY_MERGE: remove that call, or "
		                    "make it before secmalloc_init");
}

static void check_part(struct walk *walk, const struct smi_mapping *mapping,
                       uintptr_t from, uintptr_t to)
{
	char words[WRONG_BYTES];
	struct smi_text wrong;

	smi_text_start(&wrong, words, sizeof(words));
	if (walk->locks && !walk->told_locks)
		judge_locks(mapping, &wrong);
	if (wrong.length > 0) {
		walk->told_locks = true;
		tell(walk, from, to, words);
	}
	smi_text_start(&wrong, words, sizeof(words));
	if (walk->advice && !walk->told_advice)
		judge_advice(walk->arena, mapping, &wrong);
	if (wrong.length > 0) {
		walk->told_advice = true;
		tell(walk, from, to, words);
	}
}

/* Deal with a gap: nothing is mapped up to `to`. */
static void check_gap(struct walk *walk, uintptr_t to)
{
	if (to > walk->seen)
		tell(walk, walk->seen, to,
		     "is not mapped, probably after munmap or mremap: remove "
		     "that call");
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
	if (smi_proc_each_mapping(see, &walk) != 0)
		smi_verdict_unread(verdict, smi_words.mappings_file,
		                   "what memory is locked", errno);
	else if (walk.in_range)
		/* Behind the arena there are always the stack of the first
		 * thread and what the kernel maps. */
		smi_verdict_unread(verdict, smi_words.mappings_file,
		                   "what memory is locked", EBADMSG);
}
