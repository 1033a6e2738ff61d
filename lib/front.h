/*
 * front.h - allocating and freeing: the thread's cache first, then the arena
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

/* Die if ptr, where there is no arena, is no chunk of a parent's either. */
void smi_front_check_closed(const char *call, const void *ptr);

#endif /* SMI_FRONT_H */
