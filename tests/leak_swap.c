/*
 * Pages that the kernel is asked to write to swap: those of malloc get there,
 * those of the arena do not.
 *
 * A small swap file is made, used and removed again. It is read with O_DIRECT,
 * because reads through the page cache show old contents.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "backing.h"
#include "hide.h"
#include "pattern.h"
#include "proc.h"
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <secmalloc.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/swap.h>
#include <time.h>

#define SWAP_BYTES ((size_t)32 << 20)
#define PAGE ((size_t)4096)
#define PAGES 256

static char path[300];
static unsigned char *swap_copy;

/* A header as mkswap(8) writes it: version 1, the last page, the signature. */
static bool make_swap(void)
{
	uint32_t header[PAGE / 4] = {0};
	int fd;
	bool ok = true;

	snprintf(path, sizeof(path), "%s/leak_swap.%d",
	         getenv("BUILD_DIR") != NULL ? getenv("BUILD_DIR") : ".",
	         getpid());
	fd = open(path, O_RDWR | O_CREAT | O_EXCL, 0600);
	if (fd < 0)
		return false;
	header[1024 / 4] = 1;
	header[1028 / 4] = (uint32_t)(SWAP_BYTES / PAGE - 1);
	memcpy((char *)header + PAGE - 10, "SWAPSPACE2", 10);
	for (size_t at = 0; ok && at < SWAP_BYTES; at += PAGE) {
		ok = write(fd, header, PAGE) == (ssize_t)PAGE;
		memset(header, 0, sizeof(header));
	}
	ok = ok && fsync(fd) == 0;
	close(fd);
	return ok;
}

/* How many times a pattern is in the swap file, or SIZE_MAX. */
static size_t count_in_swap(uint64_t seed)
{
	int fd = open(path, O_RDONLY | O_DIRECT);
	size_t got = 0;
	ssize_t n = 1;

	while (fd >= 0 && got < SWAP_BYTES && n > 0) {
		n = read(fd, swap_copy + got, (size_t)1 << 20);
		got += n > 0 ? (size_t)n : 0;
	}
	if (fd >= 0)
		close(fd);
	return got < SWAP_BYTES ? SIZE_MAX
	                        : pattern_count(swap_copy, SWAP_BYTES, seed);
}

/* Each page has a seed of its own: equal pages could be shared. */
static void put_pages(unsigned char *pages, uint64_t seed)
{
	for (size_t i = 0; i < PAGES; i++) {
		pattern_put(pages + i * PAGE, seed);
		memcpy(pages + i * PAGE + 100, &i, sizeof(i));
	}
}

static void page_out(unsigned char *pages, size_t bytes)
{
	if (madvise(pages, bytes, MADV_PAGEOUT) != 0)
		tap_note("MADV_PAGEOUT: %s", strerror(errno));
}

int main(void)
{
	struct secmalloc_config config = {
		.initial_pools = 1, .pool_size = (PAGES + 1) * PAGE,
	};
	uint64_t secret = (uint64_t)getpid() << 32 | (uint64_t)time(NULL);
	uint64_t control = secret + 999;
	size_t found_secret, found_control;
	struct proc_mapping mapping = {0};
	unsigned char *plain, *chunk;

	tap_needs_plain_build();
	tap_needs_root();
	if (sysconf(_SC_PAGESIZE) != (long)PAGE)
		tap_skip_all("the swap header is that of pages of 4 KiB");
	if (secmalloc_init(&config) != 0)
		tap_skip_all("1 MiB cannot be locked");
	swap_copy = mmap(NULL, SWAP_BYTES, PROT_READ | PROT_WRITE,
	                 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	plain = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE,
	             MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	chunk = secaligned_alloc(PAGE, PAGES * PAGE);
	if (chunk == NULL || !make_swap()
	    || swapon(path, SWAP_FLAG_PREFER | 0x7fff) != 0) {
		unlink(path);
		tap_skip_all("no swap file can be made and used here");
	}
	put_pages(hide(plain), control);
	put_pages(hide(chunk), secret);
	page_out(plain, PAGES * PAGE);
	tap_note("the kernel refuses for locked pages:");
	page_out(chunk, PAGES * PAGE);
	proc_mapping_of(chunk, &mapping);
	found_control = count_in_swap(control);
	found_secret = count_in_swap(secret);
	swapoff(path);
	unlink(path);

	if (found_control == SIZE_MAX)
		tap_skip_all("the swap file cannot be read directly");
	tap_ok(found_control >= PAGES / 2, "control: %zu of %d pages of "
	       "ordinary memory are in swap", found_control, PAGES);
	tap_ok(found_secret == 0, "%zu pages of the arena are", found_secret);
	tap_ok(mapping.swap_kb == 0, "nor does the kernel count any");
	tap_done();
}
