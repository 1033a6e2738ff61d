/*
 * fork_handlers.h - what happens to the process's arena at fork()
 *
 * The handlers are registered when the library is loaded rather than by the
 * first init: a fork that another thread has already begun would not run
 * handlers that were registered after its start. Handlers cannot be removed, so
 * the library is never unloaded.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SMI_FORK_HANDLERS_H
#define SMI_FORK_HANDLERS_H

/* Check that the handlers are registered. 0, or -1 with ENOMEM and words. */
int smi_fork_handlers_check(void);

#endif /* SMI_FORK_HANDLERS_H */
