/*
 * nodump.c - what SECMALLOC_NODUMP does to the process
 *
 * SPDX-License-Identifier: ISC
 */
#include "process/nodump.h"

#include "os/os.h"
#include "os/proc.h"
#include "os/words.h"
#include "report/last_error.h"

#include <errno.h>

static const char call[] = "secmalloc_init";

static int limit_cores(void)
{
	struct smi_core_limits limits;
	enum smi_core_sink sink;
	int code;

	if (smi_os_stop_cores() == 0)
		return 0;
	code = errno;
	if (smi_os_core_limits(&limits) != 0 || limits.hard != 0)
		return smi_last_error_set(
			EPERM,
			"%s: setrlimit(RLIMIT_CORE) failed (errno %d): allow "
			"it in the system call filter, or leave out "
			"SECMALLOC_NODUMP",
			call, code);
	if (smi_proc_core_sink(&sink) == 0 && sink != SMI_CORE_PIPE)
		return 0;
	return smi_last_error_set(
		EPERM,
		"%s: the hard limit of RLIMIT_CORE is 0 and cannot be raised "
		"to 1, which is needed when core_pattern is a pipe or cannot "
		"be read: set LimitCORE=1 (systemd) or --ulimit core=1 "
		"(container), or leave out SECMALLOC_NODUMP",
		call);
}

static int cannot_undump(int code)
{
	if (code == ENOTSUP)
		return smi_last_error_set(
			ENOTSUP,
			"%s: this system cannot keep a process from being "
			"traced: leave out SECMALLOC_NODUMP, and set "
			"RLIMIT_CORE to 0",
			call);
	return smi_last_error_set(
		EPERM,
		"%s: %s failed (errno %d): allow it in the system call "
		"filter, or leave out SECMALLOC_NODUMP",
		call, smi_words.undump, code);
}

/* The limit comes last, because lowering a hard limit cannot be undone. */
int smi_nodump_apply(void)
{
	int was = smi_os_dumpable();

	if (smi_os_set_dumpable(false) != 0)
		return cannot_undump(errno);
	if (limit_cores() == 0)
		return 0;
	if (was == 1)
		smi_os_set_dumpable(true);
	errno = EPERM;
	return -1;
}
