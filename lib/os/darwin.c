/*
 * darwin.c - what macOS does differently; never run
 *
 * Written from mmap(2), minherit(2), ptrace(2) and socketpair(2).
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "os/bsd.h"
#include "os/os.h"
#include "os/posix.h"
#include "os/words.h"

#include <errno.h>
#include <fcntl.h>
#include <mach/vm_inherit.h>
#include <sys/mman.h>
#include <sys/types.h>
/* sys/ptrace.h needs sys/types.h before it. */
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <unistd.h>

/* Without MAP_FIXED, mmap() never replaces a mapping. */
const int smi_posix_map_flags = MAP_PRIVATE | MAP_ANON;
const int smi_posix_no_replace_flags = 0;
const int smi_bsd_inherit_copy = VM_INHERIT_COPY;
const int smi_bsd_inherit_none = VM_INHERIT_NONE;

const struct smi_words smi_words = {
	.mappings_file = "",
	.threads_file = "",
	.core_sink_file = "",
	.limit_call = "getrlimit",
	.undump = "ptrace(PT_DENY_ATTACH)",
	.dumpable_call = "",
	.dumpable_again = "",
	.dumpable_remedy = "",
	.core_remedy = "0",
};

int smi_bsd_dont_dump(const void *at, size_t bytes, bool reserved)
{
	(void)at, (void)bytes, (void)reserved;
	errno = ENOTSUP;
	return -1;
}

/* macOS has no getresuid(). */
int smi_bsd_ids(struct smi_credentials *c)
{
	(void)c;
	errno = ENOTSUP;
	return -1;
}

/* macOS cannot report whether PT_DENY_ATTACH is set. */
int smi_os_dumpable(void)
{
	errno = ENOTSUP;
	return -1;
}

/* From now on no debugger can attach, and this cannot be undone. Core dumps are
 * left to RLIMIT_CORE. If the process is being traced already, it ends here. */
int smi_os_set_dumpable(bool dumpable)
{
	if (!dumpable)
		return ptrace(PT_DENY_ATTACH, 0, NULL, 0);
	errno = ENOTSUP;
	return -1;
}

/* One end of a gate: not for programs, and without SIGPIPE. */
static int prepare_end(int end)
{
	static const int yes = 1;

	if (fcntl(end, F_SETFD, FD_CLOEXEC) != 0)
		return -1;
	return setsockopt(end, SOL_SOCKET, SO_NOSIGPIPE, &yes, sizeof(yes));
}

/* macOS has no SOCK_CLOEXEC: a program that another thread starts between these
 * calls inherits the ends. Nothing secret passes through them. */
int smi_posix_socket_pair(int ends[2])
{
	int code;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0)
		return -1;
	if (prepare_end(ends[0]) == 0 && prepare_end(ends[1]) == 0)
		return 0;
	code = errno;
	close(ends[0]);
	close(ends[1]);
	errno = code;
	return -1;
}
