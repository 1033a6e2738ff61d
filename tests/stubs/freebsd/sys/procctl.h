/* SPDX-License-Identifier: ISC */
/* procctl(2) */
#pragma once
#include <sys/types.h>
#define PROC_TRACE_CTL         7
#define PROC_TRACE_STATUS      8
#define PROC_TRACE_CTL_ENABLE  1
#define PROC_TRACE_CTL_DISABLE 2
int procctl(idtype_t type, id_t id, int command, void *data);
