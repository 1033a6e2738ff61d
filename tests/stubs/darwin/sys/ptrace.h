/* SPDX-License-Identifier: ISC */
/* ptrace(2): include <sys/types.h> first */
#pragma once
#define PT_DENY_ATTACH 31
int ptrace(int request, pid_t pid, caddr_t address, int data);
