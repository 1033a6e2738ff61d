/* SPDX-License-Identifier: ISC */
#pragma once
#include <sys/types.h>
pid_t waitpid(pid_t child, int *status, int options);
