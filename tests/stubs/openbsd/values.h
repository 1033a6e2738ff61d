/* SPDX-License-Identifier: ISC */
/* Types and numbers that differ between the systems. */
#pragma once
#include <stdint.h>
typedef unsigned sigset_t;
typedef struct pthread_mutex *pthread_mutex_t;
typedef struct pthread_mutex_attr *pthread_mutexattr_t;
typedef int pthread_key_t;
typedef int32_t dev_t;
typedef uint32_t nlink_t, mode_t;
typedef uint64_t rlim_t;
typedef uint32_t id_t;
typedef enum { P_ALL, P_PGID, P_PID } idtype_t;
int *__errno(void);
#define errno                     (*__errno())
#define ENOTSUP                   91
#define EBADMSG                   92
#define O_CLOEXEC                 0x10000
#define F_DUPFD_CLOEXEC           10
#define _SC_PAGESIZE              28
#define NGROUPS_MAX               16
#define PTHREAD_CANCEL_DISABLE    1
#define PTHREAD_MUTEX_INITIALIZER ((pthread_mutex_t)0)
#define RLIM_INFINITY             (((rlim_t)1 << 63) - 1)
#define NSIG                      33
#define WNOHANG                   1
#define WSTOPPED                  2
#define WEXITED                   4
#define WNOWAIT                   16
#define SOCK_CLOEXEC              0x8000
#define MSG_DONTWAIT              0x80
#define MSG_NOSIGNAL              0x400
#define MS_ASYNC                  1
