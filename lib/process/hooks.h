/*
 * hooks.h - what the library has registered with the C library
 *
 * The hooks are registered when the library is loaded: a fork that another
 * thread has already begun does not run handlers that were registered after its
 * start. A call of secmalloc_init() that comes earlier, from a constructor that
 * runs before this library's own, registers them itself.
 *
 * If this library is a part of an object that dlclose() unloads, nothing of it
 * remains: neither a hook nor the arena, nor a signal handler, nor the
 * addresses of arenas that were left behind. When the process exits, the arena
 * stays, because threads may still run, and destructors of others may still
 * free chunks.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SMI_HOOKS_H
#define SMI_HOOKS_H

#include "base/base.h"

/* Register what is not registered yet, from any thread. -1 with errno and
 * words: ENOMEM. The next call tries again. */
int smi_hooks_register(void);

#endif /* SMI_HOOKS_H */
