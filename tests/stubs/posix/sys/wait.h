/* SPDX-License-Identifier: ISC */
#pragma once
#include <signal.h>
#include <sys/types.h>
#include <values.h>
pid_t waitpid(pid_t child, int *status, int options);
int waitid(idtype_t kind, id_t child, siginfo_t *info, int options);
