/* SPDX-License-Identifier: ISC */
#pragma once
#include <values.h>
#define O_RDONLY   0
#define O_RDWR     2
#define F_SETFD    2
#define FD_CLOEXEC 1
int open(const char *path, int flags, ...);
int fcntl(int fd, int command, ...);
