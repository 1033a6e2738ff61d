/*
 * openbsd.c - what OpenBSD has in its own way; not run
 *
 * From mmap(2), minherit(2), pipe2(2).
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "os/bsd.h"
#include "os/posix.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

/* Without MAP_FIXED an address is taken if it is free, and nothing is ever
 * replaced. */
const int smi_posix_map_flags = MAP_PRIVATE | MAP_ANON | MAP_CONCEAL;
const int smi_posix_no_replace_flags = 0;
const int smi_bsd_inherit_copy = MAP_INHERIT_COPY;
const int smi_bsd_inherit_none = MAP_INHERIT_NONE;

/* It is a matter of how pages were mapped. */
int smi_bsd_dont_dump(const void *at, size_t bytes, bool reserved)
{
	(void)at, (void)bytes;
	if (reserved)
		return 0;
	errno = ENOTSUP;
	return -1;
}

int smi_posix_pipe(int ends[2])
{
	return pipe2(ends, O_CLOEXEC);
}
