/*
 * bsd_traced.c - systems that cannot stop a user from tracing or dumping the
 * user's own processes: NetBSD and OpenBSD; never run
 *
 * Written from ptrace(2) and core(5).
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "os/os.h"
#include "os/words.h"

#include <errno.h>

const struct smi_words smi_words = {
	.mappings_file = "",
	.threads_file = "",
	.core_sink_file = "",
	.limit_call = "getrlimit",
	.undump = "",
	.dumpable_call = "",
	.dumpable_again = "",
	.dumpable_remedy = "",
	.core_remedy = "0",
};

int smi_os_dumpable(void)
{
	errno = ENOTSUP;
	return -1;
}

int smi_os_set_dumpable(bool dumpable)
{
	(void)dumpable;
	errno = ENOTSUP;
	return -1;
}
