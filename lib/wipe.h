/*
 * wipe.h - overwriting and comparing bytes that matter (a leaf)
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SMI_WIPE_H
#define SMI_WIPE_H

#include "base.h"

/* Zero `bytes` bytes; the compiler takes them as read afterwards. */
void smi_wipe(void *p, size_t bytes);

/* The index of the first byte that is not zero, or `bytes` if all are. */
size_t smi_first_nonzero(const void *p, size_t bytes);

/* Whether both are the same, in a time that depends on `bytes` alone. */
bool smi_equal(const void *a, const void *b, size_t bytes);

#endif /* SMI_WIPE_H */
