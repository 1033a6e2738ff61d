/* The audit of a pool's slabs detects each kind of damage. */
/* SPDX-License-Identifier: ISC */
#include "slab.h"

START_TEST(the_audit_detects_damage)
{
	struct smi_place place;
	struct smi_slab *slab;

	start(false);
	place = take(open_slab(48, 1), 20);
	slab = place.slab;
	check();

	place.start[20] ^= 1;
	ck_assert(!audit());
	ck_assert_int_eq(misuse.kind, SMI_OVERFLOW);
	place.start[20] ^= 1;

	slab->free++;
	ck_assert(!audit());
	ck_assert_int_eq(misuse.kind, SMI_INCONSISTENT);
	slab->free--;

	/* Change the free bit of the chunk's slot. */
	smi_slab_free_bits(slab)[0] ^= 1u << place.slot;
	slab->free++;
	ck_assert(!audit());
	smi_slab_free_bits(slab)[0] ^= 1u << place.slot;
	slab->free--;

	slabs.partial[slab->class] = SMI_NONE;
	ck_assert(!audit());
	slabs.partial[slab->class] = place.run;

	/* The audit does not follow impossible values. */
	for (int field = 0; field < 9; field++) {
		struct smi_slab saved = *slab;
		uint32_t units = slabs.units[2];
		size_t taken = slabs.taken_bytes;

		switch (field) {
		case 0:
			slab->units = 0;
			break;
		case 1:
			slab->units *= 2;
			break;
		case 2:
			slab->class = 60000;
			break;
		case 3:
			slab->slots = 1u << 30;
			break;
		case 4:
			slab->next = 12345678;
			break;
		case 5:
			slab->slot_bytes = SIZE_MAX / 2;
			break;
		case 6:
			slabs.units[2]++;
			break;
		case 7:
			slab->inverse++;
			break;
		case 8:
			slabs.taken_bytes++;
			break;
		}
		ck_assert(!audit());
		ck_assert_int_eq(misuse.kind, SMI_INCONSISTENT);
		*slab = saved;
		slabs.units[2] = units;
		slabs.taken_bytes = taken;
		check();
	}

	/* Change the last byte of the pool, which is in a free unit, and the
	 * last byte of the slab's tail. */
	((unsigned char *)smi_pool_start(&fake.pools, 0))[65535] = 1;
	ck_assert(!audit());
	ck_assert_int_eq(misuse.kind, SMI_FREE_WRITTEN);
	((unsigned char *)smi_pool_start(&fake.pools, 0))[65535] = 0;
	((unsigned char *)smi_run_address(&fake.runs, place.run))[511] = 1;
	ck_assert(!audit());
	((unsigned char *)smi_run_address(&fake.runs, place.run))[511] = 0;
	check();
	fake_end(&fake);
}
END_TEST

UNIT_MAIN("slab_audit", the_audit_detects_damage)
