/*
 * fast_path.h - taking, giving, resizing: the thread's cache first, then the
 * arena
 *
 * `call` is the public function that is named in words and fatal lines.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SMI_FAST_PATH_H
#define SMI_FAST_PATH_H

#include "base/base.h"

/* A chunk, aligned to SMI_ALIGN_BYTES or to `align`, which the arena serves.
 * NULL with errno and words: ENOMEM, ENXIO. */
void *smi_fast_path_take(const char *call, size_t size);
void *smi_fast_path_take_aligned(const char *call, size_t align, size_t size);

/* Wipe and free a chunk; see secfree(). */
void smi_fast_path_give(const char *call, void *ptr);

/* Change the size of a chunk that is not NULL; see secrealloc(). NULL with
 * errno and words: ENOMEM, ENXIO. */
void *smi_fast_path_resize(const char *call, void *ptr, size_t size);

#endif /* SMI_FAST_PATH_H */
