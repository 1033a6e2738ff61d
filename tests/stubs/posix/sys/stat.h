/* SPDX-License-Identifier: ISC */
#pragma once
#include <sys/types.h>
struct stat {
	dev_t st_dev, st_rdev;
	mode_t st_mode;
	nlink_t st_nlink;
};
#define S_ISCHR(mode) (((mode)&0170000) == 0020000)
int fstat(int fd, struct stat *status);
