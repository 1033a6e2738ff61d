/*
 * swap.h - a small swap file, and searches for what the kernel has written to
 * it
 *
 * The file is read with O_DIRECT, because reads through the page cache show old
 * contents. The contents of a slot stay in the file after the slot is free
 * again, so each search needs a pattern of its own.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TESTS_SWAP_H
#define TESTS_SWAP_H

#include "machine.h"
#include "pattern.h"
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/swap.h>

#define SWAP_BYTES ((size_t)32 << 20)
#define SWAP_PAGE  ((size_t)4096)
#define SWAP_PAGES 256 /* the pages that a test fills with patterns */

static char swap_path[300];
static unsigned char *swap_copy;

/* Write a header as mkswap(8) does: version 1, the last page and the
 * signature. */
static inline bool swap_make(void)
{
	uint32_t header[SWAP_PAGE / 4] = {0};
	int fd;
	bool ok = true;

	snprintf(swap_path, sizeof(swap_path), "%s/swap.%d",
	         getenv("BUILD_DIR") != NULL ? getenv("BUILD_DIR") : ".",
	         getpid());
	fd = open(swap_path, O_RDWR | O_CREAT | O_EXCL, 0600);
	if (fd < 0)
		return false;
	header[1024 / 4] = 1;
	header[1028 / 4] = (uint32_t)(SWAP_BYTES / SWAP_PAGE - 1);
	memcpy((char *)header + SWAP_PAGE - 10, "SWAPSPACE2", 10);
	for (size_t at = 0; ok && at < SWAP_BYTES; at += SWAP_PAGE) {
		ok = write(fd, header, SWAP_PAGE) == (ssize_t)SWAP_PAGE;
		memset(header, 0, sizeof(header));
	}
	ok = ok && fsync(fd) == 0;
	close(fd);
	return ok;
}

/* Create a swap file and use it, or skip the suite. */
static inline void swap_start(void)
{
	if (sysconf(_SC_PAGESIZE) != (long)SWAP_PAGE)
		tap_skip_all("the swap header is for pages of 4 KiB");
	swap_copy = mmap(NULL, SWAP_BYTES, PROT_READ | PROT_WRITE,
	                 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	machine_lock(LOCK_EX);
	if (swap_copy == MAP_FAILED)
		tap_skip_all("a copy of the swap file cannot be mapped");
	if (!swap_make()) {
		int code = errno;

		unlink(swap_path);
		tap_skip_all("cannot write %s: %s", swap_path, strerror(code));
	}
	if (swapon(swap_path, SWAP_FLAG_PREFER | 0x7fff) != 0) {
		int code = errno;

		unlink(swap_path);
		tap_skip_all("swapon %s: %s", swap_path, strerror(code));
	}
}

static inline void swap_end(void)
{
	swapoff(swap_path);
	unlink(swap_path);
	machine_lock(LOCK_UN);
}

/* How many times a pattern is in the swap file, or SIZE_MAX if it cannot be
 * read. */
static inline size_t swap_count(uint64_t seed)
{
	int fd = open(swap_path, O_RDONLY | O_DIRECT);
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

/* Put the pattern into each page, and a number too, because the kernel could
 * share equal pages. */
static inline void swap_put_pages(unsigned char *pages, uint64_t seed)
{
	for (size_t i = 0; i < SWAP_PAGES; i++) {
		pattern_put(pages + i * SWAP_PAGE, seed);
		memcpy(pages + i * SWAP_PAGE + 100, &i, sizeof(i));
	}
}

/* Ask the kernel to write these pages to swap. */
static inline void swap_out(unsigned char *pages)
{
	if (madvise(pages, SWAP_PAGES * SWAP_PAGE, MADV_PAGEOUT) != 0)
		tap_note("MADV_PAGEOUT: %s", strerror(errno));
}

#endif /* TESTS_SWAP_H */
