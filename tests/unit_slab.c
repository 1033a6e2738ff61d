/* Slots: how they are allocated, found and checked. */
/* SPDX-License-Identifier: ISC */
#include "slab.h"

START_TEST(every_class_fills_and_empties)
{
	start(true);
	for (unsigned class = 0; class < SMI_CLASSES; ++class) {
		size_t slot = smi_sizeclass_bytes(class);
		struct smi_place places[600];
		uint32_t count = 0;

		for (unsigned extent = 0; extent < SMI_SLAB_EXTENTS; extent++) {
			uint32_t units = smi_sizeclass_units(
				class, (enum smi_slab_extent)extent);
			uint32_t run = open_slab(slot, units);

			while (smi_slab_partial(&slabs, class) == run) {
				places[count] = take(run, slot - 8);
				memset(places[count++].start, 0xcc, slot - 8);
			}
		}
		check();
		ck_assert_uint_eq(smi_slab_partial(&slabs, class), SMI_NONE);
		while (count > 0) {
			ck_assert(smi_slab_check_chunk(&slabs, &places[--count],
			                               &misuse));
			smi_slab_give(&slabs, &places[count]);
		}
		check();
		ck_assert_uint_eq(slabs.units[class], 0);
	}
	ck_assert_uint_eq(smi_extents_largest(&fake.runs.extents), 128);
	fake_end(&fake);
}
END_TEST

START_TEST(slots_are_taken_in_random_order)
{
	unsigned ascents = 0, seen[85] = {0};

	start(false);
	for (int round = 0; round < 200; round++) {
		uint32_t run = open_slab(48, 8);
		struct smi_place places[85];

		for (int i = 0; i < 85; i++)
			places[i] = take(run, 32);
		seen[places[0].slot]++;
		ck_assert_uint_eq(places[84].slot, 0);
		for (int i = 1; i < 84; i++)
			ascents += places[i].slot > places[i - 1].slot;
		for (int i = 0; i < 85; i++)
			smi_slab_give(&slabs, &places[i]);
	}
	/* Half of the 16,600 pairs ascend, within six standard deviations
	 * (390). The first slot is always the last one taken. */
	ck_assert_uint_gt(ascents, 8300 - 390);
	ck_assert_uint_lt(ascents, 8300 + 390);
	/* No slot is taken first much more often than the average of 200 / 85
	 * times. */
	for (int i = 0; i < 85; i++)
		ck_assert_uint_lt(seen[i], 16);
	fake_end(&fake);
}
END_TEST

START_TEST(each_offset_finds_its_slot)
{
	for (unsigned class = 0; class < SMI_CLASSES; ++class) {
		struct smi_slab slab = {
			.slot_bytes = smi_sizeclass_bytes(class),
		};
		size_t most = smi_sizeclass_units(class, SMI_SLAB_LARGE)
		              * SMI_UNIT_BYTES;

		slab.inverse = smi_slab_inverse(slab.slot_bytes);
		for (size_t offset = 0; offset < most; offset++) {
			uint64_t got = smi_slab_divide(&slab, offset);

			unit_check(got >> 32 == offset / slab.slot_bytes);
			unit_check(((uint32_t)got < slab.inverse)
			           == (offset % slab.slot_bytes == 0));
		}
	}
}
END_TEST

START_TEST(slots_are_lent_and_returned)
{
	struct smi_slab_sums sums = {0};
	struct smi_lent lent[85];
	struct smi_place place;
	unsigned ascents = 0;
	uint32_t run;

	start(false);
	run = open_slab(48, 8);
	ck_assert_uint_eq(smi_slab_lend(&slabs, run, 50, lent), 50);
	check();
	ck_assert_uint_eq(smi_slab_lend(&slabs, run, 50, lent + 50), 35);
	ck_assert_uint_eq(smi_slab_partial(&slabs, 2), SMI_NONE);
	check();
	ck_assert(smi_slab_audit_run(&slabs, 0, &sums, &misuse));
	ck_assert_uint_eq(sums.lent, 85);
	ck_assert_uint_eq(sums.chunks, 0);
	ck_assert_uint_eq(slabs.taken_peak, 85 * 48);
	for (int i = 0; i < 85; i++) {
		ck_assert(!smi_slab_find_chunk(&slabs, (uintptr_t)lent[i].start,
		                               &place, &misuse));
		ck_assert_int_eq(misuse.kind, SMI_DOUBLE_FREE);
		ascents += i > 0 && lent[i].start > lent[i - 1].start;
		smi_slab_return(&slabs, &place);
	}
	/* Half of the 84 pairs ascend, within five standard deviations. */
	ck_assert_uint_gt(ascents, 42 - 14);
	ck_assert_uint_lt(ascents, 42 + 14);
	ck_assert_uint_eq(slabs.taken_bytes, 0);
	ck_assert_uint_eq(slabs.units[2], 0);
	fake_end(&fake);
}
END_TEST

START_TEST(each_address_of_a_slab_is_classified)
{
	struct smi_place place, got;
	uint32_t run;

	start(false);
	run = open_slab(48, 1);
	place = take(run, 30);
	for (size_t at = 0; at < SMI_UNIT_BYTES; at++) {
		uintptr_t address = smi_run_address(&fake.runs, run) + at;
		size_t offset = at - (size_t)place.slot * 48;
		bool found = smi_slab_find_chunk(&slabs, address, &got,
		                                 &misuse);

		ck_assert_int_eq(found, at == (size_t)place.slot * 48);
		if (at / 48 == place.slot) {
			if (!found)
				ck_assert_int_eq(misuse.kind,
				                 offset < 30 ? SMI_INNER
				                             : SMI_IN_CANARY);
			ck_assert_uint_eq(got.size, 30);
		} else if (at >= 480) {
			ck_assert_int_eq(misuse.kind, SMI_UNALLOCATED);
		} else {
			ck_assert_int_eq(misuse.kind,
			                 at % 48 == 0 ? SMI_DOUBLE_FREE
			                              : SMI_IN_FREE_PLACE);
		}
	}
	fake_end(&fake);
}
END_TEST

START_TEST(damage_before_a_chunk_is_detected)
{
	struct smi_place place, before;
	uint32_t first, second;

	/* Before the run there may be free memory, a tail, a chunk or a free
	 * slot. */
	start(false);
	place = take(open_slab(5000, 10), 5000);
	ck_assert(smi_slab_check_chunk(&slabs, &place, &misuse));

	first = open_slab(48, 2);
	second = open_slab(512, 2);
	place = take(second, 500);
	if (place.slot != 0)
		place = take(second, 500);
	before = take(first, 40);
	place.start[-1] = 1;
	ck_assert(!smi_slab_check_chunk(&slabs, &place, &misuse));
	ck_assert_int_eq(misuse.kind, SMI_BEFORE_WRITTEN);
	place.start[-1] = 0;
	ck_assert(smi_slab_check_chunk(&slabs, &place, &misuse));

	/* Within a slab, the slot before the chunk may be taken or free. */
	while (before.slot == 0)
		before = take(first, 40);
	before.start[-1] ^= 1;
	ck_assert(!smi_slab_check_chunk(&slabs, &before, &misuse));
	ck_assert(misuse.kind == SMI_UNDERFLOW
	          || misuse.kind == SMI_BEFORE_WRITTEN);
	before.start[-1] ^= 1;
	ck_assert(smi_slab_check_chunk(&slabs, &before, &misuse));
	fake_end(&fake);
}
END_TEST

/* The three checks of a chunk agree, because they share one description of its
 * neighbour. */
static void checks_agree(const struct smi_place *place)
{
	size_t slot_bytes = place->slab->slot_bytes;
	bool sound = smi_slab_check_chunk(&slabs, place, &misuse);

	ck_assert_int_eq(sound,
	                 smi_slab_check_is_sound(&fake.runs, &secrets.canary,
	                                         place));
	/* The third check gives an answer only in the common case. */
	if (smi_slab_check_is_plainly_sound(&secrets.canary, place, slot_bytes))
		ck_assert(sound);
	else if (place->slot > 0 && slot_bytes - place->size <= 16
	         && smi_slab_entry(place->slab, place->slot - 1) <= 16)
		ck_assert(!sound);
}

/* Change each byte around the start and the end of a chunk in turn. */
static void checks_agree_around(const struct smi_place *place)
{
	size_t slot_bytes = place->slab->slot_bytes;
	uintptr_t pool = smi_run_address(&fake.runs, 0);
	size_t before = (uintptr_t)place->start - pool;

	checks_agree(place);
	for (size_t at = 1; at <= 64 && at <= before; at++) {
		place->start[-(ptrdiff_t)at] ^= 0x80;
		checks_agree(place);
		place->start[-(ptrdiff_t)at] ^= 0x80;
	}
	for (size_t at = place->size; at < slot_bytes; at++) {
		place->start[at] ^= 0x80;
		ck_assert(!smi_slab_check_chunk(&slabs, place, &misuse));
		checks_agree(place);
		place->start[at] ^= 0x80;
	}
	ck_assert(smi_slab_check_chunk(&slabs, place, &misuse));
}

START_TEST(all_checks_of_a_chunk_agree)
{
	static const size_t slots[] = {16, 48, 64, 240, 1216, 4096};

	for (size_t i = 0; i < sizeof(slots) / sizeof(slots[0]); i++)
		for (size_t slack = 8; slack <= slots[i] && slack <= 40;
		     slack += 8) {
			uint32_t run;

			start(false);
			run = open_slab(slots[i], 8);
			for (size_t n = smi_slab_of(&fake.runs, run)->slots;
			     n > 0; n--) {
				struct smi_place place = take(run,
				                              slots[i] - slack);

				checks_agree_around(&place);
			}
			/* Before the run there is the last slot of another run,
			 * or its tail. */
			run = open_slab(5000, 10);
			for (int n = 0; n < 2; n++) {
				struct smi_place place = take(run, 5000);

				checks_agree_around(&place);
				run = open_slab(6000, 12);
			}
			fake_end(&fake);
		}
}
END_TEST

/* Metadata of a neighbour that point outside its run are reported as misuse,
 * and not followed. */
START_TEST(a_neighbour_that_contradicts_its_run_is_misuse)
{
	struct smi_place place;
	struct smi_slab *before;
	size_t slot_bytes;

	start(false);
	before = smi_slab_of(&fake.runs, open_slab(512, 2));
	place = take(open_slab(5000, 10), 5000);
	ck_assert(smi_slab_check_chunk(&slabs, &place, &misuse));
	slot_bytes = before->slot_bytes;
	for (int i = 0; i < 3; i++) {
		before->slot_bytes = i == 0 ? 0 : i == 1 ? SIZE_MAX / 2 : 1024;
		ck_assert(!smi_slab_check_is_sound(&fake.runs, &secrets.canary,
		                                   &place));
		ck_assert(!smi_slab_check_chunk(&slabs, &place, &misuse));
		ck_assert_int_eq(misuse.kind, SMI_INCONSISTENT);
	}
	before->slot_bytes = slot_bytes;
	ck_assert(smi_slab_check_chunk(&slabs, &place, &misuse));
	fake_end(&fake);
}
END_TEST

START_TEST(a_write_to_free_memory_is_detected_on_reuse)
{
	for (int whole = 0; whole < 2; whole++)
		for (size_t at = 0; at < 1000; at += 37) {
			struct smi_place place;
			bool seen = whole || at < SMI_CHECKED_BYTES;
			struct smi_vacancy spot;
			uint32_t run;

			start(whole != 0);
			run = open_slab(1024, 2);
			((unsigned char *)smi_run_address(&fake.runs,
			                                  run))[at] = 1;
			spot = (struct smi_vacancy){run, SMI_NONE};
			ck_assert_int_eq(smi_slab_take(&slabs, spot, 900,
			                               &place, &misuse),
			                 !seen);
			if (seen) {
				ck_assert_int_eq(misuse.kind, SMI_FREE_WRITTEN);
				ck_assert_uint_eq(misuse.at, at);
				ck_assert_uint_eq(misuse.size, 1024);
			}
			fake_end(&fake);
		}
}
END_TEST

UNIT_MAIN("slab", every_class_fills_and_empties,
          slots_are_taken_in_random_order, each_offset_finds_its_slot,
          slots_are_lent_and_returned, each_address_of_a_slab_is_classified,
          damage_before_a_chunk_is_detected, all_checks_of_a_chunk_agree,
          a_neighbour_that_contradicts_its_run_is_misuse,
          a_write_to_free_memory_is_detected_on_reuse)
