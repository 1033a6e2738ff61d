/*
 * explain.h - an arena with pools and guarded chunks, for the suites of
 * secmalloc_explain() and SECMALLOC_EXPLAIN_FAULTS
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TESTS_EXPLAIN_H
#define TESTS_EXPLAIN_H

#include "config.h"

#include "backing.h"
#include "case.h"

#include <secmalloc.h>

#define POOL_BYTES ((size_t)64 * 1024)

static inline void start(unsigned flags)
{
	struct secmalloc_config config = {
		.initial_pools = 2,
		.pool_size = POOL_BYTES,
		.guarded_chunks = 2,
		.flags = flags,
	};

	if (secmalloc_init(&config) != 0)
		case_skip_init();
}

#endif /* TESTS_EXPLAIN_H */
