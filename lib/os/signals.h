/*
 * signals.h - what all platforms with POSIX threads do with signals alike
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SMI_SIGNALS_H
#define SMI_SIGNALS_H

#include <pthread.h>
#include <signal.h>

/* Block all signals in this thread. *before is the mask to restore. */
static inline void smi_signals_block(sigset_t *before)
{
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, before);
}

#endif /* SMI_SIGNALS_H */
