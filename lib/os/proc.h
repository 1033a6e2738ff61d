/*
 * proc.h - what the kernel says of this process: its mappings and threads
 *
 * A part of os.h, under the same rules. Nothing here allocates, and what is
 * opened is closed before the call returns.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SMI_PROC_H
#define SMI_PROC_H

#include "base/base.h"

/* A mapping, and what holds for all of its pages. */
struct smi_mapping {
	uintptr_t start, end;
	size_t resident_bytes;
	size_t swapped_bytes;
	bool locked;
	bool not_dumped;
	bool not_forked;
	bool mergeable;
};

/*
 * Show each mapping of the process, by rising addresses, until `see` answers
 * false. The kernel looks at every page of each. -1 with errno if they could
 * not all be shown: what open() or read() said; ENOTSUP: the kernel does not
 * tell.
 */
int smi_proc_each_mapping(bool (*see)(const struct smi_mapping *mapping,
                                      void *with),
                          void *with);

/* Of the uids of a thread, and of its gids. */
enum smi_id { SMI_REAL, SMI_EFFECTIVE, SMI_SAVED, SMI_FILE_SYSTEM, SMI_IDS };

struct smi_credentials {
	size_t thread; /* its number in this process's namespace */
	size_t uids[SMI_IDS], gids[SMI_IDS];
	bool in_group_0; /* by a supplementary group */
	/* Bit n: capability n. Effective ones are permitted, and ambient ones
	 * are both of these: the kernel sees to that. */
	uint64_t permitted, inheritable;
};

/* The same for the credentials of each thread that runs; where they are the
 * process's, for one. What the system has not of them is as if equal. */
int smi_proc_each_thread(bool (*see)(const struct smi_credentials *credentials,
                                     void *with),
                         void *with);

/* False: there are none, and who has an id that is 0 has every right. */
bool smi_proc_has_capabilities(void);

#define SMI_CAPABILITY_SETGID 6
#define SMI_CAPABILITY_SETUID 7

/* The name of a capability, such as "cap_kill", or NULL if it is not known. */
const char *smi_proc_capability_name(unsigned number);

/* Where the kernel sends core dumps. -1 with errno: it cannot be read. */
enum smi_core_sink { SMI_CORE_FILE, SMI_CORE_PIPE, SMI_CORE_SOCKET };
int smi_proc_core_sink(enum smi_core_sink *sink);

#endif /* SMI_PROC_H */
