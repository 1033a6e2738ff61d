/*
 * misuse.h - what was found wrong at an address, and its description (a leaf)
 *
 * A check that finds damage describes it with struct smi_misuse. The caller of
 * the check decides what follows: a fatal message, or the result of an audit.
 * The description never contains a byte of the memory.
 *
 * The place of a misuse is the memory that it is about: a slot, a guarded cell,
 * or other memory that is free.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SMI_MISUSE_H
#define SMI_MISUSE_H

#include "base/base.h"
#include "base/text.h"

enum smi_misuse_kind {
	SMI_SOUND,
	SMI_FOREIGN,        /* an address outside the arena */
	SMI_IN_GUARD,       /* an address in a guard */
	SMI_UNALLOCATED,    /* an address in memory that is not allocated */
	SMI_DOUBLE_FREE,    /* the start of a free place */
	SMI_IN_FREE_PLACE,  /* an address inside a free place */
	SMI_INNER,          /* an address inside a chunk */
	SMI_IN_CANARY,      /* an address in the canary of a chunk */
	SMI_OVERFLOW,       /* the canary after a chunk was changed */
	SMI_UNDERFLOW,      /* the canary of the previous chunk was changed */
	SMI_FREE_WRITTEN,   /* a free place does not read as zero */
	SMI_BEFORE_WRITTEN, /* free memory just before a chunk does not read as
	                       zero */
	SMI_BEFORE_CHUNK,   /* an address before a guarded chunk, in its cell */
	SMI_FRONT_WRITTEN,  /* the canary before a guarded chunk was changed */
	SMI_INCONSISTENT    /* the metadata contradict each other */
};

struct smi_misuse {
	enum smi_misuse_kind kind;
	uint32_t pool;      /* the pool that holds the place, or SMI_NONE */
	bool guarded;       /* `pool` is the number of a guarded cell */
	size_t pool_offset; /* of the place in the pool or cell, in bytes */
	uintptr_t place;    /* the address of the place or of the chunk */
	size_t size;        /* of the chunk, or of the free place */
	size_t at;          /* the byte concerned, counted from the start of the
	                       place; after a chunk, from the end of the chunk;
	                       before a chunk, backwards from its start */
	const char *invariant; /* only for SMI_INCONSISTENT */
};

/* Record that an invariant does not hold in a pool or, with SMI_NONE, in
 * metadata that belong to no pool. Returns false. */
static inline bool smi_misuse_broken(struct smi_misuse *misuse, uint32_t pool,
                                     const char *invariant)
{
	*misuse = (struct smi_misuse){
		.kind = SMI_INCONSISTENT,
		.pool = pool,
		.invariant = invariant,
	};
	return false;
}

/* Append the description, one clause without a full stop. */
void smi_misuse_words(const struct smi_misuse *misuse, struct smi_text *text);

#endif /* SMI_MISUSE_H */
