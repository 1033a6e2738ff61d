/* SPDX-License-Identifier: ISC */
/* mmap(2), madvise(2), minherit(2) */
#pragma once
#include_next <sys/mman.h>
#define MAP_EXCL     0x00004000
#define MADV_FREE    5
#define MADV_NOCORE  8
#define MADV_CORE    9
#define INHERIT_COPY 1
#define INHERIT_NONE 2
