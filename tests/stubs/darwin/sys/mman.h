/* SPDX-License-Identifier: ISC */
/* mmap(2), madvise(2) */
#pragma once
#include_next <sys/mman.h>
#define MADV_FREE 5
