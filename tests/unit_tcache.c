/* A thread's cache: grants, fills, flushes, and the detection of damage. */
/* SPDX-License-Identifier: ISC */
#include "cache/tcache.h"
#include "chunk/slab_audit.h"
#include "chunk/placement.h"

#include "fake_pools.h"
#include "unit.h"

static struct fake fake;
static struct smi_secrets secrets = {{1, 3, 5}, {1, 2, 3, 4}};
static struct smi_slabs slabs;
static struct smi_tcache *cache;
static struct smi_misuse misuse;

static void start(size_t share)
{
	fake_start(&fake, 4096, 16 * 4096, false, 4);
	for (int i = 0; i < 4; i++)
		fake_add(&fake, 16 * 4096);
	smi_slab_start(&slabs, &fake.runs, &secrets, false);
	cache = aligned_alloc(128, sizeof(*cache));
	ck_assert_ptr_nonnull(cache);
	memset(cache, 0, sizeof(*cache));
	smi_tcache_start(cache, &slabs, 7, false);
	cache->attached = true;
	cache->share = share;
}

static void end(void)
{
	free(cache);
	fake_end(&fake);
}

static bool audit(void)
{
	size_t lent = 0;

	return smi_tcache_audit(cache, &lent, &misuse);
}

static void fill(size_t bytes)
{
	unsigned class = smi_slab_class_of(&slabs, bytes);

	ck_assert(smi_tcache_grant(cache, class, SIZE_MAX));
	smi_tcache_fill(cache, &slabs, class,
	                smi_placement_find_slab(&slabs, class, cache->number));
}

START_TEST(grants_double_up_to_the_share)
{
	unsigned small, large;

	start(4096);
	small = smi_slab_class_of(&slabs, 48);
	large = smi_slab_class_of(&slabs, 1216);
	for (uint32_t most = 4; most <= SMI_BIN_SMALL; most *= 2) {
		ck_assert(smi_tcache_grant(cache, small, SIZE_MAX));
		ck_assert_uint_eq(cache->bins[small].most, most);
	}
	ck_assert(!smi_tcache_grant(cache, small, SIZE_MAX));
	ck_assert_uint_eq(cache->granted, SMI_BIN_SMALL * 48);
	/* The rest of the share allows two slots of 1216 bytes. */
	ck_assert(smi_tcache_grant(cache, large, SIZE_MAX));
	ck_assert_uint_eq(cache->bins[large].most, 2);
	ck_assert(!smi_tcache_grant(cache, large, SIZE_MAX));
	ck_assert(smi_tcache_could_grant(cache, small));
	ck_assert(!smi_tcache_could_grant(cache, large));
	ck_assert(audit());
	smi_tcache_ungrant(cache);
	ck_assert_uint_eq(cache->bins[small].most, 0);
	ck_assert(audit());
	end();
}
END_TEST

START_TEST(grants_keep_within_the_room)
{
	unsigned small;

	start(4096);
	small = smi_slab_class_of(&slabs, 48);
	ck_assert(!smi_tcache_grant(cache, small, 47));
	ck_assert(smi_tcache_grant(cache, small, 2 * 48 + 47));
	ck_assert_uint_eq(cache->bins[small].most, 2);
	ck_assert(!smi_tcache_grant(cache, small, 0));
	ck_assert_uint_eq(cache->granted, 2 * 48);
	ck_assert(audit());
	end();
}
END_TEST

START_TEST(slots_are_filled_used_and_flushed)
{
	unsigned class;
	uint32_t count;

	start(65536);
	fill(48);
	class = smi_slab_class_of(&slabs, 48);
	count = smi_tcache_bin_count(&cache->bins[class]);
	ck_assert_uint_eq(count, 2);
	ck_assert_uint_eq(smi_tcache_held(cache), 96);
	ck_assert_uint_eq(slabs.taken_bytes, 96);
	ck_assert(audit());

	memset(smi_tcache_use(cache, &cache->bins[class], 40), 1, 40);
	ck_assert_uint_eq(smi_tcache_held(cache), 48);
	ck_assert(audit());
	ck_assert(smi_tcache_flush_bin(cache, &slabs, class, 1, &misuse));
	ck_assert_uint_eq(smi_tcache_held(cache), 48);
	ck_assert(smi_tcache_flush(cache, &slabs, &misuse));
	ck_assert_uint_eq(smi_tcache_held(cache), 0);
	ck_assert_uint_eq(slabs.taken_bytes, 48);
	end();
}
END_TEST

START_TEST(a_stopped_cache_is_not_entered)
{
	start(65536);
	ck_assert(smi_tcache_enter(cache));
	smi_tcache_leave(cache);
	cache->stop = SMI_TCACHE_STOPPED;
	ck_assert(!smi_tcache_enter(cache));
	ck_assert(!smi_tcache_enter_slowly(cache));
	ck_assert_uint_eq(cache->busy, 0);
	cache->stop = SMI_TCACHE_FENCED | SMI_TCACHE_WHOLE;
	ck_assert(!smi_tcache_enter(cache));
	ck_assert(smi_tcache_enter_slowly(cache));
	ck_assert_uint_eq(cache->busy, 1);
	smi_tcache_leave(cache);
	cache->stop = SMI_TCACHE_FENCED | SMI_TCACHE_STOPPED;
	ck_assert(!smi_tcache_enter_slowly(cache));
	ck_assert_uint_eq(cache->busy, 0);
	end();
}
END_TEST

/* A signal handler must neither use the cache that it interrupts, nor open it
 * to those who wait for its owner. */
START_TEST(a_busy_cache_is_not_entered_and_stays_busy)
{
	static const unsigned stops[] = {0, SMI_TCACHE_FENCED, SMI_TCACHE_WHOLE,
	                                 SMI_TCACHE_STOPPED};

	start(65536);
	for (int i = 0; i < 4; i++) {
		atomic_store(&cache->stop, 0);
		ck_assert(smi_tcache_enter(cache));
		atomic_store(&cache->stop, stops[i]);
		ck_assert(!smi_tcache_enter(cache));
		ck_assert_uint_ne(smi_tcache_busy(cache), 0);
		ck_assert(!smi_tcache_enter_slowly(cache));
		ck_assert_uint_ne(smi_tcache_busy(cache), 0);
		smi_tcache_leave(cache);
		smi_tcache_hold(cache);
		ck_assert(!smi_tcache_enter(cache));
		ck_assert(!smi_tcache_enter_slowly(cache));
		ck_assert_uint_ne(smi_tcache_busy(cache), 0);
		smi_tcache_leave(cache);
	}
	end();
}
END_TEST

START_TEST(a_written_slot_is_not_used)
{
	struct smi_bin *bin;
	struct smi_lent *last;
	unsigned class;

	start(65536);
	fill(240);
	class = smi_slab_class_of(&slabs, 240);
	bin = &cache->bins[class];
	last = &bin->slots[smi_tcache_bin_count(bin) - 1];
	for (size_t at = 0; at < 240; at += 13) {
		last->start[at] = 1;
		ck_assert_ptr_null(smi_tcache_use(cache, bin, 200));
		ck_assert_ptr_null(smi_tcache_use_plain(cache, bin, 224));
		smi_tcache_find_damage(cache, class, &misuse);
		ck_assert_int_eq(misuse.kind, SMI_FREE_WRITTEN);
		ck_assert_uint_eq(misuse.at, at);
		last->start[at] = 0;
	}
	/* A slot that is in two bins, as after two threads freed it at once. It
	 * is a chunk again when the second bin hands it out. */
	atomic_store(last->entry, 16);
	ck_assert_ptr_null(smi_tcache_use(cache, bin, 200));
	ck_assert_ptr_null(smi_tcache_use_plain(cache, bin, 224));
	smi_tcache_find_damage(cache, class, &misuse);
	ck_assert_int_eq(misuse.kind, SMI_DOUBLE_FREE);
	ck_assert(!smi_tcache_flush(cache, &slabs, &misuse));
	ck_assert_int_eq(misuse.kind, SMI_DOUBLE_FREE);
	end();
}
END_TEST

START_TEST(the_audit_detects_damage)
{
	struct smi_bin *bin;
	struct smi_lent saved;

	start(65536);
	fill(48);
	bin = &cache->bins[smi_slab_class_of(&slabs, 48)];
	ck_assert(audit());

	saved = bin->slots[0];
	bin->slots[0].start += 48;
	ck_assert(!audit());
	bin->slots[0] = saved;
	bin->slots[0].entry++;
	ck_assert(!audit());
	bin->slots[0] = saved;
	atomic_store(saved.entry, SMI_ENTRY_FREE);
	ck_assert(!audit());
	atomic_store(saved.entry, SMI_ENTRY_CACHED);
	bin->most = 1;
	ck_assert(!audit());
	bin->most = 4;
	cache->granted++;
	ck_assert(!audit());
	cache->granted--;
	cache->attached = false;
	ck_assert(!audit());
	cache->attached = true;
	ck_assert(audit());
	end();
}
END_TEST

UNIT_MAIN("tcache", grants_double_up_to_the_share, grants_keep_within_the_room,
          slots_are_filled_used_and_flushed, a_stopped_cache_is_not_entered,
          a_busy_cache_is_not_entered_and_stays_busy,
          a_written_slot_is_not_used, the_audit_detects_damage)
