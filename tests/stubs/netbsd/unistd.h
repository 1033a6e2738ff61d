/* SPDX-License-Identifier: ISC */
/* getentropy(3) */
#pragma once
#include_next <unistd.h>
int getentropy(void *to, size_t bytes);
