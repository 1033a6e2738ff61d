/*
 * linux_process.c - the parts of forking that are specific to Linux
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "os/os.h"
#include "os/posix.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

int smi_posix_socket_pair(int ends[2])
{
	return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends);
}

bool smi_posix_is_null(const struct stat *device)
{
	return device->st_rdev == makedev(1, 3);
}
