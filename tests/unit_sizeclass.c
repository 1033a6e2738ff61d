/* Size classes: every size and every class. */
/* SPDX-License-Identifier: ISC */
#include "chunk/sizeclass.h"

#include "unit.h"

START_TEST(every_size_gets_the_smallest_slot_that_holds_it)
{
	for (size_t bytes = 1; bytes <= SMI_SLOT_MOST_BYTES; bytes++) {
		unsigned class = smi_sizeclass_of(bytes);

		ck_assert_uint_lt(class, SMI_CLASSES);
		ck_assert_uint_ge(smi_sizeclass_bytes(class), bytes);
		if (class > 0)
			ck_assert_uint_lt(smi_sizeclass_bytes(class - 1),
			                  bytes);
	}
}
END_TEST

START_TEST(slots_are_aligned_and_at_most_one_16th_too_large)
{
	ck_assert_uint_eq(smi_sizeclass_bytes(0), SMI_ALIGN_BYTES);
	ck_assert_uint_eq(smi_sizeclass_bytes(SMI_CLASSES - 1),
	                  SMI_SLOT_MOST_BYTES);
	for (unsigned class = 1; class < SMI_CLASSES; ++class) {
		size_t slot = smi_sizeclass_bytes(class);
		size_t step = slot - smi_sizeclass_bytes(class - 1);

		ck_assert_uint_eq(slot % SMI_ALIGN_BYTES, 0);
		ck_assert_uint_ge(step, SMI_ALIGN_BYTES);
		ck_assert_msg(step == SMI_ALIGN_BYTES || step * 16 <= slot,
		              "class %u of %zu bytes", class, slot);
	}
}
END_TEST

START_TEST(an_alignment_picks_the_smallest_slot_that_keeps_it)
{
	for (size_t align = 1; align <= 8192; align *= 2)
		for (size_t bytes = 1; bytes <= SMI_SLOT_MOST_BYTES + 1;
		     bytes++) {
			unsigned class = smi_sizeclass_aligned(bytes, align);
			unsigned want = 0;

			while (want < SMI_CLASSES
			       && (smi_sizeclass_bytes(want) < bytes
			           || smi_sizeclass_bytes(want) % align != 0))
				want++;
			/* A run starts at a unit, and has no larger
			 * alignment. */
			if (align > SMI_UNIT_BYTES)
				want = SMI_CLASSES;
			ck_assert_uint_eq(class, want);
		}
}
END_TEST

START_TEST(a_slab_holds_a_slot_and_wastes_little)
{
	for (unsigned class = 0; class < SMI_CLASSES; ++class) {
		size_t slot = smi_sizeclass_bytes(class);
		uint32_t least = smi_sizeclass_units(class, SMI_SLAB_LEAST);
		uint32_t small = smi_sizeclass_units(class, SMI_SLAB_SMALL);
		uint32_t full = smi_sizeclass_units(class, SMI_SLAB_FULL);

		ck_assert_uint_ge(least * SMI_UNIT_BYTES, slot);
		ck_assert_uint_lt((least - 1) * SMI_UNIT_BYTES, slot);
		ck_assert_uint_ge(small, least);
		ck_assert_uint_ge(full, small);
		ck_assert_uint_le(full * SMI_UNIT_BYTES, 16384);
		ck_assert_uint_le(small * SMI_UNIT_BYTES % slot * 12,
		                  small * SMI_UNIT_BYTES);
		/* At least 95 % of the locked bytes have to be usable. */
		ck_assert_uint_le(full * SMI_UNIT_BYTES % slot * 50,
		                  full * SMI_UNIT_BYTES);
	}
}
END_TEST

UNIT_MAIN("sizeclass", every_size_gets_the_smallest_slot_that_holds_it,
          slots_are_aligned_and_at_most_one_16th_too_large,
          an_alignment_picks_the_smallest_slot_that_keeps_it,
          a_slab_holds_a_slot_and_wastes_little)
