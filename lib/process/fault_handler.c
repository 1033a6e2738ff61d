/*
 * fault_handler.c - explaining the address of a fault before anything handles
 * it
 *
 * SPDX-License-Identifier: ISC
 */
#include "process/fault_handler.h"

#include "arena/explain.h"
#include "os/os.h"
#include "process/current.h"
#include "report/fatal.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>

static const int signals[] = {SIGSEGV, SIGBUS};
static const char *const names[] = {"SIGSEGV", "SIGBUS"};
#define SIGNALS (sizeof(signals) / sizeof(signals[0]))

/* The previous dispositions of the watched signals. */
static struct sigaction before[SIGNALS];
static bool watched[SIGNALS];

bool smi_fault_handler_explain(const void *ptr, struct smi_text *text)
{
	const struct smi_arena *arena = smi_current_peek();

	if (arena != NULL && smi_explain_address(arena, ptr, text))
		return true;
	if (!smi_current_is_absent(ptr))
		return false;
	smi_text_add(text, "in the parent's arena, which this child does not "
	                   "have");
	return true;
}

/* Write a line. Neither a pending cancellation nor SIGPIPE, if nobody reads
 * standard error, may keep the fault from being handled. */
static void write_undisturbed(const char *line, size_t length)
{
	sigset_t pipe, pending, saved;
	int state;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	sigemptyset(&pipe);
	sigaddset(&pipe, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &pipe, &saved);
	sigpending(&pending);
	smi_fatal_write(line, length);
	/* A SIGPIPE that was pending before stays pending. */
	if (sigismember(&pending, SIGPIPE) == 0)
		smi_os_drop_signal(SIGPIPE);
	pthread_sigmask(SIG_SETMASK, &saved, NULL);
	pthread_setcancelstate(state, NULL);
}

static void say(unsigned i, const void *ptr)
{
	char line[SMI_FATAL_BYTES];
	struct smi_text text;

	smi_text_start(&text, line, sizeof(line));
	smi_text_add(&text, "secmalloc: fault: %s at %p: ", names[i], ptr);
	if (!smi_fault_handler_explain(ptr, &text))
		return;
	smi_text_add(&text, "\n");
	write_undisturbed(line, text.length);
}

/* Call the previous handler with the signal mask that it asked for. */
static void call(const struct sigaction *action, int signal, siginfo_t *info,
                 void *context)
{
	sigset_t mask = action->sa_mask, saved;

	pthread_sigmask(SIG_BLOCK, &mask, &saved);
	if ((action->sa_flags & SA_NODEFER) != 0) {
		sigemptyset(&mask);
		sigaddset(&mask, signal);
		pthread_sigmask(SIG_UNBLOCK, &mask, NULL);
	}
	if ((action->sa_flags & SA_SIGINFO) != 0)
		action->sa_sigaction(signal, info, context);
	else
		action->sa_handler(signal);
	pthread_sigmask(SIG_SETMASK, &saved, NULL);
}

/* Whether there was a previous handler, of either form. */
static bool has_handler(const struct sigaction *action)
{
	return action->sa_handler != SIG_DFL && action->sa_handler != SIG_IGN;
}

/*
 * Restore the previous disposition if it was not a handler. The instruction
 * that faulted then faults again; a signal that was sent is sent again. The
 * kernel ends the process even if the fault's signal is ignored.
 */
static void pass_on(unsigned i, siginfo_t *info, void *context)
{
	struct sigaction action = before[i];
	bool sent = smi_os_signal_is_sent(signals[i], info);

	if (action.sa_handler == SIG_IGN && sent)
		return;
	if (!has_handler(&action)) {
		sigaction(signals[i], &action, NULL);
		watched[i] = false;
		if (sent)
			raise(signals[i]);
		return;
	}
	if ((action.sa_flags & (int)SA_RESETHAND) != 0) {
		before[i].sa_flags = 0;
		before[i].sa_handler = SIG_DFL;
	}
	call(&action, signals[i], info, context);
}

static void handle(int signal, siginfo_t *info, void *context)
{
	unsigned i = signal == SIGBUS;
	int code = errno;

	if (smi_os_signal_has_address(info))
		say(i, info->si_addr);
	errno = code;
	pass_on(i, info, context);
	errno = code;
}

void smi_fault_handler_install(void)
{
	for (unsigned i = 0; i < SIGNALS; i++) {
		struct sigaction action = {.sa_flags = SA_SIGINFO | SA_ONSTACK};
		struct sigaction now;

		if (sigaction(signals[i], NULL, &now) != 0)
			continue;
		if (now.sa_sigaction == handle) {
			watched[i] = true;
			continue;
		}
		/* A handler installed later may still call this one. */
		if (watched[i] && has_handler(&now))
			continue;
		before[i] = now;
		action.sa_sigaction = handle;
		/* System calls restart as they did before, or do not. */
		action.sa_flags |= now.sa_handler == SIG_IGN
		                           ? SA_RESTART
		                           : now.sa_flags & SA_RESTART;
		sigemptyset(&action.sa_mask);
		watched[i] = sigaction(signals[i], &action, NULL) == 0;
	}
}

void smi_fault_handler_remove(void)
{
	for (unsigned i = 0; i < SIGNALS; i++) {
		struct sigaction now;

		/* A handler installed later may still call this one. */
		if (watched[i] && sigaction(signals[i], NULL, &now) == 0
		    && (now.sa_flags & SA_SIGINFO) != 0
		    && now.sa_sigaction == handle)
			watched[i] = sigaction(signals[i], &before[i], NULL)
			             != 0;
	}
}
