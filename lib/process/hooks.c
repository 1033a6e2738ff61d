/*
 * hooks.c - what the library has registered with the C library
 *
 * SPDX-License-Identifier: ISC
 */
#include "process/hooks.h"

#include "os/os.h"
#include "process/current.h"
#include "process/fork_handlers.h"
#include "report/last_error.h"

#include <errno.h>
#include <stdatomic.h>

/* The process one of whose threads is registering the hooks, or one of these.
 */
#define NO_PROCESS  0
#define ALL_ARE_SET (-1)
static _Atomic int registrar = NO_PROCESS;

static bool forks; /* the fork handlers are registered */

/*
 * Become the only thread that registers hooks. False if all are registered.
 *
 * A lock would not do: a child that was forked while another thread held it,
 * and before there are fork handlers, would wait for it forever. Such a child
 * takes over. The thread that it lacks may have registered a hook without
 * noting that, so registering one twice does no harm.
 */
static bool claim(void)
{
	int self = smi_os_process();
	unsigned times = 0;

	for (;;) {
		int now = atomic_load(&registrar);

		if (now == ALL_ARE_SET)
			return false;
		if (now == self)
			smi_os_pause(times++);
		else if (atomic_compare_exchange_strong(&registrar, &now, self))
			return true;
	}
}

/* Register what is not registered yet. -1 with errno if the arena needs what
 * could not be registered. Without the end of threads, threads have no caches.
 */
static int register_missing(void)
{
	int code = errno;
	bool threads;

	if (!claim()) {
		errno = code;
		return 0;
	}
	threads = smi_current_end_threads();
	errno = code;
	if (!forks)
		forks = smi_fork_handlers_register() == 0;
	atomic_store(&registrar, forks && threads ? ALL_ARE_SET : NO_PROCESS);
	return forks ? 0 : -1;
}

__attribute__((constructor)) static void register_early(void)
{
	register_missing();
}

int smi_hooks_register(void)
{
	if (register_missing() == 0)
		return 0;
	return smi_last_error_set(
		errno,
		"%s: there is no memory for the fork "
		"handlers: pthread_atfork() failed (errno %d)",
		"secmalloc_init", errno);
}
