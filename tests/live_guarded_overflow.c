/*
 * An access past the end of a guarded chunk, or before its page, faults at that
 * very byte, whatever the size of the chunk.
 *
 * SPDX-License-Identifier: ISC
 */
#include "guarded.h"

#include <sys/mman.h>
#include <sys/syscall.h>

/* Control: plain memory does not notice any of these accesses. The system call
 * is made directly, because some libc would round the address to whole
 * pages. */
static bool plain_memory_does_not_fault(void)
{
	char *chunk = hide(malloc(32));

	return !writes_fault(chunk + 32) && !writes_fault(chunk - 1)
	       && syscall(SYS_mprotect, hide(chunk), 32, PROT_NONE) != 0;
}

static bool lies_at_the_guard(void)
{
	static const size_t sizes[] = {0,    1,    8,    15,    16,
	                               17,   31,   32,   100,   4000,
	                               4080, 4081, 4096, 10000, 65536};

	start();
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		size_t size = sizes[i], place = (size + 15) / 16 * 16;
		char *chunk = secmalloc_guarded(size), *end;

		if (chunk == NULL && errno == ENOMEM)
			case_skip("%s", secmalloc_error());
		if (chunk == NULL)
			return false;
		if (size == 0)
			place = 16;
		end = chunk + place;
		for (size_t at = 0; at < size; at++)
			if (chunk[at] != 0)
				return false;
		memset(chunk, 'x', size);
		if ((uintptr_t)end % page != 0 || !writes_fault(end)
		    || writes_fault(end - 1)
		    || secmalloc_usable_size(chunk) != size
		    || (size > 0 && !secmalloc_owns(chunk + size - 1))
		    || secmalloc_owns(chunk + size + (size == 0))
		    || secmalloc_owns(chunk - 1)) {
			tap_note("a chunk of %zu bytes is wrong", size);
			return false;
		}
		secfree(chunk);
	}
	return secmalloc_audit() == 0;
}

static bool overflow_faults_at_its_byte(void)
{
	char *chunk, *cell;

	start();
	chunk = secmalloc_guarded(32);
	cell = chunk + 32 - page;
	return !writes_fault(chunk) && !writes_fault(chunk + 31)
	       && writes_fault(chunk + 32) && reads_fault(chunk + 32)
	       && writes_fault(chunk + 31 + page) && !writes_fault(cell)
	       && writes_fault(cell - 1) && reads_fault(cell - 1)
	       && reads_fault(cell - page);
}

int main(void)
{
	guarded_start();
	try_case("control: plain memory does not fault",
	         plain_memory_does_not_fault);
	try_case("a chunk of any size ends at its guard page",
	         lies_at_the_guard);
	try_case(
		"an access past the end or before the page faults at that byte",
		overflow_faults_at_its_byte);
	tap_done();
}
