/* SPDX-License-Identifier: ISC */
/* getentropy(2) */
#pragma once
#include <stddef.h>
int getentropy(void *to, size_t bytes);
