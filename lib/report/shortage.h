/*
 * shortage.h - why memory could not be locked, in words with the remedy
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SMI_SHORTAGE_H
#define SMI_SHORTAGE_H

#include "base/base.h"

struct smi_lock_shortage {
	const char *call;
	const char *what; /* "pools" or "guarded cells", but of a copy */
	bool growth;      /* for one chunk of `size`, else for an init */
	bool copy;        /* of pools_locked pools, pool_bytes in all, that
	                     a child has; else for an init */
	size_t size;
	size_t pools_locked; /* or cells, in each of these */
	size_t pools_wanted;
	size_t pool_bytes;   /* of each that is wanted */
	size_t bytes_wanted; /* locked by the arena in all, if it had worked */
};

/*
 * Make the thread's error words from a shortage, the errno of the call that
 * failed, the lock limit and CAP_IPC_LOCK. errno stays.
 */
void smi_shortage_explain(const struct smi_lock_shortage *shortage);

#endif /* SMI_SHORTAGE_H */
