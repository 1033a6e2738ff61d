/* SPDX-License-Identifier: ISC */
#pragma once
#include <stddef.h>
_Noreturn void abort(void);
_Noreturn void _Exit(int status);
