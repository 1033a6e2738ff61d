/*
 * plan.h - a configuration, checked and with its defaults filled in
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SMI_PLAN_H
#define SMI_PLAN_H

#include "arena_make.h"
#include "base.h"

struct secmalloc_config;

/*
 * Make a plan of a configuration, NULL for all defaults. 0, or -1 with EINVAL
 * and words that name the field and its value.
 */
int smi_plan_make(struct smi_arena_plan *plan,
                  const struct secmalloc_config *config, const char *call);

#endif /* SMI_PLAN_H */
