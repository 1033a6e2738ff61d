/*
 * left_behind.h - where the arenas lay that stayed behind in parents
 *
 * A child that does not get its parent's arena keeps the addresses of that
 * arena reserved, and so do its own children. So a stale pointer faults or
 * reads zeros, instead of reading another mapping, and the library recognizes
 * it. Another fork handler of the child may have mapped something there before.
 * Such addresses are taken: they belong to that mapping. The records change
 * only in a new child with a single thread, so reading them needs no lock.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SMI_LEFT_BEHIND_H
#define SMI_LEFT_BEHIND_H

#include "base/base.h"

/*
 * Reserve addresses, whole pages, as far as nothing is mapped there:
 * inaccessible, or with `zeros` as read-only zeros. The rest is recorded as
 * taken. Aborts the process if the kernel refuses.
 */
void smi_left_behind_add(void *at, size_t bytes, bool zeros);

/* Release all these addresses. Only in a process that can no longer have a
 * pointer to a chunk. */
void smi_left_behind_release(void);

/* Whether [at, at + bytes) overlaps addresses that are reserved for an arena
 * that was left behind; bytes > 0. */
bool smi_left_behind_touches(const void *at, size_t bytes);

/* Whether an arena that was left behind had this address, even if it is taken
 * by another mapping since. */
bool smi_left_behind_knows(const void *ptr);

/* Whether any arena was left behind. */
bool smi_left_behind_any(void);

/* How many bytes of the addresses of such arenas were taken. */
size_t smi_left_behind_taken_bytes(void);

#endif /* SMI_LEFT_BEHIND_H */
