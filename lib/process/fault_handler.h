/*
 * fault_handler.h - saying what a fault hit, before it takes its course
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SMI_FAULT_HANDLER_H
#define SMI_FAULT_HANDLER_H

#include "base/base.h"
#include "base/text.h"

/* Append the words for any address; async-signal-safe. False: it is not of this
 * library, and nothing is appended. */
bool smi_fault_handler_explain(const void *ptr, struct smi_text *text);

/*
 * Have SIGSEGV and SIGBUS explained from now on, each before the handler that
 * was there; and no more, unless somebody has put a handler above this one.
 * Neither may be called by two threads at a time.
 */
void smi_fault_handler_install(void);
void smi_fault_handler_remove(void);

#endif /* SMI_FAULT_HANDLER_H */
