/* SPDX-License-Identifier: ISC */
/* getresuid(2), getentropy(3), pipe(2) */
#pragma once
#include_next <unistd.h>
int pipe2(int ends[2], int flags);
int getresuid(uid_t *real, uid_t *effective, uid_t *saved);
int getresgid(gid_t *real, gid_t *effective, gid_t *saved);
int getentropy(void *to, size_t bytes);
