/*
 * verify.c - whether the kernel still keeps what the library promises
 *
 * SPDX-License-Identifier: ISC
 */
#include "verify/verify.h"

#include "process/current.h"
#include "report/last_error.h"
#include "verify/verify_pools.h"
#include "verify/verify_process.h"

#include <errno.h>
#include <secmalloc.h>

/* What `checks` 0 means. SECMALLOC_VERIFY_SECRET is left out, since an ordinary
 * locked arena is as it should be. */
#define ALL (SECMALLOC_VERIFY_SECRET - 1)

/* The checks that need an arena. */
#define POOLS                                              \
	(SECMALLOC_VERIFY_LOCKED | SECMALLOC_VERIFY_ADVICE \
	 | SECMALLOC_VERIFY_SECRET)

static const char call[] = "secmalloc_verify";

static void verify_arena(const struct smi_arena *arena, unsigned checks,
                         struct smi_verdict *verdict)
{
	bool locks = (checks & SECMALLOC_VERIFY_LOCKED) != 0;
	bool advice = (checks & SECMALLOC_VERIFY_ADVICE) != 0;

	if (locks || advice)
		smi_verify_pools_check(arena, locks, advice, verdict);
	if ((checks & SECMALLOC_VERIFY_SECRET) != 0 && !arena->pools.secret)
		smi_verdict_fail(verdict,
		                 "the pools are locked memory, which root "
		                 "can read: choose SECMALLOC_BACKING_SECRET, "
		                 "and secmalloc_init makes them secret or "
		                 "says why it cannot");
}

static void verify_process(unsigned checks, bool no_dump,
                           struct smi_verdict *verdict)
{
	bool ids = (checks & SECMALLOC_VERIFY_IDS) != 0;
	bool capabilities = (checks & SECMALLOC_VERIFY_CAPABILITIES) != 0;

	if (ids || capabilities)
		smi_verify_process_threads(ids, capabilities, verdict);
	if ((checks & SECMALLOC_VERIFY_DUMPABLE) != 0)
		smi_verify_process_dumpable(no_dump, verdict);
	if ((checks & SECMALLOC_VERIFY_CORE) != 0)
		smi_verify_process_core_limit(verdict);
}

int smi_verify_arena(unsigned checks)
{
	struct smi_verdict verdict;
	struct smi_arena *arena;
	bool no_dump = false;
	int code = errno;

	if ((checks & ~(ALL | SECMALLOC_VERIFY_SECRET)) != 0)
		return smi_last_error_set(
			EINVAL,
			"%s: checks is %zu, which has "
			"bits that this library does not know",
			call, (size_t)checks);
	if (checks == 0)
		checks = ALL;
	arena = (checks & POOLS) != 0 ? smi_current_enter(call)
	                              : smi_current_enter_quietly(call);
	if (arena == NULL && (checks & POOLS) != 0)
		return -1;
	smi_verdict_start(&verdict, call);
	if (arena != NULL) {
		no_dump = arena->no_dump;
		verify_arena(arena, checks, &verdict);
		smi_current_leave(arena);
	}
	verify_process(checks, no_dump, &verdict);
	if (smi_verdict_give(&verdict) != 0)
		return -1;
	errno = code;
	return 0;
}
