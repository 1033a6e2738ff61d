/*
 * fork_handlers.h - what happens to the process's arena at fork()
 *
 * Handlers cannot be removed, except by the C library when it unloads the
 * object that has registered them.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SMI_FORK_HANDLERS_H
#define SMI_FORK_HANDLERS_H

/* Register the handlers. If they are registered more than once, they still act
 * once at each fork. -1 with errno: ENOMEM. */
int smi_fork_handlers_register(void);

#endif /* SMI_FORK_HANDLERS_H */
