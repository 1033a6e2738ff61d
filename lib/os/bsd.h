/*
 * bsd.h - what FreeBSD, OpenBSD, NetBSD and macOS have each in its own way
 *
 * bsd.c and bsd_procfs.c are for all four, and leave to the file of each
 * system what stands here, what posix.h asks of a platform, smi_words,
 * smi_os_dumpable() and smi_os_set_dumpable().
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SMI_BSD_H
#define SMI_BSD_H

#include "base/base.h"
#include "os/proc.h"

/* For minherit(): children have a copy, or nothing. */
extern const int smi_bsd_inherit_copy, smi_bsd_inherit_none;

/* Leave pages out of core dumps; `reserved`: they are mapped with
 * smi_posix_map_flags. 0, or -1 with errno; ENOTSUP. */
int smi_bsd_dont_dump(const void *at, size_t bytes, bool reserved);

/* The real, effective and saved ids of the process. 0, or -1 with ENOTSUP: the
 * system has no call that tells the saved ones. */
int smi_bsd_ids(struct smi_credentials *credentials);

#endif /* SMI_BSD_H */
