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

/*
 * Wait for forks that have begun, and let the handlers do nothing in later
 * ones. To be called before the C library removes the handlers, which it does
 * although another thread forks: nothing would then undo what they have done
 * before the fork.
 */
void smi_fork_handlers_stop(void);

#endif /* SMI_FORK_HANDLERS_H */
