/*
 * extents.c - free ranges of units, found by their size
 *
 * SPDX-License-Identifier: ISC
 */
#include "space/extents.h"

#include <string.h>

/* The notes of an extent's first and last unit. */
struct extent {
	uint32_t units, left, right; /* in the first unit */
	uint32_t start;              /* in the last one */
};
_Static_assert(sizeof(struct extent) <= SMI_UNIT_NOTES_BYTES,
               "the notes of a unit hold an extent");

static struct extent *at(const struct smi_extents *extents, uint32_t unit)
{
	return (struct extent *)(void *)(extents->notes
	                                 + unit * SMI_UNIT_NOTES_BYTES);
}

void smi_extents_start(struct smi_extents *extents, unsigned char *notes)
{
	*extents = (struct smi_extents){
		.notes = notes,
		.root = SMI_NONE,
		.seed = (uint32_t)((uintptr_t)notes >> 12),
	};
}

uint32_t smi_extents_units(const struct smi_extents *extents, uint32_t start)
{
	return at(extents, start)->units;
}

uint32_t smi_extents_start_of(const struct smi_extents *extents, uint32_t last)
{
	return at(extents, last)->start;
}

/* The place of an extent in the heap: a mix of the bits of its start in which
 * no two starts are equal (the finalizer of MurmurHash3). */
static uint32_t priority(const struct smi_extents *extents, uint32_t start)
{
	start ^= extents->seed;
	start ^= start >> 16;
	start *= UINT32_C(0x85ebca6b);
	start ^= start >> 13;
	start *= UINT32_C(0xc2b2ae35);
	return start ^ start >> 16;
}

/* Whether an extent in the tree comes before (units, start). */
static bool is_before(const struct smi_extents *extents, uint32_t node,
                      uint32_t units, uint32_t start)
{
	uint32_t has = at(extents, node)->units;

	return has < units || (has == units && node < start);
}

static void count(struct smi_extents *extents, uint32_t units, bool add)
{
	size_t change = add ? units : -(size_t)units;

	extents->count += add ? 1u : UINT32_MAX;
	extents->free_units += change;
	extents->units_of[smi_log2_floor(units)] += change;
}

void smi_extents_add(struct smi_extents *extents, uint32_t start,
                     uint32_t units)
{
	struct extent *extent = at(extents, start);
	uint32_t *link = &extents->root, *left, *right, rest;

	count(extents, units, true);
	extent->units = units;
	at(extents, start + units - 1)->start = start;
	while (*link != SMI_NONE
	       && priority(extents, *link) > priority(extents, start))
		link = is_before(extents, *link, units, start)
		               ? &at(extents, *link)->right
		               : &at(extents, *link)->left;
	/* Divide what is below into what comes before the extent and what comes
	 * after it. */
	rest = *link;
	*link = start;
	left = &extent->left;
	right = &extent->right;
	while (rest != SMI_NONE) {
		if (is_before(extents, rest, units, start)) {
			*left = rest;
			left = &at(extents, rest)->right;
			rest = *left;
		} else {
			*right = rest;
			right = &at(extents, rest)->left;
			rest = *right;
		}
	}
	*left = *right = SMI_NONE;
}

void smi_extents_remove(struct smi_extents *extents, uint32_t start,
                        uint32_t units)
{
	struct extent *extent = at(extents, start);
	uint32_t *link = &extents->root;
	uint32_t left = extent->left, right = extent->right;

	count(extents, units, false);
	while (*link != start)
		link = is_before(extents, *link, units, start)
		               ? &at(extents, *link)->right
		               : &at(extents, *link)->left;
	while (left != SMI_NONE && right != SMI_NONE) {
		if (priority(extents, left) > priority(extents, right)) {
			*link = left;
			link = &at(extents, left)->right;
			left = *link;
		} else {
			*link = right;
			link = &at(extents, right)->left;
			right = *link;
		}
	}
	*link = left != SMI_NONE ? left : right;
}

uint32_t smi_extents_find(const struct smi_extents *extents, uint32_t units,
                          uint32_t start)
{
	uint32_t node = extents->root, found = SMI_NONE;

	while (node != SMI_NONE) {
		if (is_before(extents, node, units, start)) {
			node = at(extents, node)->right;
		} else {
			found = node;
			node = at(extents, node)->left;
		}
	}
	return found;
}

uint32_t smi_extents_largest(const struct smi_extents *extents)
{
	uint32_t node = extents->root, units = 0;

	for (; node != SMI_NONE; node = at(extents, node)->right)
		units = at(extents, node)->units;
	return units;
}

bool smi_extents_hold(const struct smi_extents *extents, uint32_t start,
                      uint32_t end)
{
	uint32_t node = extents->root, steps = 0;
	uint32_t units = at(extents, start)->units;

	while (node < end && node != start && steps++ < extents->count)
		node = is_before(extents, node, units, start)
		               ? at(extents, node)->right
		               : at(extents, node)->left;
	return node == start && at(extents, start + units - 1)->start == start;
}
