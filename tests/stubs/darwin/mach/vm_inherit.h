/* SPDX-License-Identifier: ISC */
/* minherit(2) */
#pragma once
typedef unsigned vm_inherit_t;
#define VM_INHERIT_COPY ((vm_inherit_t)1)
#define VM_INHERIT_NONE ((vm_inherit_t)2)
