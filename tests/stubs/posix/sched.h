/* SPDX-License-Identifier: ISC */
#pragma once
int sched_yield(void);
