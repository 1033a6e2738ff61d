/*
 * growth.h - locking more memory for a chunk that has no place
 *
 * The caller has emptied all caches and holds the arena's lock.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SMI_GROWTH_H
#define SMI_GROWTH_H

#include "arena/arena.h"
#include "base/base.h"
#include "chunk/slab.h"

/* The chunk. `from` is its present place, which is too small, or NULL. */
struct smi_wanted {
	size_t size, align;
	const struct smi_place *from;
};

/*
 * Lock as little as lets the chunk be placed or, if it is alone in its run,
 * extended; and up to one part in 32 of the pools more, as far as the limits
 * allow, so that a chunk that grows in small steps does not need a system call
 * for each. If that is refused, memory that is not in use is given back, if
 * that helps. False with errno ENOMEM and words.
 */
bool smi_growth_make_room(struct smi_arena *arena, const struct smi_tcache *own,
                          const struct smi_wanted *wanted);

#endif /* SMI_GROWTH_H */
