/*
 * slab_find.c - from an address to its chunk
 *
 * SPDX-License-Identifier: ISC
 */
#include "chunk/slab_find.h"

bool smi_slab_find_chunk(const struct smi_slabs *slabs, uintptr_t address,
                         struct smi_place *place, struct smi_misuse *misuse)
{
	size_t at;
	uint32_t pool;
	uint16_t entry;

	*misuse = (struct smi_misuse){.kind = SMI_SOUND, .pool = SMI_NONE};
	switch (smi_pool_find(slabs->runs->pools, address, &pool)) {
	case SMI_PLACE_OUTSIDE:
		misuse->kind = SMI_FOREIGN;
		return false;
	case SMI_PLACE_GUARD:
		misuse->kind = SMI_IN_GUARD;
		return false;
	case SMI_PLACE_POOL:
		break;
	}
	if (!smi_slab_locate(slabs->runs, address, place)
	    || place->slot >= place->slab->slots)
		return smi_slab_found(slabs, pool, misuse, SMI_UNALLOCATED,
		                      (void *)address, 0, 0);
	entry = smi_slab_entry(place->slab, place->slot);
	at = address - (uintptr_t)place->start;
	if (entry <= SMI_ENTRY_CACHED)
		return smi_slab_found(slabs, pool, misuse,
		                      at == 0 ? SMI_DOUBLE_FREE
		                              : SMI_IN_FREE_PLACE,
		                      place->start, place->slab->slot_bytes,
		                      at);
	place->size = smi_slab_chunk_size(place->slab, entry);
	if (at == 0)
		return true;
	if (at < place->size)
		return smi_slab_found(slabs, pool, misuse, SMI_INNER,
		                      place->start, place->size, at);
	return smi_slab_found(slabs, pool, misuse, SMI_IN_CANARY, place->start,
	                      place->size, at - place->size);
}
