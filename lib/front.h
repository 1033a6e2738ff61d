/*
 * front.h - taking, giving, resizing: the thread's cache first, then the arena
 *
 * `call` is the public function that is named in words and fatal lines.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SMI_FRONT_H
#define SMI_FRONT_H

#include "base.h"

/* A chunk, aligned to SMI_ALIGN_BYTES or to `align`, which the arena serves.
 * NULL with errno and words: ENOMEM, ENXIO. */
void *smi_front_take(const char *call, size_t size);
void *smi_front_take_aligned(const char *call, size_t align, size_t size);

/* Wipe and free a chunk; see secfree(). */
void smi_front_give(const char *call, void *ptr);

/* Change the size of a chunk that is not NULL; see secrealloc(). NULL with
 * errno and words: ENOMEM, ENXIO. */
void *smi_front_resize(const char *call, void *ptr, size_t size);

#endif /* SMI_FRONT_H */
