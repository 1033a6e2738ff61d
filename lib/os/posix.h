/*
 * posix.h - what systems with mlock(2) and mmap(2) share, and what each adds
 *
 * posix.c, posix_gate.c and posix_process.c implement most of os.h. The
 * platform's own files implement the rest of os.h and the first part of this
 * header.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SMI_POSIX_H
#define SMI_POSIX_H

#include "base/base.h"
#include "base/text.h"
#include "os/os.h"

#include <sys/resource.h>
#include <sys/stat.h>

/* ---- Provided by the platform ------------------------------------------- */

/*
 * The flags for mmap() of private memory; and the flags to add so that mmap()
 * fails at an address in use, or 0 if mmap() without MAP_FIXED never replaces a
 * mapping and takes the address as a hint.
 */
extern const int smi_posix_map_flags, smi_posix_no_replace_flags;

/* A core limit, in bytes, that stops all core dumps, also those to a pipe. */
extern const rlim_t smi_posix_no_core_bytes;

/* Two connected stream sockets, close-on-exec. Sending to one whose peer is
 * gone raises no signal if MSG_NOSIGNAL is given, where that exists. -1 with
 * errno. */
int smi_posix_socket_pair(int ends[2]);

/* Whether a character device is the null device. */
bool smi_posix_is_null(const struct stat *device);

/* ---- Provided by posix.c ------------------------------------------------ */

/* Append, for example, "RLIMIT_MEMLOCK is 65536 soft and unlimited hard".
 * `code` is the errno of smi_os_lock_limits(), or 0. */
void smi_posix_say_lock_limits(struct smi_text *text,
                               const struct smi_lock_limits *limits, int code);

#endif /* SMI_POSIX_H */
