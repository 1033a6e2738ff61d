/* SPDX-License-Identifier: ISC */
#pragma once
#include <values.h>
#define EPERM     1
#define ENOENT    2
#define ESRCH     3
#define EINTR     4
#define ENXIO     6
#define ECHILD    10
#define EDEADLK   11
#define ENOMEM    12
#define EACCES    13
#define EEXIST    17
#define ENODEV    19
#define EINVAL    22
#define ENFILE    23
#define EMFILE    24
#define EFBIG     27
#define ERANGE    34
#define EAGAIN    35
#define EALREADY  37
#define ETIMEDOUT 60
#define ENOSYS    78
