/* SPDX-License-Identifier: ISC */
#pragma once
#include <signal.h>
#include <sys/types.h>
#include <values.h>
#define WIFSIGNALED(status) (((status)&0x7f) != 0)
#define WTERMSIG(status)    ((status)&0x7f)
#define WEXITSTATUS(status) ((status) >> 8 & 0xff)
pid_t waitpid(pid_t child, int *status, int options);
int waitid(idtype_t kind, id_t child, siginfo_t *info, int options);
