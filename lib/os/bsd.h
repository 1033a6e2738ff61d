/*
 * bsd.h - what FreeBSD, OpenBSD, NetBSD and macOS each do differently
 *
 * bsd.c and bsd_procfs.c serve all four systems. Each system's own file
 * implements this header, the first part of posix.h, smi_words,
 * smi_os_dumpable() and smi_os_set_dumpable().
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SMI_BSD_H
#define SMI_BSD_H

#include "base/base.h"
#include "os/proc.h"

/* The values for minherit(): children get a copy, or nothing. */
extern const int smi_bsd_inherit_copy, smi_bsd_inherit_none;

/* Leave pages out of core dumps. `reserved`: the pages were mapped with
 * smi_posix_map_flags. 0, or -1 with errno; ENOTSUP. */
int smi_bsd_dont_dump(const void *at, size_t bytes, bool reserved);

/* Read the real, effective and saved ids of the process. 0, or -1 with ENOTSUP
 * if the system has no call that returns the saved ones. */
int smi_bsd_ids(struct smi_credentials *credentials);

#endif /* SMI_BSD_H */
