/*
 * fast_path.h - taking, giving, resizing: the thread's cache first, then the
 * arena
 *
 * `call` is the name of the public function, for errors and fatal messages.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SMI_FAST_PATH_H
#define SMI_FAST_PATH_H

#include "base/base.h"

/*
 * Allocate a chunk aligned to SMI_ALIGN_BYTES, or to `align`, a power of two.
 * NULL with errno and words: ENOMEM, ENXIO, EINVAL (the alignment is larger
 * than the arena can give).
 */
void *smi_fast_path_take(const char *call, size_t size);
void *smi_fast_path_take_aligned(const char *call, size_t align, size_t size);

/* Wipe and free a chunk; see secfree(). */
void smi_fast_path_give(const char *call, void *ptr);

/* Change the size of a chunk that is not NULL; see secrealloc(). NULL with
 * errno and words: ENOMEM, ENXIO. */
void *smi_fast_path_resize(const char *call, void *ptr, size_t size);

#endif /* SMI_FAST_PATH_H */
