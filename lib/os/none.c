/*
 * none.c - a system on which the library cannot lock memory
 *
 * smi_os_reserve() always fails, so there is never an arena. The calls that act
 * on an arena are therefore never made; they fail with ENOTSUP all the same.
 * This file needs only ISO C and the headers that os.h includes.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "os/os.h"
#include "os/proc.h"
#include "os/words.h"

#include <errno.h>
#include <stdlib.h>

static int not_here(void)
{
	errno = ENOTSUP;
	return -1;
}

/* ---- Memory ------------------------------------------------------------- */

/* Not the size of any page: the value is only used to check a configuration. */
size_t smi_os_page_bytes(void)
{
	return 4096;
}

void *smi_os_reserve(size_t bytes)
{
	(void)bytes;
	errno = ENOTSUP;
	return NULL;
}

void smi_os_release(void *at, size_t bytes)
{
	(void)at, (void)bytes;
}

int smi_os_protect(void *at, size_t bytes, enum secmalloc_access access)
{
	(void)at, (void)bytes, (void)access;
	return not_here();
}

int smi_os_open(void *at, size_t bytes)
{
	(void)at, (void)bytes;
	return not_here();
}

void smi_os_close(void *at, size_t bytes)
{
	(void)at, (void)bytes;
}

int smi_os_open_secret(void *at, size_t bytes, bool in_children)
{
	(void)at, (void)bytes, (void)in_children;
	return not_here();
}

int smi_os_copy_secret(void *at, size_t bytes, bool in_children)
{
	(void)at, (void)bytes, (void)in_children;
	return not_here();
}

int smi_os_move(void *from, size_t bytes, void *to)
{
	(void)from, (void)bytes, (void)to;
	return not_here();
}

void smi_os_fork_begin(void)
{
}

void smi_os_fork_end(void)
{
}

int smi_os_lock(const void *at, size_t bytes)
{
	(void)at, (void)bytes;
	return not_here();
}

int smi_os_unlock(const void *at, size_t bytes)
{
	(void)at, (void)bytes;
	return not_here();
}

bool smi_os_fork_copies(void)
{
	return false;
}

int smi_os_advise(const void *at, size_t bytes, unsigned advice)
{
	(void)at, (void)bytes, (void)advice;
	return not_here();
}

int smi_os_dont_dump(const void *at, size_t bytes)
{
	(void)at, (void)bytes;
	return not_here();
}

int smi_os_block(void *at, size_t bytes, bool zeros)
{
	(void)at, (void)bytes, (void)zeros;
	return not_here();
}

bool smi_os_is_mapped(void *at, size_t bytes)
{
	(void)at, (void)bytes;
	return false;
}

int smi_os_entropy(void *to, size_t bytes)
{
	(void)to, (void)bytes;
	return not_here();
}

/* ---- Limits ------------------------------------------------------------- */

int smi_os_lock_limits(struct smi_lock_limits *limits)
{
	(void)limits;
	return not_here();
}

bool smi_os_lock_limit_is_lifted(bool secret)
{
	(void)secret;
	return false;
}

int smi_os_core_limits(struct smi_core_limits *limits)
{
	(void)limits;
	return not_here();
}

int smi_os_stop_cores(void)
{
	return not_here();
}

int smi_os_dumpable(void)
{
	return not_here();
}

int smi_os_set_dumpable(bool dumpable)
{
	(void)dumpable;
	return not_here();
}

/* ---- Threads and signals ------------------------------------------------ */

/* Without an arena a fork needs no handlers. */
int smi_os_at_fork(void (*prepare)(void), void (*parent)(void),
                   void (*child)(void))
{
	(void)prepare, (void)parent, (void)child;
	return 0;
}

int smi_os_at_thread_end(void (*end)(void *mark))
{
	(void)end;
	return not_here();
}

void smi_os_forget_thread_end(void)
{
}

int smi_os_at_exit(void (*act)(void))
{
	(void)act;
	return not_here();
}

int smi_os_mark_thread(void *mark)
{
	(void)mark;
	return not_here();
}

int smi_os_barrier_prepare(void)
{
	return not_here();
}

int smi_os_barrier(void)
{
	return not_here();
}

void smi_os_start_lock(pthread_mutex_t *lock)
{
	pthread_mutex_init(lock, NULL);
}

void smi_os_pause(unsigned times)
{
	(void)times;
}

bool smi_os_signal_has_address(const siginfo_t *info)
{
	(void)info;
	return false;
}

bool smi_os_signal_is_sent(int signal, const siginfo_t *info)
{
	(void)signal, (void)info;
	return false;
}

void smi_os_drop_signal(int signal)
{
	(void)signal;
}

/* ---- Processes ---------------------------------------------------------- */

int smi_os_gate_make(int ends[2])
{
	(void)ends;
	return not_here();
}

void smi_os_gate_enter(int ends[2])
{
	(void)ends;
}

bool smi_os_gate_open(int ends[2], const void *message, size_t bytes)
{
	(void)ends, (void)message, (void)bytes;
	return false;
}

void smi_os_gate_drop(int ends[2])
{
	(void)ends;
}

enum smi_gate_end smi_os_gate_wait(int ends[2], void *message, size_t bytes,
                                   unsigned patience, const sigset_t *mask)
{
	(void)ends, (void)message, (void)bytes, (void)patience, (void)mask;
	return SMI_GATE_LEFT;
}

/* Two processes are never compared, as there is no fork. */
int smi_os_process(void)
{
	return 1;
}

int smi_os_threads(size_t *threads)
{
	(void)threads;
	return not_here();
}

int smi_os_fork(void)
{
	return not_here();
}

struct smi_end smi_os_reap(int child)
{
	(void)child;
	return (struct smi_end){.code = ENOTSUP};
}

void smi_os_kill(int child)
{
	(void)child;
}

void smi_os_exit(int status)
{
	_Exit(status);
}

int smi_os_leave_session(bool change_directory, bool close_streams,
                         const char **step)
{
	(void)change_directory, (void)close_streams;
	*step = "creating a session";
	return not_here();
}

/* ---- What the system reports about the process -------------------------- */

int smi_proc_each_mapping(bool (*see)(const struct smi_mapping *mapping,
                                      void *with),
                          void *with)
{
	(void)see, (void)with;
	return not_here();
}

int smi_proc_locked_bytes(size_t *bytes)
{
	(void)bytes;
	return not_here();
}

int smi_proc_each_thread(void (*start)(void *with),
                         void (*see)(const struct smi_credentials *credentials,
                                     void *with),
                         void *with)
{
	(void)start, (void)see, (void)with;
	return not_here();
}

enum smi_thread_kind smi_proc_thread_kind(size_t thread)
{
	(void)thread;
	return SMI_THREAD_ORDINARY;
}

bool smi_proc_has_capabilities(void)
{
	return false;
}

const char *smi_proc_capability_name(unsigned number)
{
	(void)number;
	return NULL;
}

int smi_proc_core_sink(enum smi_core_sink *sink)
{
	*sink = SMI_CORE_FILE;
	return not_here();
}

/* ---- Words -------------------------------------------------------------- */

const struct smi_words smi_words = {
	.mappings_file = "",
	.threads_file = "",
	.core_sink_file = "",
	.limit_call = "",
	.undump = "",
	.dumpable_call = "",
	.dumpable_again = "",
	.dumpable_remedy = "",
	.core_remedy = "",
};

void smi_words_say_shortage(struct smi_text *text, const struct smi_need *need)
{
	(void)need;
	smi_text_add(text, "but this library was built without support for "
	                   "locking memory on this system (platform none): "
	                   "see doc/PORTING.md");
}

/* Nothing is ever read here. */
void smi_words_say_unread(struct smi_text *text, const char *file, int code)
{
	(void)text, (void)file, (void)code;
}
