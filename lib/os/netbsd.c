/*
 * netbsd.c - what NetBSD does differently; never run
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

/* MAP_TRYFIXED takes the address if it is free, even inside the area that
 * NetBSD keeps for the heap. */
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

/* NetBSD has no getresuid(). */
int smi_bsd_ids(struct smi_credentials *c)
{
	(void)c;
	errno = ENOTSUP;
	return -1;
}

int smi_posix_socket_pair(int ends[2])
{
	return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends);
}
