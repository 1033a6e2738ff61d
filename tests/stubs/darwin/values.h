/* SPDX-License-Identifier: ISC */
/* Types and numbers that differ between the systems. */
#pragma once
#include <stdint.h>
typedef uint32_t sigset_t;
typedef struct {
	long signature;
	char opaque[56];
} pthread_mutex_t;
typedef struct {
	long signature;
	char opaque[8];
} pthread_mutexattr_t;
typedef unsigned long pthread_key_t;
typedef int32_t dev_t;
typedef uint16_t nlink_t, mode_t;
typedef uint64_t rlim_t;
typedef uint32_t id_t;
typedef enum { P_ALL, P_PID, P_PGID } idtype_t;
int *__error(void);
#define errno                  (*__error())
#define ENOTSUP                45
#define EBADMSG                94
#define O_CLOEXEC              0x01000000
#define F_DUPFD_CLOEXEC        67
#define _SC_PAGESIZE           29
#define NGROUPS_MAX            16
#define PTHREAD_CANCEL_DISABLE 0x00
#define PTHREAD_MUTEX_INITIALIZER \
	{                         \
		0x32AAABA7,       \
		{                 \
			0         \
		}                 \
	}
#define RLIM_INFINITY (((uint64_t)1 << 63) - 1)
#define NSIG          32
#define WNOHANG       1
#define WEXITED       4
#define WSTOPPED      8
#define WNOWAIT       0x20
#define MSG_DONTWAIT  0x80
#define SOL_SOCKET    0xffff
#define SO_NOSIGPIPE  0x1022
#define MS_ASYNC      1
