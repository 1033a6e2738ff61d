/*
 * openbsd.c - what OpenBSD does differently; never run
 *
 * Written from mmap(2), minherit(2) and socketpair(2).
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "os/bsd.h"
#include "os/posix.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

/* Without MAP_FIXED, mmap() takes the address if it is free and never replaces
 * a mapping. */
const int smi_posix_map_flags = MAP_PRIVATE | MAP_ANON | MAP_CONCEAL;
const int smi_posix_no_replace_flags = 0;
const int smi_bsd_inherit_copy = MAP_INHERIT_COPY;
const int smi_bsd_inherit_none = MAP_INHERIT_NONE;

/* OpenBSD leaves pages out of core dumps only if they were mapped with
 * MAP_CONCEAL. */
int smi_bsd_dont_dump(const void *at, size_t bytes, bool reserved)
{
	(void)at, (void)bytes;
	if (reserved)
		return 0;
	errno = ENOTSUP;
	return -1;
}

int smi_posix_socket_pair(int ends[2])
{
	return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends);
}
