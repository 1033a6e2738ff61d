/*
 * misuse.h - what was found wrong at an address, and the words for it (a leaf)
 *
 * What finds damage describes it with this, and its caller decides: a fatal
 * line, or the result of an audit. The words never hold a byte of memory.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SMI_MISUSE_H
#define SMI_MISUSE_H

#include "base/base.h"
#include "base/text.h"

enum smi_misuse_kind {
	SMI_SOUND,
	SMI_FOREIGN,        /* an address that is not in the arena */
	SMI_IN_GUARD,       /* an address in a guard */
	SMI_UNALLOCATED,    /* an address in memory that no chunk has */
	SMI_DOUBLE_FREE,    /* the start of a place that is free */
	SMI_IN_FREE_PLACE,  /* an address inside such a place */
	SMI_INNER,          /* an address inside a chunk */
	SMI_IN_CANARY,      /* an address in the canary of a chunk */
	SMI_OVERFLOW,       /* a canary that was changed */
	SMI_UNDERFLOW,      /* the canary of the chunk before was changed */
	SMI_FREE_WRITTEN,   /* a free place does not read as zero */
	SMI_BEFORE_WRITTEN, /* nor does the free memory just before a chunk */
	SMI_BEFORE_CHUNK,   /* an address before a guarded chunk */
	SMI_FRONT_WRITTEN,  /* its canary there was changed */
	SMI_INCONSISTENT    /* the metadata contradict themselves */
};

struct smi_misuse {
	enum smi_misuse_kind kind;
	uint32_t pool;      /* where the place is, or SMI_NONE */
	bool guarded;       /* that is the number of a guarded cell */
	size_t pool_offset; /* of the place in there, in bytes */
	uintptr_t place;    /* the start of the place or memory meant */
	size_t size;        /* of the chunk, or of the free place */
	size_t at;          /* the byte meant: from the start of the place, or
	                       from the end of the chunk for a canary, or
	                       back from its start for one before it */
	const char *invariant; /* for SMI_INCONSISTENT */
};

/* Make it say that an invariant does not hold in a pool, or with SMI_NONE in
 * what belongs to none. Returns false. */
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

/* Append the words, one clause without a full stop. */
void smi_misuse_words(const struct smi_misuse *misuse, struct smi_text *text);

#endif /* SMI_MISUSE_H */
