/* SPDX-License-Identifier: ISC */
/* getentropy(3), pipe(2) */
#pragma once
#include_next <unistd.h>
int pipe2(int ends[2], int flags);
int getentropy(void *to, size_t bytes);
