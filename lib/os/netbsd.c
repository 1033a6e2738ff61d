/*
 * netbsd.c - what NetBSD has in its own way; not run
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

/* The second has an address taken if it is free, also within the heap. */
const int smi_posix_map_flags = MAP_PRIVATE | MAP_ANON;
const int smi_posix_no_replace_flags = MAP_TRYFIXED;
const int smi_bsd_inherit_copy = MAP_INHERIT_COPY;
const int smi_bsd_inherit_none = MAP_INHERIT_NONE;

int smi_bsd_dont_dump(const void *at, size_t bytes, bool reserved)
{
	(void)at, (void)bytes, (void)reserved;
	errno = ENOTSUP;
	return -1;
}

/* There is no getresuid(). */
int smi_bsd_ids(struct smi_credentials *c)
{
	(void)c;
	errno = ENOTSUP;
	return -1;
}

int smi_posix_pipe(int ends[2])
{
	return pipe2(ends, O_CLOEXEC);
}
