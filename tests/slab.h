/*
 * slab.h - slabs in memory of malloc, for the unit suites
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TESTS_SLAB_H
#define TESTS_SLAB_H

#include "chunk/slab_audit.h"
#include "chunk/slab_check.h"
#include "chunk/slab_find.h"

#include "fake_pools.h"
#include "unit.h"

static struct fake fake;
static struct smi_secrets secrets = {
	{0x1111222233334444, 0x5555666677778888, 0x9999aaaabbbbcccc},
	{1, 2, 3, 4},
};
static struct smi_slabs slabs;
static struct smi_misuse misuse;

static inline void start(bool check_whole)
{
	fake_start(&fake, 4096, 16 * 4096, false, 4);
	fake_add(&fake, 16 * 4096);
	smi_slab_start(&slabs, &fake.runs, &secrets, check_whole);
}

static inline bool audit(void)
{
	struct smi_slab_sums sums = {0};

	return smi_slab_audit_run(&slabs, 0, &sums, &misuse)
	       && smi_slab_audit_lists(&slabs, &sums, &misuse);
}

static inline void check(void)
{
	ck_assert_msg(audit(), "finding %d: %s", misuse.kind,
	              misuse.invariant != NULL ? misuse.invariant : "");
}

static inline struct smi_place take(uint32_t run, size_t size)
{
	struct smi_place place;

	struct smi_vacancy spot = {run, SMI_NONE};

	ck_assert(smi_slab_take(&slabs, spot, size, &place, &misuse));
	return place;
}

static inline uint32_t open_slab(size_t slot_bytes, uint32_t units)
{
	unsigned class = slot_bytes <= SMI_SLOT_MOST_BYTES
	                         ? smi_sizeclass_of(slot_bytes)
	                         : SMI_ALONE;
	uint32_t run = smi_run_take(&fake.runs, units, 0);

	smi_slab_open(&slabs, run, units, class);
	return run;
}

#endif /* TESTS_SLAB_H */
