/*
 * misuse.c - what was found wrong at an address, and its description
 *
 * SPDX-License-Identifier: ISC
 */
#include "report/misuse.h"

static void add_place(const struct smi_misuse *misuse, struct smi_text *text)
{
	smi_text_add(text, " at %p (%s %zu, offset %zu)", (void *)misuse->place,
	             misuse->guarded ? "guarded cell" : "pool",
	             (size_t)misuse->pool, misuse->pool_offset);
}

void smi_misuse_words(const struct smi_misuse *misuse, struct smi_text *text)
{
	switch (misuse->kind) {
	case SMI_SOUND:
		return;
	case SMI_FOREIGN:
		smi_text_add(text, "foreign pointer: not in the arena");
		return;
	case SMI_IN_GUARD:
		smi_text_add(text, "wild pointer: in a guard of the arena");
		return;
	case SMI_INCONSISTENT:
		smi_text_add(text, "damaged metadata");
		if (misuse->pool != SMI_NONE)
			smi_text_add(text, " of pool %zu",
			             (size_t)misuse->pool);
		smi_text_add(text, ": %s", misuse->invariant);
		return;
	case SMI_UNALLOCATED:
		smi_text_add(text, "double free or wild pointer: no chunk");
		break;
	case SMI_DOUBLE_FREE:
		smi_text_add(text, "double free: the block of %zu bytes",
		             misuse->size);
		break;
	case SMI_IN_FREE_PLACE:
		smi_text_add(text,
		             "wild pointer: byte %zu of the free block of "
		             "%zu bytes",
		             misuse->at, misuse->size);
		break;
	case SMI_INNER:
		smi_text_add(text,
		             "inner pointer: byte %zu of the chunk of "
		             "%zu bytes",
		             misuse->at, misuse->size);
		break;
	case SMI_IN_CANARY:
		smi_text_add(text,
		             "inner pointer: %zu bytes past the end of "
		             "the chunk of %zu bytes",
		             misuse->at, misuse->size);
		break;
	case SMI_OVERFLOW:
		smi_text_add(text,
		             "overflow: write to byte %zu past the end of the "
		             "chunk of %zu bytes",
		             misuse->at, misuse->size);
		break;
	case SMI_UNDERFLOW:
		smi_text_add(text,
		             "underflow, or overflow of the chunk before: "
		             "write to byte %zu past the end of the chunk of "
		             "%zu bytes",
		             misuse->at, misuse->size);
		break;
	case SMI_FREE_WRITTEN:
		smi_text_add(text,
		             "write after free: write to byte %zu of the free "
		             "block of %zu bytes",
		             misuse->at, misuse->size);
		break;
	case SMI_BEFORE_WRITTEN:
		smi_text_add(text,
		             "underflow, or write after free: write to byte "
		             "%zu of the free block of %zu bytes",
		             misuse->at, misuse->size);
		break;
	case SMI_BEFORE_CHUNK:
		smi_text_add(text,
		             "wild pointer: %zu bytes before the chunk "
		             "of %zu bytes",
		             misuse->at, misuse->size);
		break;
	case SMI_FRONT_WRITTEN:
		smi_text_add(text,
		             "underflow: write %zu bytes before the start of "
		             "the chunk of %zu bytes",
		             misuse->at, misuse->size);
		break;
	}
	add_place(misuse, text);
	if (misuse->kind == SMI_DOUBLE_FREE)
		smi_text_add(text, " is already free");
}
