/*
 * When the kernel is asked to write pages to swap, pages of ordinary memory get
 * there, and pages of the arena do not.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "backing.h"
#include "hide.h"
#include "proc.h"
#include "swap.h"
#include "tap.h"

#include <secmalloc.h>
#include <time.h>

int main(void)
{
	struct secmalloc_config config = {
		.initial_pools = 1,
		.pool_size = (SWAP_PAGES + 1) * SWAP_PAGE,
	};
	uint64_t secret = (uint64_t)getpid() << 32 | (uint64_t)time(NULL);
	uint64_t control = secret + 999;
	size_t found_secret, found_control;
	struct proc_mapping mapping = {0};
	unsigned char *plain, *chunk;

	tap_needs_plain_build();
	tap_needs_root();
	if (secmalloc_init(&config) != 0)
		tap_skip_all("1 MiB cannot be locked");
	plain = mmap(NULL, SWAP_PAGES * SWAP_PAGE, PROT_READ | PROT_WRITE,
	             MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	chunk = secaligned_alloc(SWAP_PAGE, SWAP_PAGES * SWAP_PAGE);
	if (chunk == NULL)
		tap_skip_all("a chunk of 1 MiB cannot be allocated");
	swap_start();
	swap_put_pages(hide(plain), control);
	swap_put_pages(hide(chunk), secret);
	swap_out(plain);
	tap_note("the kernel refuses MADV_PAGEOUT for locked pages:");
	swap_out(chunk);
	proc_mapping_of(chunk, &mapping);
	found_control = swap_count(control);
	found_secret = swap_count(secret);
	swap_end();

	if (found_control == SIZE_MAX)
		tap_skip_all("the swap file cannot be read directly");
	tap_ok(found_control >= SWAP_PAGES / 2,
	       "control: %zu of %d pages of ordinary memory are in swap",
	       found_control, SWAP_PAGES);
	tap_ok(found_secret == 0, "%zu pages of the arena are in swap",
	       found_secret);
	tap_ok(mapping.swap_kb == 0,
	       "the kernel counts no page of the arena in swap");
	tap_done();
}
