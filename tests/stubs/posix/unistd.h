/* SPDX-License-Identifier: ISC */
#pragma once
#include <sys/types.h>
#define STDIN_FILENO  0
#define STDERR_FILENO 2
ssize_t read(int fd, void *to, size_t bytes);
ssize_t write(int fd, const void *from, size_t bytes);
int close(int fd);
int dup2(int from, int to);
int chdir(const char *path);
int pause(void);
long sysconf(int name);
pid_t fork(void);
pid_t setsid(void);
pid_t getpid(void);
int getgroups(int count, gid_t groups[]);
_Noreturn void _exit(int status);
