/*
 * crash.h - saying what a fault hit, before it takes its course
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SMI_CRASH_H
#define SMI_CRASH_H

#include "base.h"
#include "text.h"

/* Append the words for any address; async-signal-safe. False: it is not of this
 * library, and nothing is appended. */
bool smi_crash_explain(const void *ptr, struct smi_text *text);

/*
 * Have SIGSEGV and SIGBUS explained from now on, each before the handler that
 * was there; and no more, unless somebody has put a handler above this one.
 * Neither may be called by two threads at a time.
 */
void smi_crash_watch(void);
void smi_crash_unwatch(void);

#endif /* SMI_CRASH_H */
