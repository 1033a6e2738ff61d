/* The reservation and the pools in it, on the real kernel. With
 * TEST_BACKING=secret in the environment, all of it is secret memory. */
/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "os/os.h"
#include "os/proc.h"
#include "random.h"
#include "space/pool.h"
#include "unit.h"

#include <string.h>
#include <unistd.h>

#define STRIDES 12
/* A stride has four pages, and an ordinary pool has all of them, or three if
 * pools are apart. */
#define PER_STRIDE 4
#define PAGES      (STRIDES * PER_STRIDE)
#define LENGTH     16 /* of the strips, in pages */

static struct smi_pools pools;
static struct smi_pool table[STRIDES];
static uint8_t kept[STRIDES];
static size_t page, locked_before;

/* ---- The model ---------------------------------------------------------- */

/* For each page: whether it is locked, its content if it is, and whether it is
 * kept. */
static bool model[PAGES], model_kept[PAGES];
static unsigned char content[PAGES];
static unsigned char next_content;

/* A pool in the model: as many adjacent pages as are locked. */
struct range {
	size_t from, to;
};

/* The first range at or after a page. False if there is none. */
static bool next_range(size_t from, struct range *range)
{
	while (from < PAGES && !model[from])
		from++;
	range->from = range->to = from;
	while (range->to < PAGES && model[range->to])
		range->to++;
	return from < PAGES;
}

static size_t pages_of_pool(void)
{
	return pools.geometry.joined ? PER_STRIDE : PER_STRIDE - 1;
}

/* The stride after a range and the guard behind it. */
static size_t strides_to(size_t to)
{
	return (to + !pools.geometry.joined + PER_STRIDE - 1) / PER_STRIDE;
}

static size_t model_count(void)
{
	size_t each = pages_of_pool(), count = 0;
	struct range r = {0, 0};

	while (next_range(r.to, &r))
		count += (r.to - r.from + each - 1) / each;
	return count;
}

static size_t model_pages(void)
{
	size_t pages = 0;

	for (size_t i = 0; i < PAGES; i++)
		pages += model[i];
	return pages;
}

/* The gaps as pool.h describes them. Returns their number. */
static size_t model_gaps(struct range *gaps)
{
	bool joined = pools.geometry.joined;
	struct range r = {0, 0}, last = {0, 0};
	size_t count = 0, from = 0, guard = joined ? 0 : 1;

	while (next_range(r.to, &r)) {
		if (r.from > from + guard)
			gaps[count++] = (struct range){from, r.from - guard};
		from = joined ? r.to : strides_to(r.to) * PER_STRIDE;
		last = r;
	}
	if (last.to - last.from > pages_of_pool() && !joined
	    && last.to < PAGES - 1)
		gaps[count++] = (struct range){last.to, PAGES - 1};
	if (from + guard < PAGES)
		gaps[count++] = (struct range){from, PAGES - guard};
	return count;
}

/* How many pages can be locked from a page on. */
static size_t model_room(const struct range *gap)
{
	size_t room = 0;

	for (size_t i = gap->from; i < gap->to; i++) {
		model[i] = true;
		if (model_count() > pools.geometry.max_pools
		    || model_pages() * page > pools.max_bytes)
			break;
		room++;
	}
	for (size_t i = gap->from; i < gap->to; i++)
		model[i] = false;
	return room;
}

/* ---- What the kernel says ----------------------------------------------- */

static unsigned char *page_at(size_t i)
{
	return (unsigned char *)pools.start + i * page;
}

/* Whether a byte can be read, without a fault. */
static bool is_readable(const unsigned char *at)
{
	static int pipe_ends[2] = {-1, -1};
	char byte;

	if (pipe_ends[0] < 0)
		ck_assert_int_eq(pipe(pipe_ends), 0);
	if (write(pipe_ends[1], at, 1) != 1)
		return false;
	ck_assert_int_eq(read(pipe_ends[0], &byte, 1), 1);
	return true;
}

static size_t locked_now(void)
{
	size_t bytes = 0;

#ifndef SECMALLOC_SANITIZED
	if (smi_proc_locked_bytes(&bytes) != 0)
		bytes = 0;
#endif
	return bytes;
}

static bool count_mapping(const struct smi_mapping *mapping, void *count)
{
	if (smi_pool_touch(&pools, mapping->start,
	                   mapping->end - mapping->start))
		++*(unsigned *)count;
	return true;
}

/* The number of the kernel's mappings in the reservation; 0 if the system does
 * not report them. */
static unsigned mappings(void)
{
	unsigned count = 0;

	return smi_proc_each_mapping(count_mapping, &count) == 0 ? count : 0;
}

/* ---- Comparisons -------------------------------------------------------- */

static void check_numbers(void)
{
	struct range r = {0, 0};
	uint32_t pool = SMI_NONE;
	size_t used = 0, in_pools = 0, largest = 0;

	ck_assert_ptr_null(smi_pool_audit(&pools));
	ck_assert_uint_eq(pools.bytes, model_pages() * page);
	ck_assert_uint_eq(pools.count, model_count());
	while (next_range(r.to, &r)) {
		pool = smi_pool_next(&pools, pool);
		ck_assert_uint_eq(pool, r.from / PER_STRIDE);
		ck_assert_uint_eq(r.from % PER_STRIDE, 0);
		ck_assert_uint_eq(smi_pool_bytes(&pools, pool),
		                  (r.to - r.from) * page);
		used = strides_to(r.to);
		in_pools += used - r.from / PER_STRIDE;
		if (r.to - r.from > largest)
			largest = r.to - r.from;
	}
	ck_assert_uint_eq(smi_pool_next(&pools, pool), SMI_NONE);
	ck_assert_uint_eq(smi_pool_largest_bytes(&pools), largest * page);
	ck_assert_uint_eq(smi_pool_owned_bytes(&pools), pools.bytes);
	ck_assert_uint_eq(pools.used, used);
	ck_assert_uint_eq(pools.holes, used - in_pools);
}

static void check_gaps(void)
{
	struct range gaps[2 * STRIDES];
	struct smi_piece gap = {0, 0};
	size_t count = model_gaps(gaps), i = 0;

	while (smi_pool_next_gap(&pools, &gap)) {
		ck_assert_uint_lt(i, count);
		ck_assert_uint_eq(gap.offset, gaps[i].from * page);
		ck_assert_uint_eq(gap.bytes,
		                  (gaps[i].to - gaps[i].from) * page);
		ck_assert_uint_eq(smi_pool_room(&pools, &gap),
		                  model_room(&gaps[i]) * page);
		i++;
	}
	ck_assert_uint_eq(i, count);
}

/* The pool after which an address in the strides lies in a guard. */
static uint32_t guard_of(size_t at)
{
	size_t stride = at / PER_STRIDE;
	struct range r = {0, 0};

	while (next_range(r.to, &r))
		if (r.to <= at
		    && (stride < strides_to(r.to)
		        || stride * PER_STRIDE == r.to))
			return (uint32_t)(r.from / PER_STRIDE);
	return SMI_NONE;
}

static void check_addresses(void)
{
	uint32_t pool, in = SMI_NONE;

	for (size_t i = 0; i < PAGES; i++) {
		for (size_t half = 0; half < page; half += page / 2) {
			enum smi_pool_place place = smi_pool_find(
				&pools, (uintptr_t)page_at(i) + half, &pool);

			if (model[i] && (i == 0 || !model[i - 1]))
				in = (uint32_t)(i / PER_STRIDE);
			unit_check(place
			           == (model[i] ? SMI_PLACE_POOL
			                        : SMI_PLACE_GUARD));
			ck_assert_uint_eq(pool, model[i] ? in : guard_of(i));
		}
		unit_check(is_readable(page_at(i)) == model[i]);
		if (model[i]) {
			unit_check(page_at(i)[0] == content[i]);
			unit_check(page_at(i)[page - 1] == content[i]);
		}
	}
	unit_check(!is_readable(page_at(PAGES)));
}

static void check(void)
{
	size_t now = locked_now();

	check_numbers();
	check_gaps();
	check_addresses();
	if (now != 0)
		ck_assert_uint_eq(now - locked_before,
		                  (model_pages() + 1) * page);
}

/* ---- Steps -------------------------------------------------------------- */

/* No pages and no model. The strips differ in whether strides share no page,
 * some pages or all. */
static void start(bool joined)
{
	const char *backing = getenv("TEST_BACKING");

	page = smi_os_page_bytes();
	memset(&pools, 0, sizeof(pools));
	memset(model, 0, sizeof(model));
	memset(kept, 0, sizeof(kept));
	memset(model_kept, 0, sizeof(model_kept));
	memset(table, 0xa5, sizeof(table));
	ck_assert_int_eq(smi_geometry_plan(&pools.geometry, page,
	                                   (joined ? 4 : 3) * page, joined,
	                                   STRIDES),
	                 SMI_GEOMETRY_FITS);
	ck_assert_uint_eq(smi_geometry_stride(&pools.geometry),
	                  PER_STRIDE * page);
	pools.secret = backing != NULL && strcmp(backing, "secret") == 0;
	pools.max_bytes = SIZE_MAX;
	pools.table = table;
	pools.kept = kept;
	for (size_t i = 0; i < SMI_STRIPS; i++) {
		pools.strips[i].stride_bytes = (page >> i) + (i == 1 ? 8 : 0);
		pools.strips[i].at = smi_os_reserve(LENGTH * page);
		ck_assert_ptr_nonnull(pools.strips[i].at);
	}
	locked_before = locked_now();
	ck_assert_int_eq(smi_pool_map(&pools, 0), 0);
	ck_assert_int_eq(smi_pool_lock_key_page(&pools), 0);
	check();
}

static void end(void)
{
	size_t now = locked_now();

	ck_assert_ptr_null(smi_pool_audit(&pools));
	smi_pool_unmap(&pools);
	if (now != 0)
		ck_assert_uint_eq(locked_now(), locked_before);
	for (size_t i = 0; i < SMI_STRIPS; i++)
		smi_os_release(pools.strips[i].at, LENGTH * page);
}

static void lock_pages(size_t from, size_t pages)
{
	struct smi_piece piece = {from * page, pages * page};

	ck_assert_int_eq(smi_pool_lock(&pools, &piece, pages * page), 0);
	ck_assert_uint_eq(piece.bytes, pages * page);
	smi_pool_publish(&pools);
	ck_assert_uint_eq(atomic_load(&pools.span),
	                  pools.used * PER_STRIDE * page);
	for (size_t i = from; i < from + pages; i++) {
		unit_check(!model[i]);
		model[i] = true;
		/* Fresh memory reads as zero, whatever was there. */
		for (size_t at = 0; at < page; at++)
			unit_check(page_at(i)[at] == 0);
		content[i] = ++next_content;
		memset(page_at(i), content[i], page);
	}
	for (size_t i = 0; i < SMI_STRIPS; i++)
		memset(pools.strips[i].at
		               + from / PER_STRIDE
		                         * pools.strips[i].stride_bytes,
		       1, pools.strips[i].stride_bytes);
}

static void close_pages(size_t from, size_t pages)
{
	struct smi_piece piece = {from * page, pages * page};

	/* The caller wipes; but no matter whether, on Linux. */
#ifndef __linux__
	memset(page_at(from), 0, pages * page);
#endif
	ck_assert_int_eq(smi_pool_close(&pools, &piece), 0);
	ck_assert_uint_eq(atomic_load(&pools.span),
	                  pools.used * PER_STRIDE * page);
	for (size_t i = from; i < from + pages; i++) {
		unit_check(model[i] && !model_kept[i]);
		model[i] = false;
	}
}

static void keep_pages(size_t from, size_t pages)
{
	struct smi_piece piece = {from * page, pages * page};

	smi_pool_keep(&pools, &piece);
	for (size_t i = from; i < from + pages; i++)
		model_kept[i] = true;
}

/* The part of a range of bytes that may be closed, as pool.h describes it.
 * False if there is none. */
static bool model_closable(size_t offset, size_t bytes, struct range *part)
{
	struct range r = {0, 0};
	size_t first = (offset + page - 1) / page;
	bool to_end;

	while (next_range(r.to, &r) && r.to * page <= offset)
		;
	to_end = offset + bytes == r.to * page;
	if (!pools.geometry.joined) {
		*part = r;
		for (size_t i = r.from; i < r.to; i++)
			if (model_kept[i])
				return false;
		return offset == r.from * page && to_end;
	}
	for (part->from = first; part->from < r.to; part->from++)
		for (part->to = r.to; part->to > part->from; part->to--) {
			bool any_kept = false, after_kept;

			for (size_t i = part->from; i < part->to; i++)
				any_kept |= model_kept[i];
			after_kept = part->from % PER_STRIDE != 0
			             && model_kept[part->from - 1];
			if (any_kept || part->to * page > offset + bytes
			    || (part->to != r.to
			        && (part->to % PER_STRIDE != 0
			            || (part->to - part->from < PER_STRIDE
			                && !after_kept))))
				continue;
			return true;
		}
	return false;
}

static bool closable(size_t offset, size_t bytes, struct range *part)
{
	struct smi_piece piece = {offset, bytes};
	bool is = smi_pool_closable(&pools, &piece);

	ck_assert_int_eq(is, model_closable(offset, bytes, part));
	if (is) {
		ck_assert_uint_eq(piece.offset, part->from * page);
		ck_assert_uint_eq(piece.bytes, (part->to - part->from) * page);
	}
	return is;
}

/* ---- Cases -------------------------------------------------------------- */

START_TEST(joined_pools_grow_shrink_and_meet)
{
	struct range part;
	unsigned before;

	start(true);
	before = mappings();
	lock_pages(0, 3);
	check();
	/* The pool grows in place, within its stride and over several. */
	lock_pages(3, 1);
	check();
	lock_pages(4, 14);
	check();
	ck_assert_uint_eq(pools.count, 5);
	ck_assert_uint_eq(smi_pool_next(&pools, 0), SMI_NONE);
	/* The middle: too short, and long enough. */
	ck_assert(!closable(5 * page, 6 * page, &part));
	ck_assert(closable(5 * page + 512, 8 * page, &part));
	ck_assert_uint_eq(part.from, 6);
	ck_assert_uint_eq(part.to, 12);
	close_pages(6, 6);
	check();
	ck_assert_uint_eq(pools.holes, 1);
	/* The hole is filled in part. Then the pools have no stride, but part
	 * of one, between them. */
	lock_pages(6, 4);
	check();
	ck_assert_uint_eq(pools.holes, 0);
	lock_pages(10, 2);
	check();
	ck_assert_uint_eq(smi_pool_next(&pools, 0), SMI_NONE);
	/* The end, and the start. */
	close_pages(17, 1);
	check();
	close_pages(0, 8);
	check();
	ck_assert_uint_eq(smi_pool_next(&pools, SMI_NONE), 2);
	lock_pages(0, 8);
	check();
	ck_assert(closable(0, 17 * page, &part));
	close_pages(0, 17);
	check();
	ck_assert_uint_eq(pools.used, 0);
	if (before != 0)
		ck_assert_uint_eq(mappings(), before);
	lock_pages(0, PAGES);
	check();
	end();
}
END_TEST

START_TEST(gaps_beside_pools_in_the_next_stride_are_found)
{
	start(true);
	lock_pages(0, 6);
	lock_pages(8, 5);
	/* A hole after a gap without one. */
	lock_pages(20, 4);
	check();
	lock_pages(6, 1);
	check();
	end();
}
END_TEST

START_TEST(pools_apart_are_closed_as_a_whole)
{
	struct range part;
	unsigned before;

	start(false);
	before = mappings();
	lock_pages(0, 3);
	lock_pages(4, 9);
	lock_pages(16, 3);
	check();
	ck_assert_uint_eq(pools.count, 5);
	ck_assert_uint_eq(pools.used, 5);
	ck_assert(!closable(4 * page, 8 * page, &part));
	ck_assert(!closable(5 * page, 8 * page, &part));
	ck_assert(closable(4 * page, 9 * page, &part));
	close_pages(4, 9);
	check();
	ck_assert_uint_eq(pools.holes, 3);
	/* In the hole, as large as fits with a guard after it. */
	lock_pages(4, 11);
	check();
	close_pages(16, 3);
	check();
	/* The last pool is a large one, so that it grows in place. */
	lock_pages(15, 2);
	check();
	close_pages(0, 3);
	check();
	close_pages(4, 13);
	check();
	if (before != 0)
		ck_assert_uint_eq(mappings(), before);
	end();
}
END_TEST

/* A large pool may fill whole strides, so that its guard begins the next
 * one. */
START_TEST(a_new_pool_does_not_begin_in_a_guard)
{
	struct smi_piece gap;

	start(false);
	lock_pages(0, 4);
	check();
	gap = smi_pool_new_gap(&pools, 3 * page);
	ck_assert_uint_eq(gap.offset, 8 * page);
	ck_assert_uint_eq(gap.bytes, (PAGES - 8 - 1) * page);
	/* The first one with room. */
	lock_pages(8, 3);
	lock_pages(12, 3);
	lock_pages(20, 3);
	gap = smi_pool_new_gap(&pools, 3 * page);
	ck_assert_uint_eq(gap.offset, 16 * page);
	gap = smi_pool_new_gap(&pools, 4 * page);
	ck_assert_uint_eq(gap.offset, 24 * page);
	gap = smi_pool_new_gap(&pools, 30 * page);
	ck_assert_uint_eq(gap.bytes, 0);
	check();
	end();
}
END_TEST

START_TEST(what_is_kept_is_not_closed)
{
	struct range part;

	start(true);
	lock_pages(0, 26);
	keep_pages(8, 6);
	/* Between what is kept and what is in use. */
	ck_assert(closable(0, 26 * page, &part));
	ck_assert_uint_eq(part.from, 0);
	ck_assert_uint_eq(part.to, 8);
	ck_assert(closable(5 * page, 21 * page, &part));
	ck_assert_uint_eq(part.from, 14);
	ck_assert_uint_eq(part.to, 26);
	ck_assert(closable(14 * page, 11 * page, &part));
	ck_assert_uint_eq(part.to, 24);
	ck_assert(closable(14 * page, 5 * page, &part));
	ck_assert_uint_eq(part.to, 16);
	ck_assert(!closable(15 * page, 4 * page, &part));
	ck_assert(!closable(8 * page, 6 * page, &part));
	close_pages(14, 12);
	check();
	close_pages(0, 8);
	check();
	ck_assert(!closable(8 * page, 6 * page, &part));
	end();
	start(false);
	lock_pages(0, 3);
	lock_pages(4, 9);
	keep_pages(4, 9);
	ck_assert(closable(0, 3 * page, &part));
	ck_assert(!closable(4 * page, 9 * page, &part));
	end();
}
END_TEST

START_TEST(limits_leave_less_room)
{
	static const bool kinds[] = {true, false};

	for (int i = 0; i < 2; i++) {
		start(kinds[i]);
		pools.max_bytes = 20 * page + 5;
		check();
		lock_pages(0, 10);
		check();
		lock_pages(kinds[i] ? 16 : 12, 7);
		check();
		pools.max_bytes = SIZE_MAX;
		pools.geometry.max_pools = 7;
		check_numbers();
		pools.geometry.max_pools = STRIDES;
		end();
	}
}
END_TEST

/* ---- Random steps ------------------------------------------------------- */

static uint64_t seed;
static unsigned closed, divided, met;

static size_t below(size_t limit)
{
	return (size_t)(random_next(&seed) % limit);
}

/* Lock memory in one of the gaps, or fill it. Keep some of the first pieces. */
static void lock_some(bool may_keep)
{
	struct range gaps[2 * STRIDES], gap;
	size_t count = model_gaps(gaps), pages;

	if (count == 0)
		return;
	gap = gaps[below(count)];
	pages = model_room(&gap);
	if (pages == 0)
		return;
	if (below(3) > 0)
		pages = 1 + below(pages);
	met += gap.from + pages < PAGES && model[gap.from + pages];
	lock_pages(gap.from, pages);
	if (may_keep && gap.from % PER_STRIDE == 0 && pages < 5
	    && below(11) == 0)
		keep_pages(gap.from, pages);
}

/* Close what may be closed of a pool, or of a part of it. */
static void close_some(void)
{
	struct range pool, part;
	size_t offset, bytes, skip;

	if (!next_range(below(PAGES), &pool))
		return;
	while (pool.from > 0 && model[pool.from - 1])
		pool.from--;
	offset = pool.from * page;
	bytes = pool.to * page - offset;
	if (pools.geometry.joined && below(4) > 0) {
		/* Not whole pages. */
		skip = below(bytes / SMI_UNIT_BYTES) * SMI_UNIT_BYTES;
		offset += skip;
		bytes -= skip;
		if (below(2) == 0)
			bytes -= below(bytes / SMI_UNIT_BYTES) * SMI_UNIT_BYTES;
	}
	if (!closable(offset, bytes, &part))
		return;
	close_pages(part.from, part.to - part.from);
	closed++;
	divided += part.from > 0 && part.to < PAGES && model[part.to]
	           && model[part.from - 1];
}

/* A random sequence of steps, each compared with the model. */
static void agree(bool joined, uint64_t first_seed)
{
	start(joined);
	seed = first_seed;
	/* Fewer than can be counted: the limit is reached. */
	pools.max_bytes = (PAGES - 9) * page;
	for (int step = 0; step < 1500; step++) {
		if (below(step % 100 > 60 ? 4 : 2) == 0)
			lock_some(step < 300);
		else
			close_some();
		check();
	}
	/* The suite has seen what it is for. */
	ck_assert_uint_gt(closed, 100);
	if (joined) {
		ck_assert_uint_gt(divided, 10);
		ck_assert_uint_gt(met, 10);
	}
	end();
}

START_TEST(joined_pools_agree_with_a_model)
{
	agree(true, 1);
}
END_TEST

START_TEST(pools_apart_agree_with_a_model)
{
	agree(false, 2);
}
END_TEST

/* ---- All addresses, and damage ------------------------------------------ */

START_TEST(every_address_is_classified)
{
	uintptr_t from, to;
	uint32_t pool;

	start(false);
	lock_pages(0, 3);
	lock_pages(4, 9);
	from = (uintptr_t)pools.reservation;
	to = from + pools.geometry.reserve_bytes;
	for (uintptr_t at = from; at < to; at += page / 2)
		if (at < pools.start || at >= (uintptr_t)page_at(PAGES)) {
			ck_assert_int_eq(smi_pool_find(&pools, at, &pool),
			                 SMI_PLACE_GUARD);
			ck_assert_uint_eq(pool, SMI_NONE);
		}
	ck_assert_int_eq(smi_pool_find(&pools, from - 1, &pool),
	                 SMI_PLACE_OUTSIDE);
	ck_assert_int_eq(smi_pool_find(&pools, to, &pool), SMI_PLACE_OUTSIDE);
	ck_assert_int_eq(smi_pool_find(&pools, 0, &pool), SMI_PLACE_OUTSIDE);
	ck_assert_int_eq(smi_pool_find(&pools, UINTPTR_MAX, &pool),
	                 SMI_PLACE_OUTSIDE);
	ck_assert(smi_pool_touch(&pools, from, 1));
	ck_assert(smi_pool_touch(&pools, to - 1, 1));
	ck_assert(smi_pool_touch(&pools, from - 10, 11));
	ck_assert(smi_pool_touch(&pools, 0, SIZE_MAX));
	ck_assert(!smi_pool_touch(&pools, from - 10, 10));
	ck_assert(!smi_pool_touch(&pools, to, 1));
	ck_assert(!smi_pool_touch(&pools, 0, 1));
	end();
}
END_TEST

#define DAMAGE(place, value, words)                                        \
	do {                                                               \
		__typeof__(place) was = place;                             \
		const char *wrong;                                         \
                                                                           \
		(place) = (value);                                         \
		wrong = smi_pool_audit(&pools);                            \
		(place) = was;                                             \
		ck_assert_msg(wrong != NULL, "%s", #place);                \
		ck_assert_msg(strncmp(wrong, words, 2) == 0, "%s", wrong); \
		ck_assert_ptr_null(smi_pool_audit(&pools));                \
	} while (0)

START_TEST(the_audit_detects_damage)
{
	start(false);
	lock_pages(0, 3);
	lock_pages(4, 9);
	lock_pages(20, 3);
	check();
	DAMAGE(table[2].first, 0, "P4");
	DAMAGE(table[2].first, SMI_NONE, "P4");
	DAMAGE(table[4].first, 1, "P4");
	DAMAGE(table[1].first, 0, "P4");
	DAMAGE(table[1].pages, 8, "P5");
	DAMAGE(table[1].pages, 0, "P4");
	DAMAGE(pools.count, pools.count + 1, "P5");
	DAMAGE(pools.bytes, pools.bytes - page, "P5");
	DAMAGE(pools.max_bytes, pools.bytes - 1, "P5");
	DAMAGE(pools.holes, 0, "P4");
	DAMAGE(pools.used, STRIDES + 1, "P3");
	DAMAGE(pools.used, 5, "P3");
	DAMAGE(pools.geometry.max_pools, 4, "P3");
	end();
	start(true);
	lock_pages(0, 4);
	lock_pages(8, 4);
	close_pages(0, 4);
	/* The pools of strides 1 and 2 meet. */
	lock_pages(0, 4);
	table[1] = (struct smi_pool){1, 4};
	pools.holes = 0;
	ck_assert_str_eq(smi_pool_audit(&pools), "P6: two pools meet");
	table[1] = (struct smi_pool){SMI_NONE, 0};
	pools.holes = 1;
	end();
}
END_TEST

/* Unless a kernel has secret memory, none can be locked. */
static void skip_without_secret_memory(void)
{
	const char *backing = getenv("TEST_BACKING");
	size_t bytes = smi_os_page_bytes();
	void *at = smi_os_reserve(bytes);

	if (backing == NULL || strcmp(backing, "secret") != 0)
		return;
	if (at != NULL && smi_os_open_secret(at, bytes, false) != 0)
		tap_skip_all("no secret memory: %s", strerror(errno));
	smi_os_release(at, bytes);
}

int main(void)
{
	const TTest *const tests[] = {
		joined_pools_grow_shrink_and_meet,
		gaps_beside_pools_in_the_next_stride_are_found,
		pools_apart_are_closed_as_a_whole,
		a_new_pool_does_not_begin_in_a_guard,
		what_is_kept_is_not_closed,
		limits_leave_less_room,
		joined_pools_agree_with_a_model,
		pools_apart_agree_with_a_model,
		every_address_is_classified,
		the_audit_detects_damage,
	};

	skip_without_secret_memory();
	tap_needs_lock(256);
	return unit_run("pool", tests, sizeof(tests) / sizeof(tests[0]));
}
