/*
 * bsd_procfs.c - what the kernel reports about this process: FreeBSD, OpenBSD,
 * NetBSD and macOS
 *
 * Written from manuals and never run, like bsd.c.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "os/bsd.h"

#include "os/os.h"
#include "os/posix.h"
#include "os/words.h"

#include <errno.h>
#include <limits.h>
#include <unistd.h>

/* No documented call of these systems reports which pages are locked, and which
 * are left out of dumps and of children. */
int smi_proc_each_mapping(bool (*see)(const struct smi_mapping *mapping,
                                      void *with),
                          void *with)
{
	(void)see, (void)with;
	errno = ENOTSUP;
	return -1;
}

int smi_proc_locked_bytes(size_t *bytes)
{
	(void)bytes;
	errno = ENOTSUP;
	return -1;
}

/* On some of these systems the first group is the effective gid, on others not.
 * It does no harm to look at that gid twice. */
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

/* All threads share the credentials of the process. */
int smi_proc_each_thread(void (*start)(void *with),
                         void (*see)(const struct smi_credentials *credentials,
                                     void *with),
                         void *with)
{
	struct smi_credentials credentials = {.thread = (size_t)getpid()};

	start(with);
	if (smi_bsd_ids(&credentials) != 0 || read_groups(&credentials) != 0)
		return -1;
	credentials.uids[SMI_FILE_SYSTEM] = credentials.uids[SMI_EFFECTIVE];
	credentials.gids[SMI_FILE_SYSTEM] = credentials.gids[SMI_EFFECTIVE];
	see(&credentials, with);
	return 0;
}

enum smi_thread_kind smi_proc_thread_kind(size_t thread)
{
	(void)thread;
	return SMI_THREAD_ORDINARY;
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

/* These systems do not report it. The caller knows the threads that have called
 * the library. */
int smi_os_threads(size_t *threads)
{
	(void)threads;
	errno = ENOTSUP;
	return -1;
}

/* The device number of /dev/null differs between these systems and may
 * change. */
bool smi_posix_is_null(const struct stat *device)
{
	(void)device;
	return true;
}

/* The calls above read no files, and fail with ENOTSUP only. */
void smi_words_say_unread(struct smi_text *text, const char *file, int code)
{
	(void)text, (void)file, (void)code;
}
