/*
 * daemon.c - going into the background with the arena
 *
 * The child locks its copy while the parent waits and keeps the pages that both
 * still share locked. So no page is unlocked at any time. Only then does the
 * parent wipe its own copy and exit.
 *
 * SPDX-License-Identifier: ISC
 */
#include "process/daemon.h"

#include "arena/passing.h"
#include "os/os.h"
#include "os/signals.h"
#include "os/words.h"
#include "process/current.h"
#include "report/last_error.h"
#include "report/unread.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>

static const char call[] = "secmalloc_daemon";

/* ---- The fork ----------------------------------------------------------- */

/* The number of threads. Where the system never reports it, those that have a
 * cache are still known. -1 with words. */
static int count_threads(struct smi_arena *arena, size_t *threads)
{
	size_t caches = arena->caches.attached
	                + (smi_current_cache() == NULL ? 1 : 0);
	struct smi_text *text;
	int code;

	*threads = 0;
	if (smi_os_threads(threads) != 0 && errno != ENOTSUP) {
		code = errno;
		text = smi_last_error_begin();
		smi_text_add(text, "%s: ", call);
		smi_unread_explain(text, smi_words.threads_file,
		                   "the number of threads", code);
		errno = code == EMFILE || code == ENFILE ? code : ENOTSUP;
		return -1;
	}
	if (*threads < caches)
		*threads = caches;
	return 0;
}

/* After so many looks, some milliseconds later, another thread is no longer
 * expected to end. */
#define MOST_LOOKS 100

/* Other threads would be missing in the child, and could write to pages during
 * the fork. */
static int check_alone(struct smi_arena *arena)
{
	size_t threads;

	for (unsigned looks = 0;; looks++) {
		if (count_threads(arena, &threads) != 0)
			return -1;
		if (threads == 1)
			return 0;
		if (looks == MOST_LOOKS)
			break;
		smi_os_pause(looks);
	}
	return smi_last_error_set(
		ENOTSUP,
		"%s: the process has %zu threads, and only this one would "
		"exist in the child: make this call before starting others, or "
		"an io_uring with workers",
		call, threads);
}

/* Have later children get no copy. If the kernel refuses, they unmap it. */
static void keep_from_children(struct smi_arena *arena, bool strayed)
{
	if (smi_passing_share(arena, false) == 0)
		smi_current.strays = strayed;
}

/* fork_with() while all signals are blocked. */
static int fork_quietly(struct smi_arena *arena)
{
	bool strayed = smi_current.strays;
	int child, code;

	smi_current.strays = true;
	if (smi_passing_share(arena, true) != 0) {
		code = errno;
		keep_from_children(arena, strayed);
		return smi_last_error_set(code,
		                          "%s: the kernel refused to let the "
		                          "child have the pools (errno %d)",
		                          call, code);
	}
	smi_current_thread.moves = true;
	child = smi_os_fork();
	code = errno;
	smi_current_thread.moves = false;
	if (child == 0) {
		smi_current.strays = strayed;
		return 0;
	}
	keep_from_children(arena, strayed);
	if (child < 0)
		smi_last_error_set(code, "%s: fork() failed (errno %d)", call,
		                   code);
	return child;
}

/*
 * Fork, and let the child have the arena whatever the fork policy is. Returns
 * as smi_os_fork(), with words if -1. A signal handler that forked meanwhile
 * would pass the arena on, too.
 */
static int fork_with(struct smi_arena *arena)
{
	int child;

	smi_signals_block(&smi_current.mask_after);
	child = fork_quietly(arena);
	pthread_sigmask(SIG_SETMASK, &smi_current.mask_after, NULL);
	return child;
}

/* ---- Both sides ---------------------------------------------------------- */

/* What the child reports before the parent exits. */
struct report {
	int code; /* an errno, or 0 for success */
	char words[SMI_LAST_ERROR_BYTES];
};
_Static_assert(sizeof(struct report) <= SMI_GATE_MOST_BYTES,
               "a report passes the gate in one piece");

/* Finish becoming a daemon, in the child. */
static void settle(struct report *report, bool change_directory,
                   bool close_streams)
{
	const char *step;

	report->code = smi_current.lost_code;
	if (report->code != 0) {
		memcpy(report->words, smi_current.lost_words,
		       sizeof(report->words));
		return;
	}
	if (smi_os_leave_session(change_directory, close_streams, &step) == 0)
		return;
	report->code = errno;
	smi_last_error_set(errno, "%s failed in the child (errno %d)", step,
	                   errno);
	smi_last_error_save(report->words);
}

static enum smi_gate_end receive(int gate[2], struct report *report)
{
	enum smi_gate_end end;
	sigset_t before;

	smi_signals_block(&before);
	end = smi_os_gate_wait(gate, report, sizeof(*report), SMI_GATE_PATIENCE,
	                       &before);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return end;
}

/* Say how a child ended that did not report. Returns -1 with errno. */
static int explain_end(const struct smi_end *end)
{
	struct smi_text *text = smi_last_error_begin();

	smi_text_add(text, "%s: ", call);
	if (end->code != 0)
		smi_text_add(text,
		             "the child ended before it was ready, and how "
		             "could not be found out (errno %d)",
		             end->code);
	else if (end->signal != 0)
		smi_text_add(text,
		             "the child was killed by signal %d before it was "
		             "ready",
		             end->signal);
	else
		smi_text_add(text,
		             "the child exited with status %d before it was "
		             "ready",
		             end->status);
	if (end->signal == SIGKILL)
		smi_text_add(text, ": a memory limit may be too small for two "
		                   "copies (see the kernel's log)");
	errno = ECHILD;
	return -1;
}

/* Wait for the child's report, in the parent: exit on success, or return -1
 * with errno and words. */
static int wait_for(int child, int gate[2])
{
	struct report report;
	struct smi_end end;

	switch (receive(gate, &report)) {
	case SMI_GATE_LEFT:
		end = smi_os_reap(child);
		return explain_end(&end);
	case SMI_GATE_SILENT:
		smi_os_kill(child);
		return smi_last_error_set(
			ETIMEDOUT,
			"%s: the child was stopped or very slow, and was "
			"killed",
			call);
	case SMI_GATE_OPENED:
		break;
	}
	if (report.code == 0) {
		smi_current_fini();
		smi_os_exit(0);
	}
	smi_os_reap(child);
	return smi_last_error_set(report.code, "%s: %s", call, report.words);
}

int smi_daemon_become(bool change_directory, bool close_streams)
{
	struct smi_arena *arena = smi_current_enter(call);
	struct report report = {0};
	int code = errno, gate[2], child;

	if (arena == NULL)
		return -1;
	/* The arena stays without its lock, as there is only this thread. */
	smi_current_leave(arena);
	if (check_alone(arena) != 0)
		return -1;
	if (smi_os_gate_make(gate) != 0)
		return smi_last_error_set(errno,
		                          "%s: no socket to the child could "
		                          "be created (errno %d)",
		                          call, errno);
	child = fork_with(arena);
	if (child < 0) {
		smi_os_gate_drop(gate);
		return -1;
	}
	if (child > 0)
		return wait_for(child, gate);
	smi_os_gate_enter(gate);
	settle(&report, change_directory, close_streams);
	if (!smi_os_gate_open(gate, &report, sizeof(report))
	    || report.code != 0) {
		smi_current_fini();
		smi_os_exit(1);
	}
	errno = code;
	return 0;
}
