/* The tree of extents agrees with a list of them, and stays flat. */
/* SPDX-License-Identifier: ISC */
#include "space/extents.h"

#include "random.h"
#include "unit.h"

#include <string.h>

/* What extents.c keeps in the notes of an extent's first and last unit. */
struct node {
	uint32_t units, left, right, start;
};

static struct smi_extents extents;
static unsigned char *notes;

static struct node *node_of(uint32_t start)
{
	return (struct node *)(void *)(notes + start * SMI_UNIT_NOTES_BYTES);
}

static void start(uint32_t units)
{
	notes = calloc(units, SMI_UNIT_NOTES_BYTES);
	ck_assert_ptr_nonnull(notes);
	smi_extents_start(&extents, notes);
	ck_assert_uint_eq(extents.count, 0);
	ck_assert_uint_eq(smi_extents_largest(&extents), 0);
	ck_assert_uint_eq(smi_extents_find(&extents, 0, 0), SMI_NONE);
}

/* ---- Against a list ----------------------------------------------------- */

#define SPACE 600u

/* The extent that starts at a unit has so many units; 0: no extent does. */
static uint32_t model[SPACE];

/* Whether (units, start) comes before (other_units, other_start). */
static bool is_before(uint32_t units, uint32_t from, uint32_t other_units,
                      uint32_t other_start)
{
	return units < other_units
	       || (units == other_units && from < other_start);
}

static uint32_t model_find(uint32_t units, uint32_t from)
{
	uint32_t found = SMI_NONE;

	for (uint32_t i = 0; i < SPACE; i++)
		if (model[i] > 0 && !is_before(model[i], i, units, from)
		    && (found == SMI_NONE
		        || is_before(model[i], i, model[found], found)))
			found = i;
	return found;
}

/* Compare everything but what smi_extents_find() finds. */
static void check(void)
{
	size_t units_of[SMI_ORDERS] = {0}, free_units = 0;
	uint32_t count = 0, largest = 0;

	for (uint32_t i = 0; i < SPACE; i++) {
		if (model[i] == 0)
			continue;
		count++;
		free_units += model[i];
		units_of[smi_log2_floor(model[i])] += model[i];
		if (model[i] > largest)
			largest = model[i];
		unit_check(smi_extents_hold(&extents, i, SPACE));
		unit_check(smi_extents_units(&extents, i) == model[i]);
		unit_check(smi_extents_start_of(&extents, i + model[i] - 1)
		           == i);
	}
	ck_assert_uint_eq(extents.count, count);
	ck_assert_uint_eq(extents.free_units, free_units);
	ck_assert_mem_eq(extents.units_of, units_of, sizeof(units_of));
	ck_assert_uint_eq(smi_extents_largest(&extents), largest);
}

/* The free units from `from` on, up to `most`. */
static uint32_t room_at(uint32_t from, uint32_t most)
{
	uint32_t room = 0;

	for (uint32_t i = 0; i <= from; i++)
		if (model[i] > 0 && i + model[i] > from)
			return 0;
	while (room < most && from + room < SPACE && model[from + room] == 0)
		room++;
	return room;
}

START_TEST(random_use_agrees_with_a_list)
{
	uint64_t random = 20260301;

	start(SPACE);
	for (int step = 0; step < 40000; step++) {
		uint32_t at = (uint32_t)(random_next(&random) % SPACE);
		uint32_t most = 1 + (uint32_t)(random_next(&random) % 40);
		uint32_t units = room_at(at, most);

		/* Many are equal in size. */
		if (step % 3 == 0 && units > 2)
			units = 2;
		if (units > 0) {
			smi_extents_add(&extents, at, units);
			model[at] = units;
		} else if (model[at] > 0) {
			smi_extents_remove(&extents, at, model[at]);
			model[at] = 0;
		}
		check();
		unit_check(smi_extents_find(&extents, most, at)
		           == model_find(most, at));
		unit_check(smi_extents_find(&extents, most, 0)
		           == model_find(most, 0));
	}
	for (uint32_t i = 0; i < SPACE; i++)
		if (model[i] > 0) {
			smi_extents_remove(&extents, i, model[i]);
			model[i] = 0;
			check();
		}
	ck_assert_uint_eq(extents.root, SMI_NONE);
	free(notes);
}
END_TEST

START_TEST(a_walk_visits_all_in_order)
{
	static const uint32_t sizes[] = {7, 1, 30, 7, 2, 7, 1, 64, 30, 3};
	uint32_t at = 0, units = 0, seen = 0, last_units = 0, last = 0;

	start(SPACE);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		smi_extents_add(&extents, at, sizes[i]);
		at += sizes[i] + 1;
	}
	for (at = smi_extents_find(&extents, 0, 0); at != SMI_NONE;
	     at = smi_extents_find(&extents, units, at + 1)) {
		units = smi_extents_units(&extents, at);
		ck_assert(seen == 0 || is_before(last_units, last, units, at));
		last_units = units;
		last = at;
		seen++;
	}
	ck_assert_uint_eq(seen, sizeof(sizes) / sizeof(*sizes));
	ck_assert_uint_eq(last_units, 64);
	free(notes);
}
END_TEST

/* ---- Depth -------------------------------------------------------------- */

#define MANY 4096u
/* Four times the logarithm. A treap of so many random numbers is about twice
 * as deep as the logarithm. */
#define DEEPEST 48u

static unsigned depth_of(uint32_t node, unsigned limit)
{
	unsigned left, right;

	if (node == SMI_NONE || limit == 0)
		return 0;
	left = depth_of(node_of(node)->left, limit - 1);
	right = depth_of(node_of(node)->right, limit - 1);
	return 1 + (left > right ? left : right);
}

static void check_depth(const char *when)
{
	unsigned depth = depth_of(extents.root, 4 * DEEPEST);

	ck_assert_msg(depth <= DEEPEST, "%s: %u deep", when, depth);
}

/* Add extents side by side, the i-th of size(i), and remove half of them. */
static void grow(const char *when, uint32_t (*size)(uint32_t i), uint32_t step)
{
	static uint32_t starts[MANY];
	uint32_t at = 0;

	for (uint32_t i = 0; i < MANY; i++)
		at += size(i) > step ? size(i) : step;
	start(at);
	at = 0;
	for (uint32_t i = 0; i < MANY; i++) {
		starts[i] = at;
		smi_extents_add(&extents, at, size(i));
		at += size(i) > step ? size(i) : step;
	}
	check_depth(when);
	for (uint32_t i = 0; i < MANY; i += 2)
		smi_extents_remove(&extents, starts[i], size(i));
	ck_assert_uint_eq(extents.count, MANY / 2);
	check_depth(when);
	free(notes);
}

static uint32_t ascending(uint32_t i)
{
	return 1 + i / 8;
}

static uint32_t descending(uint32_t i)
{
	return ascending(MANY - 1 - i);
}

static uint32_t equal(uint32_t i)
{
	(void)i;
	return 1;
}

/* The smallest, the largest, the second smallest, ... */
static uint32_t alternating(uint32_t i)
{
	return i % 2 == 0 ? ascending(i / 2) : descending(i / 2);
}

START_TEST(the_tree_stays_flat)
{
	grow("ascending", ascending, 1);
	grow("descending", descending, 1);
	grow("alternating", alternating, 1);
	grow("equal, adjacent", equal, 1);
	grow("equal, at every second unit", equal, 2);
	grow("equal, at multiples of 128", equal, 128);
}
END_TEST

/* ---- Damage ------------------------------------------------------------- */

START_TEST(what_is_not_in_the_tree_is_noticed)
{
	uint32_t root, child;

	start(SPACE);
	for (uint32_t i = 0; i < 50; i++)
		smi_extents_add(&extents, 12 * i, 1 + i % 7);
	root = extents.root;
	for (uint32_t i = 0; i < 50; i++)
		ck_assert(smi_extents_hold(&extents, 12 * i, SPACE));
	/* An extent that was never added. */
	node_of(11)->units = 1;
	ck_assert(!smi_extents_hold(&extents, 11, SPACE));
	/* The last unit names another first one. */
	ck_assert_uint_eq(smi_extents_units(&extents, 12), 2);
	node_of(13)->start = 14;
	ck_assert(!smi_extents_hold(&extents, 12, SPACE));
	node_of(13)->start = 12;
	ck_assert(smi_extents_hold(&extents, 12, SPACE));
	/* A subtree is lost, or the tree has a ring. */
	child = node_of(root)->left;
	ck_assert_uint_ne(child, SMI_NONE);
	node_of(root)->left = SMI_NONE;
	ck_assert(!smi_extents_hold(&extents, child, SPACE));
	node_of(root)->left = root;
	ck_assert(!smi_extents_hold(&extents, child, SPACE));
	node_of(root)->left = child;
	ck_assert(smi_extents_hold(&extents, child, SPACE));
	/* An extent with another size is looked for in another place. */
	node_of(child)->units += 40;
	ck_assert(!smi_extents_hold(&extents, child, SPACE));
	free(notes);
}
END_TEST

UNIT_MAIN("extents", random_use_agrees_with_a_list, a_walk_visits_all_in_order,
          the_tree_stays_flat, what_is_not_in_the_tree_is_noticed)
