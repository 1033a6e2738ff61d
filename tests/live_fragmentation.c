/*
 * As long as a chunk fits into some free memory of a pool, that memory is
 * found. It does not matter which size it was last used for and at which unit
 * it begins.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "backing.h"
#include "case.h"
#include "hide.h"

#include <stdint.h>

/* A free slot serves smaller chunks too when nothing else is left. */
static bool no_free_place_is_out_of_reach(void)
{
	struct secmalloc_config config = {.initial_pools = 1, .max_pools = 1};
	char *chunks[200];
	size_t count = 0, served = 0;

	if (secmalloc_init(&config) != 0)
		return false;
	/* Fill the pool with adjacent slots of 1,216 bytes, and then with
	 * chunks of size 0, until there is no room at all. */
	while ((chunks[count] = hide(secmalloc(1200))) != NULL)
		count++;
	while (secmalloc(0) != NULL)
		;
	/* Free a chunk whose slab has another chunk, so that only its slot
	 * becomes free and not its slab. */
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
	tap_note("%zu small chunks were placed in slots of a larger class",
	         served);
	return served > 10 && secmalloc(24) == NULL && secmalloc_audit() == 0;
}

/* Adjacent free units form one place, at whatever unit it begins. */
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
	/* The 128 units hold 25 chunks of 5 units. Free two with neighbouring
	 * addresses. */
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

/* A free slot can serve an alignment that its class does not guarantee. */
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
	tap_note("%zu of %zu slots at multiples of 1,024 were used", served,
	         aligned);
	return aligned > 5 && served == aligned && secmalloc_audit() == 0;
}

int main(void)
{
	tap_needs_plain_build();
	if (sysconf(_SC_PAGESIZE) != 4096)
		tap_skip_all("the figures are for pages of 4 KiB");
	tap_needs_lock(1024);

	try_case("a free slot of a larger class serves a small chunk",
	         no_free_place_is_out_of_reach);
	try_case("a free slot that happens to be aligned serves an aligned "
	         "chunk",
	         an_aligned_slot_is_found);
	try_case("adjacent free memory serves a larger chunk", a_hole_is_found);
	tap_done();
}
