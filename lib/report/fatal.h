/*
 * fatal.h - the only way in which the library ends the process
 *
 * Owns the flag that a thread is dying. Any thread may call these functions,
 * with any locks held.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SMI_FATAL_H
#define SMI_FATAL_H

#include "base/base.h"

/* A line is truncated at this length, newline and NUL included. */
#define SMI_FATAL_BYTES 400

/*
 * Write "secmalloc: fatal: <words>" and a newline to standard error, call
 * on_fault with that line if it is not NULL, and abort(). Nothing is allocated.
 * The caller may hold any lock and keeps it, so that no other thread can access
 * the state that was found damaged. If two threads die at once, the second one
 * waits for the first. Cancellation and SIGPIPE are blocked in the calling
 * thread.
 */
_Noreturn void smi_fatal_die(void (*on_fault)(const char *line),
                             const char *format, ...) SMI_PRINTF(2, 3);

/* Write `count` bytes to standard error, or as many as it accepts. */
void smi_fatal_write(const char *bytes, size_t count);

/* Whether this thread is dying. A dying thread may hold locks, so it must take
 * none. */
bool smi_fatal_is_dying(void);

/* In the child of a fork: clear the flag. If a thread was dying, only the
 * parent is. */
void smi_fatal_forked(void);

#endif /* SMI_FATAL_H */
