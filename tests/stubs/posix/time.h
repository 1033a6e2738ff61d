/* SPDX-License-Identifier: ISC */
#pragma once
#include <stdint.h>
struct timespec {
	int64_t tv_sec;
	long tv_nsec;
};
int nanosleep(const struct timespec *wanted, struct timespec *left);
