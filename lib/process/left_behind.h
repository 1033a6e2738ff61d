/*
 * left_behind.h - where the arenas lay that stayed behind in parents
 *
 * A child that does not get its parent's arena keeps the addresses of that
 * arena reserved, and so do its own children. So a stale pointer faults or
 * reads zeros, instead of reading another mapping, and the library recognizes
 * it. The record of each such arena except the last is in the first page of its
 * reservation, which is never part of a pool. The list changes only in a new
 * child with a single thread, so reading it needs no lock.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SMI_LEFT_BEHIND_H
#define SMI_LEFT_BEHIND_H

#include "base/base.h"

/*
 * Reserve addresses at which nothing is mapped any more: inaccessible, or with
 * `zeros` as read-only zeros. Aborts the process if that fails.
 */
void smi_left_behind_add(void *at, size_t bytes, bool zeros);

/* Whether [at, at + bytes) overlaps an arena that was left behind; bytes > 0.
 */
bool smi_left_behind_touches(const void *at, size_t bytes);

/* Whether any arena was left behind. */
bool smi_left_behind_any(void);

#endif /* SMI_LEFT_BEHIND_H */
