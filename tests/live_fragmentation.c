/*
 * Free memory of a pool is found as long as a chunk fits in it, whatever it was
 * made for and wherever it begins.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "backing.h"
#include "case.h"
#include "hide.h"

#include <stdint.h>

/* A place is found as long as one fits, whatever it was made for. */
static bool no_free_place_is_out_of_reach(void)
{
	struct secmalloc_config config = {.initial_pools = 1, .max_pools = 1};
	char *chunks[200];
	size_t count = 0, served = 0;

	if (secmalloc_init(&config) != 0)
		return false;
	/* Slots of 1,216 bytes, side by side, and then no room at all. */
	while ((chunks[count] = hide(secmalloc(1200))) != NULL)
		count++;
	while (secmalloc(0) != NULL)
		;
	/* One is freed whose slab has another: only its slot is free then. */
	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < count; j++) {
			char *freed = chunks[i];

			if (chunks[j] != freed + 1216)
				continue;
			secfree(freed);
			if (hide(secmalloc(24)) != freed)
				return false;
			served++;
		}
	tap_note("%zu small chunks in slots of a larger class", served);
	return served > 10 && secmalloc(24) == NULL && secmalloc_audit() == 0;
}

/* Adjacent free memory is one place, on whatever border it begins. */
static bool a_hole_is_found(void)
{
	struct secmalloc_config config = {.initial_pools = 1, .max_pools = 1};
	void *chunks[130];
	size_t count = 0;

	if (secmalloc_init(&config) != 0)
		return false;
	while ((chunks[count] = hide(secaligned_alloc(512, 5 * 512 - 8)))
	       != NULL)
		count++;
	/* 128 units: 25 chunks of 5. Free neighbours by address. */
	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < count; j++)
			if (chunks[i] != NULL && chunks[j] != NULL
			    && (char *)chunks[j] == (char *)chunks[i] + 2560) {
				secfree(chunks[i]);
				secfree(chunks[j]);
				return secmalloc(10 * 512 - 8) != NULL
				       && secmalloc_audit() == 0;
			}
	return false;
}

/* A free slot serves an alignment that its class does not promise. */
static bool an_aligned_slot_is_found(void)
{
	struct secmalloc_config config = {.initial_pools = 1, .max_pools = 1};
	void *chunks[1500];
	size_t count = 0, aligned = 0, served = 0;

	if (secmalloc_init(&config) != 0)
		return false;
	while ((chunks[count] = secmalloc(32)) != NULL)
		count++;
	while (secmalloc(0) != NULL)
		;
	for (size_t i = 0; i < count; i++)
		if ((uintptr_t)chunks[i] % 1024 == 0) {
			secfree(chunks[i]);
			aligned++;
		}
	while (secaligned_alloc(1024, 20) != NULL)
		served++;
	tap_note("%zu of %zu places at a multiple of 1,024", served, aligned);
	return aligned > 5 && served == aligned && secmalloc_audit() == 0;
}

int main(void)
{
	tap_needs_plain_build();
	if (sysconf(_SC_PAGESIZE) != 4096)
		tap_skip_all("the figures are those of pages of 4 KiB");
	tap_needs_lock(1024);

	try_case("no free place is out of reach",
	         no_free_place_is_out_of_reach);
	try_case("a place that happens to be aligned is found",
	         an_aligned_slot_is_found);
	try_case("adjacent free memory is found", a_hole_is_found);
	tap_done();
}
