/*
 * buddy.c - blocks of 2^k units
 *
 * SPDX-License-Identifier: ISC
 */
#include "space/buddy.h"

/* How many blocks of an order lie wholly in the pool. */
static uint32_t blocks_of(uint32_t units, unsigned order)
{
	return units >> order;
}

static unsigned orders_of(uint32_t units)
{
	return smi_log2_floor(units) + 1;
}

size_t smi_buddy_map_bytes(uint32_t units)
{
	size_t words = smi_bitmap_words(units);

	for (unsigned order = 0; order < orders_of(units); order++)
		words += smi_bitmap_words(blocks_of(units, order));
	return words * sizeof(uint32_t);
}

static void put_block(struct smi_buddy *buddy, uint32_t start, unsigned order)
{
	smi_bitmap_set(buddy->map[order], start >> order);
	buddy->count[order]++;
	buddy->sums[order]++;
}

static void drop_block(struct smi_buddy *buddy, uint32_t start, unsigned order)
{
	smi_bitmap_clear(buddy->map[order], start >> order);
	buddy->count[order]--;
	buddy->sums[order]--;
}

static bool has_block(const struct smi_buddy *buddy, uint32_t start,
                      unsigned order)
{
	return (start >> order) < blocks_of(buddy->units, order)
	       && smi_bitmap_get(buddy->map[order], start >> order);
}

/* The order of the largest block that may start at `start` within `units`. */
static unsigned piece_order(uint32_t start, uint32_t units)
{
	unsigned fits = smi_log2_floor(units);
	unsigned aligned = start == 0 ? SMI_ORDERS
	                              : (unsigned)__builtin_ctz(start);

	return aligned < fits ? aligned : fits;
}

/* B2: join a block with its buddy for as long as that one is free too. */
static void give_block(struct smi_buddy *buddy, uint32_t start, unsigned order)
{
	while (order + 1 < buddy->orders
	       && has_block(buddy, start ^ (1u << order), order)) {
		drop_block(buddy, start ^ (1u << order), order);
		start &= ~(1u << order);
		order++;
	}
	put_block(buddy, start, order);
}

void smi_buddy_give(struct smi_buddy *buddy, uint32_t start, uint32_t units)
{
	smi_bitmap_set_range(buddy->free_map, start, start + units);
	buddy->free_units += units;
	while (units > 0) {
		unsigned order = piece_order(start, units);

		give_block(buddy, start, order);
		start += 1u << order;
		units -= 1u << order;
	}
}

void smi_buddy_start(struct smi_buddy *buddy, uint32_t units, uint32_t *sums,
                     void *maps)
{
	uint32_t *word = maps;

	buddy->sums = sums;
	buddy->units = units;
	buddy->free_units = 0;
	buddy->orders = orders_of(units);
	for (unsigned order = 0; order < buddy->orders; order++) {
		buddy->count[order] = 0;
		buddy->map[order] = word;
		word += smi_bitmap_words(blocks_of(units, order));
	}
	buddy->free_map = word;
	smi_buddy_give(buddy, 0, units);
}

int smi_buddy_largest(const struct smi_buddy *buddy)
{
	int order = (int)buddy->orders - 1;

	while (order >= 0 && buddy->count[order] == 0)
		order--;
	return order;
}

/* Mark a run as taken. Its blocks have already been dropped. */
static void mark_taken(struct smi_buddy *buddy, uint32_t start, uint32_t units)
{
	smi_bitmap_clear_range(buddy->free_map, start, start + units);
	buddy->free_units -= units;
}

/* Take a run from the smallest block that is large enough, or SMI_NONE. */
static uint32_t take_block(struct smi_buddy *buddy, uint32_t units,
                           unsigned align_order)
{
	unsigned order = smi_log2_ceil(units);
	uint32_t start, block_units;

	if (order < align_order)
		order = align_order;
	while (order < buddy->orders && buddy->count[order] == 0)
		order++;
	if (order >= buddy->orders)
		return SMI_NONE;
	start = smi_bitmap_next_set(buddy->map[order],
	                            blocks_of(buddy->units, order), 0)
	        << order;
	block_units = 1u << order;
	drop_block(buddy, start, order);
	mark_taken(buddy, start, block_units);
	if (units < block_units)
		smi_buddy_give(buddy, start + units, block_units - units);
	return start;
}

/* Take a run at the lowest address with enough adjacent free units, or
 * SMI_NONE. */
static uint32_t take_lowest(struct smi_buddy *buddy, uint32_t units,
                            unsigned align_order)
{
	uint32_t start;

	if (buddy->free_units < units || align_order >= SMI_ORDERS)
		return SMI_NONE;
	start = smi_bitmap_find_run(buddy->free_map, buddy->units, units,
	                            1u << align_order);
	if (start != SMI_NONE)
		smi_buddy_take_at(buddy, start, units);
	return start;
}

/*
 * A power of two is cut from a block. If a run of another length were, the
 * remainder of the block would be too short for a run of the same length; laid
 * side by side such runs fill a pool.
 */
uint32_t smi_buddy_take(struct smi_buddy *buddy, uint32_t units,
                        unsigned align_order)
{
	uint32_t start = SMI_NONE;

	if (smi_is_pow2(units))
		start = take_block(buddy, units, align_order);
	if (start == SMI_NONE)
		start = take_lowest(buddy, units, align_order);
	return start;
}

bool smi_buddy_take_at(struct smi_buddy *buddy, uint32_t start, uint32_t units)
{
	uint32_t at = start, end = start + units;

	if (start >= buddy->units || units > buddy->units - start
	    || smi_bitmap_next_clear(buddy->free_map, end, start) != SMI_NONE)
		return false;
	/* Take each block that overlaps the run as a whole. Then give back the
	 * units before and after the run. */
	while (at < end) {
		unsigned order = 0;
		uint32_t block, block_units;

		while (!has_block(buddy, at, order))
			order++;
		block_units = 1u << order;
		block = at & ~(block_units - 1);
		drop_block(buddy, block, order);
		mark_taken(buddy, block, block_units);
		if (block < start)
			smi_buddy_give(buddy, block, start - block);
		at = block + block_units;
	}
	if (at > end)
		smi_buddy_give(buddy, end, at - end);
	return true;
}

uint32_t smi_buddy_free_from(const struct smi_buddy *buddy, uint32_t start,
                             uint32_t most)
{
	uint32_t left = buddy->units - start;
	uint32_t end = start + (most < left ? most : left);
	uint32_t taken = smi_bitmap_next_clear(buddy->free_map, end, start);

	return (taken != SMI_NONE ? taken : end) - start;
}

/* Whether a larger free block holds block i of an order. */
static bool is_covered(const struct smi_buddy *buddy, uint32_t i,
                       unsigned order)
{
	for (unsigned above = order + 1; above < buddy->orders; above++)
		if (has_block(buddy, i << order, above))
			return true;
	return false;
}

/* Check B1 to B3 for one order, and add the units of its blocks to *covered. */
static const char *audit_order(const struct smi_buddy *buddy, unsigned order,
                               uint32_t *covered)
{
	uint32_t blocks = blocks_of(buddy->units, order);
	const uint32_t *map = buddy->map[order];

	if (smi_bitmap_count(map, blocks) != buddy->count[order])
		return "B3: the number of free blocks of an order is wrong";
	for (uint32_t i = smi_bitmap_next_set(map, blocks, 0); i != SMI_NONE;
	     i = smi_bitmap_next_set(map, blocks, i + 1)) {
		uint32_t end = (i + 1) << order;

		if ((i & 1) == 0 && order + 1 < buddy->orders
		    && has_block(buddy, end, order))
			return "B2: two free buddies are not joined";
		if (smi_bitmap_next_clear(buddy->free_map, end, i << order)
		    != SMI_NONE)
			return "B1: a free block contains a taken unit";
		if (is_covered(buddy, i, order))
			return "B1: a unit is in two free blocks";
		*covered += 1u << order;
	}
	return NULL;
}

const char *smi_buddy_audit(const struct smi_buddy *buddy)
{
	uint32_t covered = 0;

	for (unsigned order = 0; order < buddy->orders; order++) {
		const char *wrong = audit_order(buddy, order, &covered);

		if (wrong != NULL)
			return wrong;
	}
	if (smi_bitmap_count(buddy->free_map, buddy->units)
	    != buddy->free_units)
		return "B3: the number of free units is wrong";
	if (covered != buddy->free_units)
		return "B1: the blocks do not add up to the free units";
	return NULL;
}
