/*
 * The function on_fault gets the line about a misuse, once. Nothing that the
 * process does from then on keeps it from ending with SIGABRT.
 *
 * SPDX-License-Identifier: ISC
 */
#include "misuse.h"
#include "thread.h"

#include <errno.h>
#include <pthread.h>

static void note_fault(const char *line)
{
	struct secmalloc_stats stats;
	int status = 1;
	pid_t pid;

	shared->on_fault_calls++;
	/* Every call fails here, and none of them hangs or aborts. */
	secfree(hide(shared));
	secmalloc_fini();
	if (secmalloc(1) == NULL && errno == ENXIO
	    && secmalloc_stats(&stats) == -1 && errno == ENXIO
	    && secmalloc_audit() == -1 && errno == ENXIO
	    && secmalloc_reserve(1) == -1 && errno == ENXIO
	    && secmalloc_trim() == 0 && secrealloc(hide(shared), 1) == NULL
	    && errno == ENXIO && secmalloc_init(NULL) == -1 && errno == EALREADY
	    && secmalloc_owns(shared) == 0)
		strcpy(shared->on_fault, line);
	/* The function can start a reporter, which can have an arena of its
	 * own. */
	pid = fork();
	if (pid == 0)
		_exit(secmalloc_init(NULL) != 0 || secmalloc(1) == NULL);
	if (waitpid(pid, &status, 0) != pid || status != 0)
		strcpy(shared->on_fault, "fork failed in on_fault");
}

static void start_calling(void (*on_fault)(const char *line))
{
	struct secmalloc_config config = {
		.initial_pools = 1,
		.on_fault = on_fault,
	};

	start_with(&config);
}

static void on_fault_is_called(void)
{
	char *chunk;

	start_calling(note_fault);
	chunk = chunk_of(32);
	expect("secfree(%p): inner pointer: byte 1 of the chunk of 32 bytes %s",
	       (void *)(chunk + 1), where(chunk));
	secfree(hide(chunk + 1));
}

static void note_call(const char *line)
{
	strcpy(shared->on_fault, line);
	shared->on_fault_calls++;
}

static void start_with_note(void)
{
	start_calling(note_call);
}

/* Standard error is a pipe without a reader, so the line cannot be written. */
static void misuse_with_a_broken_pipe(void)
{
	int ends[2];

	start_with_note();
	if (pipe(ends) != 0)
		_exit(98);
	close(ends[0]);
	dup2(ends[1], STDERR_FILENO);
	secfree(hide(shared));
}

static void *free_wildly(void *unused)
{
	pthread_cancel(pthread_self());
	secfree(hide(shared));
	return unused;
}

/* A pending cancellation of the thread does not save the process. */
static void misuse_by_a_cancelled_thread(void)
{
	pthread_t thread;

	start_with_note();
	expect("secfree(%p): foreign pointer: not in the arena",
	       (void *)shared);
	thread_begin(&thread, free_wildly, NULL);
	pthread_join(thread, NULL);
}

static void end_thread(const char *line)
{
	note_call(line);
	pthread_exit(NULL);
}

static void *misuse_and_end(void *unused)
{
	char *chunk = chunk_of(32);

	expect("secfree(%p): inner pointer: byte 1 of the chunk of 32 bytes %s",
	       (void *)(chunk + 1), where(chunk));
	secfree(hide(chunk + 1));
	return unused;
}

/* A thread that holds the arena's lock cannot end in on_fault. */
static void misuse_by_a_thread_that_ends(void)
{
	pthread_t thread;

	start_calling(end_thread);
	thread_begin(&thread, misuse_and_end, NULL);
	pthread_join(thread, NULL);
}

static void note_slowly(const char *line)
{
	note_call(line);
	usleep(300000);
}

static void *free_wildly_too(void *unused)
{
	secfree(hide(shared));
	return unused;
}

/* Two threads misuse the arena at the same time. Only one of them reports it.
 * */
static void misuse_by_two_threads(void)
{
	pthread_t threads[2];

	start_calling(note_slowly);
	expect("secfree(%p): foreign pointer: not in the arena",
	       (void *)shared);
	thread_begin(&threads[0], free_wildly_too, NULL);
	thread_begin(&threads[1], free_wildly_too, NULL);
	pthread_join(threads[0], NULL);
}

int main(void)
{
	misuse_start();
	if (WITHOUT(on_fault_is_called))
		tap_ok(shared->on_fault_calls == 1
		               && strcmp(shared->on_fault, shared->want) == 0,
		       "on_fault gets the line exactly once, and every call of "
		       "the arena fails in it");

	WITHOUT(misuse_by_a_cancelled_thread);
	if (WITHOUT(misuse_by_a_thread_that_ends))
		tap_ok(shared->on_fault_calls == 1,
		       "on_fault is called once when it ends its thread");
	if (WITHOUT(misuse_by_two_threads))
		tap_ok(shared->on_fault_calls == 1,
		       "on_fault is called once when two threads misuse the "
		       "arena");
	/* The line cannot be written, but the process still aborts. */
	if (WITHOUT(misuse_with_a_broken_pipe))
		tap_ok(shared->on_fault_calls == 1,
		       "on_fault is called although standard error is a broken "
		       "pipe");
	tap_done();
}
