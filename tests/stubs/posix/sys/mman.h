/* SPDX-License-Identifier: ISC */
/* The declarations that the four systems have in common. minherit() and
 * MAP_ANON are in no standard. */
#pragma once
#include <sys/types.h>
#define PROT_NONE   0x00
#define PROT_READ   0x01
#define PROT_WRITE  0x02
#define MAP_SHARED  0x0001
#define MAP_PRIVATE 0x0002
#define MAP_FIXED   0x0010
#define MAP_ANON    0x1000
#define MAP_FAILED  ((void *)-1)
void *mmap(void *at, size_t bytes, int protection, int flags, int fd,
           off_t offset);
int msync(void *at, size_t bytes, int flags);
int msync(void *at, size_t bytes, int flags);
int munmap(void *at, size_t bytes);
int mprotect(void *at, size_t bytes, int protection);
int madvise(void *at, size_t bytes, int advice);
int minherit(void *at, size_t bytes, int inherit);
int mlock(const void *at, size_t bytes);
int munlock(const void *at, size_t bytes);
