/*
 * left_behind.h - where the arenas of parents lay
 *
 * In a child that has nothing of its parent's arena, and in those after it, the
 * addresses of the pools are kept: a stale pointer has to fault, or to read as
 * zero, and not to read what another mapping holds, and the calls have to know
 * it. Of each arena but the last there is a record in the first page of its
 * reservation, which never was a pool's. The list changes only in a child that
 * has one thread yet, so reading it needs no lock.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SMI_LEFT_BEHIND_H
#define SMI_LEFT_BEHIND_H

#include "base/base.h"

/*
 * Keep addresses at which nothing is mapped any more: inaccessible, or with
 * `zeros` zero and read-only. The process dies if that cannot be.
 */
void smi_left_behind_add(void *at, size_t bytes, bool zeros);

/* Whether [at, at + bytes), bytes > 0, touches one of them. */
bool smi_left_behind_touches(const void *at, size_t bytes);

/* Whether there is any. */
bool smi_left_behind_any(void);

#endif /* SMI_LEFT_BEHIND_H */
