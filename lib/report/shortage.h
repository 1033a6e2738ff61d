/*
 * shortage.h - why memory could not be locked, as a message with the remedy
 *
 * Any thread may call this, with any locks held: it sets the thread's error
 * message.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SMI_SHORTAGE_H
#define SMI_SHORTAGE_H

#include "base/base.h"

struct smi_lock_shortage {
	const char *call;
	const char *what; /* "pools" or "guarded cells"; not used with `copy` */
	bool growth;      /* an allocation of `size` needed one more pool or
	                     cell */
	bool copy;        /* a child could not lock its copy of pools_locked
	                     pools of pool_bytes in all; if neither flag is set,
	                     an init failed */
	size_t size;
	size_t pools_locked; /* or cells; the same below */
	size_t pools_wanted;
	size_t pool_bytes;   /* of each pool that is wanted */
	size_t bytes_wanted; /* what the arena would have locked in all */
};

/* Set the thread's error message from a shortage, the errno of the call that
 * failed, the lock limit and CAP_IPC_LOCK. errno is preserved. */
void smi_shortage_explain(const struct smi_lock_shortage *shortage);

#endif /* SMI_SHORTAGE_H */
