/*
 * proc.h - what the kernel reports about this process: mappings and threads
 *
 * A part of os.h, under the same rules. Nothing here allocates, and every file
 * that a call opens is closed before it returns.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SMI_PROC_H
#define SMI_PROC_H

#include "base/base.h"

/* A mapping, and the attributes that all of its pages have. */
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
 * Call `see` for each mapping of the process, by rising addresses, until it
 * returns false. This is slow: the kernel visits every page of each mapping.
 * -1 with errno if not all mappings could be read: the errno of open() or
 * read(); ENOTSUP if the kernel does not report the attributes; EBADMSG if the
 * report is empty, ends within a mapping or does not parse. Mappings that were
 * shown before are sound. A report that ends between two mappings cannot be
 * told from a complete one: only a mapping behind a gap proves that it is a
 * gap.
 */
int smi_proc_each_mapping(bool (*see)(const struct smi_mapping *mapping,
                                      void *with),
                          void *with);

/* The number of bytes that the process has locked. -1 with errno as
 * smi_proc_each_mapping(). */
int smi_proc_locked_bytes(size_t *bytes);

/* Indexes of a thread's user and group ids. */
enum smi_id { SMI_REAL, SMI_EFFECTIVE, SMI_SAVED, SMI_FILE_SYSTEM, SMI_IDS };

struct smi_credentials {
	size_t thread; /* its id in this process's PID namespace */
	size_t uids[SMI_IDS], gids[SMI_IDS];
	bool in_group_0; /* as a supplementary group */
	/* Bit n is capability n. Effective capabilities are always permitted,
	 * and ambient ones are both permitted and inheritable: the kernel
	 * ensures that. */
	uint64_t permitted, inheritable;
};

/*
 * Call `see` for the credentials of each thread that has not ended; once for
 * the whole process where threads share credentials. A first thread that has
 * ended before the others is no exception: it stays in the kernel's list, but
 * cannot act. An id that the system lacks is reported as equal to the effective
 * one.
 *
 * The list may change while it is read, and the walk is then repeated. `start`
 * is called before each walk, and only the last walk counts. -1 with errno as
 * smi_proc_each_mapping(); EAGAIN if the list changed during each of several
 * walks, or was incomplete in all of them.
 */
int smi_proc_each_thread(void (*start)(void *with),
                         void (*see)(const struct smi_credentials *credentials,
                                     void *with),
                         void *with);

/* What runs in a thread. SMI_THREAD_ENDED: nothing, although the kernel may
 * still list it. SMI_THREAD_IO_URING: the kernel, on behalf of an io_uring,
 * with the credentials that its creator had then. */
enum smi_thread_kind {
	SMI_THREAD_ORDINARY,
	SMI_THREAD_ENDED,
	SMI_THREAD_IO_URING
};

/* The kind of a thread; SMI_THREAD_ORDINARY if the system does not report
 * it. */
enum smi_thread_kind smi_proc_thread_kind(size_t thread);

/* False if the system has no capabilities: an id of 0 then has all rights. */
bool smi_proc_has_capabilities(void);

#define SMI_CAPABILITY_SETGID 6
#define SMI_CAPABILITY_SETUID 7

/* The name of a capability, such as "cap_kill", or NULL if it is unknown. */
const char *smi_proc_capability_name(unsigned number);

/* Where the kernel sends core dumps. -1 with errno as
 * smi_proc_each_mapping(). */
enum smi_core_sink { SMI_CORE_FILE, SMI_CORE_PIPE, SMI_CORE_SOCKET };
int smi_proc_core_sink(enum smi_core_sink *sink);

#endif /* SMI_PROC_H */
