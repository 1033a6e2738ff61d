/* Each thread that has failed has a message of its own until it ends. */
/* SPDX-License-Identifier: ISC */
#include "report/messages.h"

#include "thread.h"
#include "unit.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>

/* So many have the static messages, and all of those that are then mapped. */
#define THREADS (2 * (size_t)SMI_MESSAGES_BLOCK)

static pthread_barrier_t ready, go;

static void write_number(size_t number)
{
	smi_text_add(smi_messages_start(), "thread %zu", number);
}

static bool has_number(size_t number)
{
	char want[40];
	const struct smi_text *text = smi_messages_mine();

	snprintf(want, sizeof(want), "thread %zu", number);
	return text != NULL && strcmp(text->buffer, want) == 0;
}

/* The memory of a thread's words, or NULL if there was something else in it. */
static void *write_and_end(void *number)
{
	if (smi_messages_mine() != NULL)
		return NULL;
	write_number((uintptr_t)number);
	return has_number((uintptr_t)number) ? smi_messages_mine() : NULL;
}

static void *write_and_wait(void *number)
{
	void *text = write_and_end(number);

	pthread_barrier_wait(&ready);
	pthread_barrier_wait(&go);
	return has_number((uintptr_t)number) ? text : NULL;
}

/* Run threads at the same time; `meanwhile` runs when each has its message. */
static void run_together(void *texts[THREADS], void (*meanwhile)(void))
{
	static pthread_t threads[THREADS];

	pthread_barrier_init(&ready, NULL, THREADS + 1);
	pthread_barrier_init(&go, NULL, THREADS + 1);
	for (size_t i = 0; i < THREADS; i++)
		thread_begin(&threads[i], write_and_wait, (void *)i);
	pthread_barrier_wait(&ready);
	meanwhile();
	pthread_barrier_wait(&go);
	for (size_t i = 0; i < THREADS; i++)
		pthread_join(threads[i], &texts[i]);
}

static void do_nothing(void)
{
}

static int order(const void *a, const void *b)
{
	uintptr_t first = *(const uintptr_t *)a, second = *(const uintptr_t *)b;

	return first < second ? -1 : first > second;
}

START_TEST(threads_do_not_share_messages)
{
	static void *texts[THREADS];

	write_number(THREADS);
	run_together(texts, do_nothing);
	ck_assert(has_number(THREADS));
	qsort(texts, THREADS, sizeof(*texts), order);
	ck_assert_ptr_nonnull(texts[0]);
	for (size_t i = 1; i < THREADS; i++)
		ck_assert_ptr_ne(texts[i - 1], texts[i]);
}
END_TEST

START_TEST(a_message_is_given_back_at_the_end_of_its_thread)
{
	static void *texts[THREADS];
	pthread_t thread;
	void *text = NULL;

	for (size_t i = 0; i < 2000; i++) {
		thread_begin(&thread, write_and_end, (void *)i);
		pthread_join(thread, &text);
		ck_assert_ptr_nonnull(text);
		ck_assert(i == 0 || text == texts[0]);
		texts[0] = text;
	}
	/* Those in mapped memory are given back too. */
	for (int i = 0; i < 3; i++) {
		void *before = i > 1 ? texts[THREADS - 1] : NULL;

		run_together(texts, do_nothing);
		qsort(texts, THREADS, sizeof(*texts), order);
		if (before != NULL)
			ck_assert_ptr_eq(before, texts[THREADS - 1]);
	}
}
END_TEST

static pthread_key_t late_key;
static bool late_is_closed;

static void fail_late(void *rounds)
{
	const struct smi_text *text = smi_messages_start();

	late_is_closed = strstr(text->buffer, "this thread is ending") != NULL;
	if (rounds != NULL && (uintptr_t)rounds < 100)
		pthread_setspecific(late_key, (void *)((uintptr_t)rounds + 1));
}

static void *end_late(void *number)
{
	write_number((uintptr_t)number);
	pthread_setspecific(late_key, (void *)1);
	return smi_messages_mine();
}

/* What fails in the last destructors of a thread could not be given back. */
START_TEST(an_ending_thread_takes_no_message)
{
	pthread_t thread;
	void *text, *before = NULL;

	write_number(1);
	ck_assert_int_eq(pthread_key_create(&late_key, fail_late), 0);
	for (size_t i = 0; i < THREADS; i++) {
		thread_begin(&thread, end_late, (void *)i);
		pthread_join(thread, &text);
		ck_assert(late_is_closed);
		ck_assert(before == NULL || text == before);
		before = text;
	}
}
END_TEST

/* Sanitizers need the memory that the first of these tests takes away, and
 * functions that a child of a process with threads may not call. */
#ifndef SECMALLOC_SANITIZED

/* All messages are taken, and no more can be mapped. */
static void be_without_memory(void)
{
	struct rlimit before, none = {0};
	const struct smi_text *text;

	getrlimit(RLIMIT_AS, &before);
	none.rlim_max = before.rlim_max;
	setrlimit(RLIMIT_AS, &none);
	if (mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
	    != MAP_FAILED) {
		tap_note("not tested: RLIMIT_AS has no effect here");
		setrlimit(RLIMIT_AS, &before);
		write_number(THREADS);
		return;
	}
	errno = E2BIG;
	write_number(THREADS);
	ck_assert_int_eq(errno, E2BIG);
	text = smi_messages_mine();
	ck_assert_str_eq(text->buffer, "the message is lost: there was no "
	                               "memory for it");
	setrlimit(RLIMIT_AS, &before);
	/* It is not lost for ever. */
	write_number(THREADS);
	ck_assert(has_number(THREADS));
}

START_TEST(without_memory_the_message_says_so)
{
	static void *texts[THREADS];

	run_together(texts, be_without_memory);
	for (size_t i = 0; i < THREADS; i++)
		ck_assert_ptr_nonnull(texts[i]);
}
END_TEST

/* The message that the first thread had, which still runs in the parent. */
static void *first_text;

/* In the child every message but its own is free again. */
static void fork_child(void)
{
	int status = -1;
	pid_t child = fork();

	if (child == 0) {
		pthread_t thread;
		void *text = NULL;

		smi_messages_forked();
		if (!has_number(THREADS))
			_exit(1);
		if (pthread_create(&thread, NULL, write_and_end, NULL) == 0) {
			pthread_join(thread, &text);
			if (text != first_text)
				_exit(2);
		}
		_exit(0);
	}
	waitpid(child, &status, 0);
	ck_assert_int_eq(status, 0);
}

static void write_and_fork(void)
{
	write_number(THREADS);
	fork_child();
}

START_TEST(a_child_has_the_messages_of_its_own_threads_only)
{
	static void *texts[THREADS];
	pthread_t thread;

	thread_begin(&thread, write_and_end, NULL);
	pthread_join(thread, &first_text);
	ck_assert_ptr_nonnull(first_text);
	run_together(texts, write_and_fork);
}
END_TEST

#define PLAIN_TESTS                           \
	, without_memory_the_message_says_so, \
		a_child_has_the_messages_of_its_own_threads_only
#else
#define PLAIN_TESTS
#endif

UNIT_MAIN("messages", threads_do_not_share_messages,
          a_message_is_given_back_at_the_end_of_its_thread,
          an_ending_thread_takes_no_message PLAIN_TESTS)
