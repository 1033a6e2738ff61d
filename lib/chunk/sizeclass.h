/*
 * sizeclass.h - the sizes of slots (a leaf, pure arithmetic)
 *
 * Size classes are 16 bytes apart up to 512 bytes, and from there on 16 classes
 * per doubling up to 4096. For 240 bytes or more, a slot is therefore at most
 * 1/16 larger than what it holds. A chunk that is larger than the largest slot
 * gets units of its own.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SMI_SIZECLASS_H
#define SMI_SIZECLASS_H

#include "base/base.h"

#define SMI_CLASSES         80u
#define SMI_SLOT_MOST_BYTES ((size_t)4096)

/* Up to SMI_CLASS_FINE_BYTES classes are 16 bytes apart. Above it they are 1/16
 * of the next lower power of two apart. */
#define SMI_CLASS_FINE_BYTES  ((size_t)512)
#define SMI_CLASS_FINE        32u
#define SMI_CLASS_STEPS_SHIFT 4u

/* The class of the smallest slot of at least `bytes`, 0 < bytes <= 4096. */
static inline unsigned smi_sizeclass_of(size_t bytes)
{
	unsigned octave, step;

	if (bytes <= SMI_CLASS_FINE_BYTES)
		return (unsigned)((bytes - 1) / SMI_ALIGN_BYTES);
	octave = smi_log2_floor(bytes - 1);
	step = (unsigned)((bytes - 1) >> (octave - SMI_CLASS_STEPS_SHIFT));
	return SMI_CLASS_FINE + ((octave - 9) << SMI_CLASS_STEPS_SHIFT) + step
	       - (1u << SMI_CLASS_STEPS_SHIFT);
}

/* The size in bytes of a slot of a class. */
static inline size_t smi_sizeclass_bytes(unsigned class)
{
	unsigned coarse, octave, step;

	if (class < SMI_CLASS_FINE)
		return (class + (size_t)1) * SMI_ALIGN_BYTES;
	coarse = class - SMI_CLASS_FINE;
	octave = 9 + (coarse >> SMI_CLASS_STEPS_SHIFT);
	step = coarse & ((1u << SMI_CLASS_STEPS_SHIFT) - 1);
	return ((size_t)1 << octave)
	       + ((size_t)(step + 1) << (octave - SMI_CLASS_STEPS_SHIFT));
}

/*
 * The class of the smallest slot of at least `bytes` whose size is a multiple
 * of `align`, a power of two; SMI_CLASSES if no slot is large enough.
 */
unsigned smi_sizeclass_aligned(size_t bytes, size_t align);

/* The number of units in a slab of a class. */
enum smi_slab_extent {
	SMI_SLAB_LEAST, /* as few as one slot takes */
	SMI_SLAB_SMALL, /* for the first slabs of a class: few units, little
	                   tail */
	SMI_SLAB_FULL,  /* once a class has many slots: hardly any tail */
	SMI_SLAB_LARGE, /* like FULL, but with many slots: if there is plenty of
	                   room */
	SMI_SLAB_EXTENTS
};
uint32_t smi_sizeclass_units(unsigned class, enum smi_slab_extent extent);

#endif /* SMI_SIZECLASS_H */
