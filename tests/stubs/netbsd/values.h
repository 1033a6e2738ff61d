/* SPDX-License-Identifier: ISC */
/* Types and numbers that differ between the systems. */
#pragma once
#include <stdint.h>
typedef struct {
	uint32_t bits[4];
} sigset_t;
typedef struct {
	unsigned magic;
	void *owner;
} pthread_mutex_t;
typedef struct {
	unsigned magic;
} pthread_mutexattr_t;
typedef int pthread_key_t;
typedef uint64_t dev_t;
typedef uint32_t nlink_t, mode_t;
typedef uint64_t rlim_t;
typedef uint32_t id_t;
typedef enum { P_ALL, P_PID, P_PGID = 4 } idtype_t;
int *__errno(void);
#define errno                  (*__errno())
#define ENOTSUP                86
#define EBADMSG                88
#define O_CLOEXEC              0x00400000
#define F_DUPFD_CLOEXEC        12
#define _SC_PAGESIZE           28
#define NGROUPS_MAX            16
#define PTHREAD_CANCEL_DISABLE 1
#define PTHREAD_MUTEX_INITIALIZER \
	{                         \
		0x33330003, 0     \
	}
#define RLIM_INFINITY (~((rlim_t)1 << 63))
#define NSIG          64
#define WNOHANG       1
#define WSTOPPED      2
#define WEXITED       0x20
#define WNOWAIT       0x10000
#define SOCK_CLOEXEC  0x10000000
#define MSG_DONTWAIT  0x80
#define MSG_NOSIGNAL  0x400
#define MS_ASYNC      1
