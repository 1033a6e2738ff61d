/*
 * posix.h - what systems with mlock(2) and mmap(2) share, and what each adds
 *
 * posix.c and posix_process.c implement most of os.h, and leave to the
 * platform what stands here, and the rest.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SMI_POSIX_H
#define SMI_POSIX_H

#include "base/base.h"
#include "base/text.h"

#include <sys/resource.h>
#include <sys/stat.h>

/* ---- The platform's ----------------------------------------------------- */

/* For mmap() of private memory; and more, to have it fail at an address that is
 * in use, or 0 if the address is a wish that is granted where it can be. */
extern const int smi_posix_map_flags, smi_posix_no_replace_flags;

/* A core limit, in bytes, that stops core dumps wherever they go. */
extern const rlim_t smi_posix_no_core_bytes;

/* A pipe, both ends closed by execve(). -1 with errno. */
int smi_posix_pipe(int ends[2]);

/* Whether a character device is that of /dev/null. */
bool smi_posix_is_null(const struct stat *device);

/* ---- Theirs ------------------------------------------------------------- */

/* RLIMIT_MEMLOCK in bytes, SIZE_MAX is no limit. */
void smi_posix_lock_limits(size_t *soft, size_t *hard);

/* "RLIMIT_MEMLOCK is 65536 soft and unlimited hard" */
void smi_posix_say_lock_limits(struct smi_text *text);

#endif /* SMI_POSIX_H */
