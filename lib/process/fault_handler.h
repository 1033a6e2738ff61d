/*
 * fault_handler.h - explaining the address of a fault before anything handles
 * it
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SMI_FAULT_HANDLER_H
#define SMI_FAULT_HANDLER_H

#include "base/base.h"
#include "base/text.h"

/* Append the words for any address. Async-signal-safe. False, and nothing is
 * appended, if the address is not one of this library's. */
bool smi_fault_handler_explain(const void *ptr, struct smi_text *text);

/*
 * smi_fault_handler_install() has each SIGSEGV and SIGBUS explained before the
 * previous handler runs. smi_fault_handler_remove() undoes that, unless another
 * handler was installed later, which may call this one. Two threads must not
 * call these at the same time.
 */
void smi_fault_handler_install(void);
void smi_fault_handler_remove(void);

#endif /* SMI_FAULT_HANDLER_H */
