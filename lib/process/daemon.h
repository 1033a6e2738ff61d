/*
 * daemon.h - going into the background with the arena
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SMI_DAEMON_H
#define SMI_DAEMON_H

#include "base/base.h"

/*
 * As daemon(3): 0 in the child, which has the arena, locked; the
 * parent ends when it has. -1 with errno and words in the parent: it goes on as
 * before, and there is no child.
 */
int smi_daemon_become(bool change_directory, bool close_streams);

#endif /* SMI_DAEMON_H */
