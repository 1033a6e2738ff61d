/*
 * explain.h - what an address is, in words
 *
 * This module is for signal handlers: it takes no lock, allocates nothing, and
 * reads only metadata. If another thread is allocating or freeing at the same
 * time, the words describe the state before or after that. Metadata that change
 * meanwhile cannot make it read outside the notes of the units up to the
 * address.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SMI_EXPLAIN_H
#define SMI_EXPLAIN_H

#include "arena/arena.h"
#include "base/base.h"
#include "base/text.h"

/* Append the words for an address of the arena, without a full stop. False, and
 * nothing is appended, if the address is not one of the arena's. */
bool smi_explain_address(const struct smi_arena *arena, const void *ptr,
                         struct smi_text *text);

#endif /* SMI_EXPLAIN_H */
