/* SPDX-License-Identifier: ISC */
#pragma once
#include <stdint.h>
#include <values.h>
#define RLIMIT_CORE    4
#define RLIMIT_MEMLOCK 6
struct rlimit {
	rlim_t rlim_cur, rlim_max;
};
int getrlimit(int resource, struct rlimit *limit);
int setrlimit(int resource, const struct rlimit *limit);
