/* SPDX-License-Identifier: ISC */
#pragma once
#include <values.h>
#define INT_MAX  __INT_MAX__
#define UINT_MAX (__INT_MAX__ * 2U + 1U)
#define PIPE_BUF 512
