/*
 * explain.h - what an address is, in words
 *
 * For signal handlers: it takes no lock, allocates nothing and reads metadata
 * only. Of what another thread is taking or giving back at that moment it says
 * what was, or what will be. What it reads of metadata that just change keeps
 * it within the notes of the units up to the address.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SMI_EXPLAIN_H
#define SMI_EXPLAIN_H

#include "arena/arena.h"
#include "base/base.h"
#include "base/text.h"

/* Append the words for an address of the arena; without a full stop. False: it
 * is none, and nothing is appended. */
bool smi_explain_address(const struct smi_arena *arena, const void *ptr,
                         struct smi_text *text);

#endif /* SMI_EXPLAIN_H */
