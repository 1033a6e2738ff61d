/*
 * bsd_procfs.c - what the kernel says of this process: FreeBSD, OpenBSD,
 * NetBSD and macOS
 *
 * Written from manuals, and not run, as bsd.c.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "os/bsd.h"

#include "os/os.h"
#include "os/posix.h"

#include <errno.h>
#include <limits.h>
#include <unistd.h>

/* No call that is in their manuals tells what is locked, and left out of dumps
 * and children. */
int smi_proc_each_mapping(bool (*see)(const struct smi_mapping *mapping,
                                      void *with),
                          void *with)
{
	(void)see, (void)with;
	errno = ENOTSUP;
	return -1;
}

/* The first group is the effective gid, or is not: it is looked at twice. */
static int read_groups(struct smi_credentials *c)
{
	gid_t groups[NGROUPS_MAX + 1];
	int n = getgroups(NGROUPS_MAX + 1, groups);

	if (n < 0) {
		errno = ENOTSUP;
		return -1;
	}
	for (int i = 0; i < n; i++)
		c->in_group_0 = c->in_group_0 || groups[i] == 0;
	return 0;
}

/* Credentials are those of the process. */
int smi_proc_each_thread(bool (*see)(const struct smi_credentials *credentials,
                                     void *with),
                         void *with)
{
	struct smi_credentials credentials = {.thread = (size_t)getpid()};

	if (smi_bsd_ids(&credentials) != 0 || read_groups(&credentials) != 0)
		return -1;
	credentials.uids[SMI_FILE_SYSTEM] = credentials.uids[SMI_EFFECTIVE];
	credentials.gids[SMI_FILE_SYSTEM] = credentials.gids[SMI_EFFECTIVE];
	see(&credentials, with);
	return 0;
}

bool smi_proc_has_capabilities(void)
{
	return false;
}

const char *smi_proc_capability_name(unsigned number)
{
	(void)number;
	return NULL;
}

int smi_proc_core_sink(enum smi_core_sink *sink)
{
	*sink = SMI_CORE_FILE;
	return 0;
}

/* They do not say: the caller knows those that called the library. */
size_t smi_os_threads(void)
{
	return 0;
}

/* Its number is another on each of them, and may change. */
bool smi_posix_is_null(const struct stat *device)
{
	(void)device;
	return true;
}
