/*
 * freebsd.c - what FreeBSD does differently; never run
 *
 * Written from mmap(2), madvise(2), minherit(2), procctl(2) and socketpair(2).
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "os/bsd.h"
#include "os/os.h"
#include "os/posix.h"
#include "os/words.h"

#include <sys/mman.h>
#include <sys/procctl.h>
#include <sys/socket.h>
#include <unistd.h>

const int smi_posix_map_flags = MAP_PRIVATE | MAP_ANON;
const int smi_posix_no_replace_flags = MAP_FIXED | MAP_EXCL;
const int smi_bsd_inherit_copy = INHERIT_COPY;
const int smi_bsd_inherit_none = INHERIT_NONE;

const struct smi_words smi_words = {
	.mappings_file = "",
	.threads_file = "",
	.core_sink_file = "",
	.limit_call = "getrlimit",
	.undump = "procctl(PROC_TRACE_CTL)",
	.dumpable_call = "procctl(PROC_TRACE_STATUS)",
	.dumpable_again = "probably after procctl(PROC_TRACE_CTL) with "
			  "PROC_TRACE_CTL_ENABLE: call it with "
			  "PROC_TRACE_CTL_DISABLE after that",
	.dumpable_remedy = "call procctl(PROC_TRACE_CTL) with "
			   "PROC_TRACE_CTL_DISABLE",
	.core_remedy = "0",
};

int smi_bsd_dont_dump(const void *at, size_t bytes, bool reserved)
{
	(void)reserved;
	return madvise((void *)(uintptr_t)at, bytes, MADV_NOCORE);
}

/* An attached debugger counts the same as permission to attach one. */
int smi_os_dumpable(void)
{
	int status;

	if (procctl(P_PID, getpid(), PROC_TRACE_STATUS, &status) != 0)
		return -1;
	return status != -1;
}

int smi_os_set_dumpable(bool dumpable)
{
	int control = dumpable ? PROC_TRACE_CTL_ENABLE : PROC_TRACE_CTL_DISABLE;

	return procctl(P_PID, getpid(), PROC_TRACE_CTL, &control);
}

int smi_posix_socket_pair(int ends[2])
{
	return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends);
}
