/* SPDX-License-Identifier: ISC */
/* Types and numbers that differ between the systems. */
#pragma once
#include <stdint.h>
typedef struct {
	uint32_t bits[4];
} sigset_t;
typedef struct pthread_mutex *pthread_mutex_t;
typedef struct pthread_mutex_attr *pthread_mutexattr_t;
typedef int pthread_key_t;
typedef uint64_t dev_t, nlink_t;
typedef uint16_t mode_t;
typedef int64_t id_t;
typedef enum { P_PID, P_PPID, P_PGID, P_ALL = 7 } idtype_t;
typedef int64_t rlim_t;
int *__error(void);
#define errno                     (*__error())
#define ENOTSUP                   45
#define EBADMSG                   89
#define O_CLOEXEC                 0x00100000
#define F_DUPFD_CLOEXEC           17
#define _SC_PAGESIZE              47
#define NGROUPS_MAX               1023
#define PTHREAD_CANCEL_DISABLE    1
#define PTHREAD_MUTEX_INITIALIZER ((pthread_mutex_t)0)
#define RLIM_INFINITY             ((rlim_t)(((uint64_t)1 << 63) - 1))
#define NSIG                      32
#define WNOHANG                   1
#define WSTOPPED                  2
#define WNOWAIT                   8
#define WEXITED                   16
#define SOCK_CLOEXEC              0x10000000
#define MSG_DONTWAIT              0x80
#define MSG_NOSIGNAL              0x20000
#define MS_ASYNC                  1
