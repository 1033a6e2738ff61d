/* SPDX-License-Identifier: ISC */
#pragma once
#include <sys/types.h>
#include <values.h>
#define AF_UNIX     1
#define SOCK_STREAM 1
#define SHUT_RD     0
#define SHUT_RDWR   2
#define MSG_PEEK    0x2
typedef uint32_t socklen_t;
int socketpair(int family, int type, int protocol, int ends[2]);
ssize_t send(int socket, const void *from, size_t bytes, int flags);
ssize_t recv(int socket, void *to, size_t bytes, int flags);
int setsockopt(int socket, int level, int name, const void *value,
               socklen_t bytes);
int shutdown(int socket, int how);
