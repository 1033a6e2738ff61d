/* SPDX-License-Identifier: ISC */
/* mmap(2), madvise(2), minherit(2) */
#pragma once
#include_next <sys/mman.h>
#define MAP_CONCEAL      0x8000
#define MADV_FREE        6
#define MAP_INHERIT_COPY 1
#define MAP_INHERIT_NONE 2
