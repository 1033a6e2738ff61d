/*
 * The kernel does not merge pages of the arena with equal ones (KSM), even in a
 * process that asked for it. The timing of a write to a merged page would
 * reveal the page's contents.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "hide.h"
#include "proc.h"
#include "tap.h"

#include <secmalloc.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#ifndef PR_SET_MEMORY_MERGE
#define PR_SET_MEMORY_MERGE 67
#endif

int main(void)
{
	struct secmalloc_config config = {.initial_pools = 1};
	char *plain, *chunk;

	tap_needs_plain_build();
	if (prctl(PR_SET_MEMORY_MERGE, 1, 0, 0, 0) != 0)
		tap_skip_all("this kernel cannot merge all pages of a process");
	plain = mmap(NULL, 65536, PROT_READ | PROT_WRITE,
	             MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memset(hide(plain), 1, 65536);
	if (secmalloc_init(&config) != 0)
		tap_skip_all("no pool can be locked: %s", secmalloc_error());
	chunk = hide(secmalloc(100));
	tap_ok(proc_has_flag(plain, "mg"),
	       "control: pages of ordinary memory may be merged");
	tap_ok(!proc_has_flag(chunk, "mg"),
	       "pages of the arena may not be merged");
	tap_done();
}
