/*
 * fatal.c - the only way in which the library ends the process
 *
 * SPDX-License-Identifier: ISC
 */
#include "report/fatal.h"

#include "base/text.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

static atomic_flag taken = ATOMIC_FLAG_INIT;
static _Thread_local bool dying SMI_TLS_MODEL;

void smi_fatal_write(const char *bytes, size_t count)
{
	while (count > 0) {
		ssize_t n = write(STDERR_FILENO, bytes, count);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		bytes += n;
		count -= (size_t)n;
	}
}

/* Make sure that the thread does abort: no cancellation in one of the calls
 * below, and no SIGPIPE if nobody reads standard error. */
static void be_undisturbed(void)
{
	sigset_t broken_pipe;
	int state;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	sigemptyset(&broken_pipe);
	sigaddset(&broken_pipe, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &broken_pipe, NULL);
}

void smi_fatal_die(void (*on_fault)(const char *line), const char *format, ...)
{
	char line[SMI_FATAL_BYTES];
	struct smi_text text;
	va_list list;

	/* on_fault tried to end the thread, which ends the process. */
	if (dying)
		abort();
	be_undisturbed();
	/* A signal handler that calls the library must not end up here, too. */
	dying = true;
	while (atomic_flag_test_and_set(&taken))
		pause();

	/* Reserve one byte for the newline. */
	smi_text_start(&text, line, sizeof(line) - 1);
	smi_text_add(&text, "secmalloc: fatal: ");
	va_start(list, format);
	smi_text_add_list(&text, format, list);
	va_end(list);
	text.room++;
	smi_text_add(&text, "\n");

	smi_fatal_write(line, text.length);
	if (on_fault != NULL)
		on_fault(line);
	abort();
}

bool smi_fatal_is_dying(void)
{
	return dying;
}

void smi_fatal_forked(void)
{
	dying = false;
	atomic_flag_clear(&taken);
}
