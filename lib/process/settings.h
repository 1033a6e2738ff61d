/*
 * settings.h - a configuration, checked and with its defaults filled in
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SMI_SETTINGS_H
#define SMI_SETTINGS_H

#include "arena/lifecycle.h"
#include "base/base.h"

struct secmalloc_config;

/*
 * Make a plan from a configuration; NULL means all defaults. 0, or -1 with
 * EINVAL and words that name the field and its value.
 */
int smi_settings_plan(struct smi_arena_plan *plan,
                      const struct secmalloc_config *config);

#endif /* SMI_SETTINGS_H */
