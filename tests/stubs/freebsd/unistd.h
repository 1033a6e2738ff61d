/* SPDX-License-Identifier: ISC */
/* getresuid(2), getentropy(3) */
#pragma once
#include_next <unistd.h>
int getresuid(uid_t *real, uid_t *effective, uid_t *saved);
int getresgid(gid_t *real, gid_t *effective, gid_t *saved);
int getentropy(void *to, size_t bytes);
