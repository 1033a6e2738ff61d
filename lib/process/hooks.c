/*
 * hooks.c - what the library has registered with the C library
 *
 * SPDX-License-Identifier: ISC
 */
#include "process/hooks.h"

#include "os/os.h"
#include "process/current.h"
#include "process/fault_handler.h"
#include "process/fork_handlers.h"
#include "process/left_behind.h"
#include "report/last_error.h"
#include "report/messages.h"

#include <errno.h>
#include <stdatomic.h>

/* The process one of whose threads is registering the hooks, or one of these.
 */
#define NO_PROCESS  0
#define ALL_ARE_SET (-1)
static _Atomic int registrar = NO_PROCESS;

/* What is registered: the fork handlers, and note_exit(). */
static bool forks, exits;

/* ---- Exit and unloading -------------------------------------------------- */

/* False if the process exits, or if an exit would not be noticed. */
static atomic_bool no_exit;

static void note_exit(void)
{
	atomic_store(&no_exit, false);
}

/* -1 with errno: ENOMEM. Where the order of destructors is not certain, the
 * library acts as if each unloading were an exit. */
static int watch_exit(void)
{
	atomic_store(&no_exit, true);
	if (smi_os_at_exit(note_exit) == 0)
		return 0;
	atomic_store(&no_exit, false);
	return errno == ENOTSUP ? 0 : -1;
}

/* Both unloading and an exit run the two destructors. When the object is
 * unloaded, this one runs before note_exit(), and before the C library removes
 * the fork handlers. */
static bool unloads;
__attribute__((destructor)) static void begin_end(void)
{
	unloads = atomic_load(&no_exit);
	if (unloads)
		smi_fork_handlers_stop();
}

/*
 * When the object is unloaded, this destructor runs after those of its C++
 * objects and after its functions of atexit(), which may free chunks.
 *
 * A process that exits may still unload the object, with a function of atexit()
 * that was registered earlier. So no thread may call end_thread() from now on.
 */
__attribute__((destructor(101))) static void end(void)
{
	if (!unloads) {
		smi_current_forget_threads();
		smi_messages_forget_threads();
		return;
	}
	smi_fault_handler_remove();
	smi_current_fini();
	smi_current_forget_threads();
	smi_left_behind_release();
	smi_messages_release();
}

/* ---- Registering --------------------------------------------------------- */

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

/*
 * Register what is not registered yet. Returns NULL, or with errno the call
 * that failed. Without the end of threads, threads only have no caches.
 *
 * The C library may allocate for that, and malloc() may be a replacement that
 * initializes this library. Such a call cannot wait for itself.
 */
static const char *register_missing(void)
{
	const char *failed = NULL;
	int code = errno;
	bool threads;

	if (smi_current_thread.registers) {
		errno = ENOMEM;
		return "malloc()";
	}
	if (!claim()) {
		errno = code;
		return NULL;
	}
	smi_current_thread.registers = true;
	threads = smi_current_end_threads();
	if (!exits && !(exits = watch_exit() == 0))
		failed = "atexit()";
	if (!forks && !(forks = smi_fork_handlers_register() == 0))
		failed = "pthread_atfork()";
	if (failed == NULL)
		errno = code;
	smi_current_thread.registers = false;
	atomic_store(&registrar,
	             forks && exits && threads ? ALL_ARE_SET : NO_PROCESS);
	return failed;
}

__attribute__((constructor)) static void register_early(void)
{
	register_missing();
}

int smi_hooks_register(void)
{
	const char *failed = register_missing();

	if (failed == NULL)
		return 0;
	return smi_last_error_set(errno,
	                          "%s: there is no memory for the handlers of "
	                          "fork and exit: %s failed (errno %d)",
	                          "secmalloc_init", failed, errno);
}
