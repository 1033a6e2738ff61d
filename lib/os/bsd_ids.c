/*
 * bsd_ids.c - the ids of the process on systems with getresuid(2): FreeBSD and
 * OpenBSD; never run
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "os/bsd.h"

#include <unistd.h>

int smi_bsd_ids(struct smi_credentials *c)
{
	uid_t uids[3];
	gid_t gids[3];

	if (getresuid(&uids[0], &uids[1], &uids[2]) != 0
	    || getresgid(&gids[0], &gids[1], &gids[2]) != 0)
		return -1;
	for (unsigned i = 0; i < 3; i++) {
		c->uids[SMI_REAL + i] = uids[i];
		c->gids[SMI_REAL + i] = gids[i];
	}
	return 0;
}
