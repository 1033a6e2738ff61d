/*
 * fatal.h - the one way to die
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SMI_FATAL_H
#define SMI_FATAL_H

#include "base/base.h"

/* A line is cut at this length, newline and NUL included. */
#define SMI_FATAL_BYTES 400

/*
 * Write "secmalloc: fatal: <words>" and a newline to standard error, call
 * on_fault with that line if it is not NULL, and abort(). It allocates nothing.
 * The caller may hold any lock, and keeps it: no other thread gets at the
 * state that was found damaged. Of two threads that die at once the second
 * waits for the first. The thread's cancellation and SIGPIPE are held off.
 */
_Noreturn void smi_fatal_die(void (*on_fault)(const char *line),
                             const char *format, ...) SMI_PRINTF(2, 3);

/* Write bytes to standard error, all of them if it takes them. */
void smi_fatal_write(const char *bytes, size_t count);

/* Whether this thread is dying: it may hold locks, so it must take none. */
bool smi_fatal_is_dying(void);

/* To be called in the child of a fork: it is the parent that dies, if any. */
void smi_fatal_forked(void);

#endif /* SMI_FATAL_H */
