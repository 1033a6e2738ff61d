/* SPDX-License-Identifier: ISC */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <values.h>
typedef long ssize_t;
typedef int64_t off_t;
typedef int32_t pid_t;
typedef uint32_t uid_t, gid_t;
typedef char *caddr_t;
