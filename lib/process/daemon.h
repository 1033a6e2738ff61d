/*
 * daemon.h - going into the background with the arena
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SMI_DAEMON_H
#define SMI_DAEMON_H

#include "base/base.h"

/*
 * As daemon(3): returns 0 in the child, which has the arena, locked. The parent
 * then exits. On failure there is no child, and the parent goes on as before:
 * -1 with errno and words.
 */
int smi_daemon_become(bool change_directory, bool close_streams);

#endif /* SMI_DAEMON_H */
