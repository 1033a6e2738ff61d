/*
 * remedy.h - follows the remedies that messages name
 *
 * A trial is a call that fails because a limit is too low, or a field of the
 * configuration. Its message is read, the limit or field is set to the figure
 * in the message, and the call succeeds. With a little less it fails again.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TESTS_REMEDY_H
#define TESTS_REMEDY_H

#include "backing.h"
#include "child.h"
#include "hide.h"
#include "tap.h"

#include <errno.h>
#include <secmalloc.h>
#include <sys/mman.h>
#include <sys/resource.h>

#define PAGE        ((size_t)4096)
#define POOL        (64 * KIB)
#define LIMIT_BYTES "LimitMEMLOCK="
#define FILE_BYTES  "LimitFSIZE="

/* A call that fails under a limit, and what it needs. */
struct trial {
	const char *name;
	size_t limit;      /* at first */
	size_t control;    /* the figure less this is too little; 0: a page */
	bool (*act)(void); /* true if the call succeeded */
	/* Runs first, as root and without the limit, or is NULL. */
	bool (*prepare)(void);
	const char *also;   /* words that the message has to contain, or NULL */
	const char *figure; /* what comes before the figure */
	unsigned backing;
	bool stays_root;
	bool is_field; /* of a field of the configuration, not a limit */
	bool is_both;  /* the lock limit is too low as well */
};

/* The child leaves its result here for the test. */
static struct {
	volatile bool tried, good;
	char words[1024];
} * told;

static const struct trial *now;

/* ---- Limits ------------------------------------------------------------- */

static bool is_set(int result, size_t bytes)
{
	if (result == 0)
		return true;
	tap_cannot("a limit cannot be set to %zu: %s", bytes, strerror(errno));
	return false;
}

static bool set_lock_limit(size_t bytes)
{
	struct rlimit limit = {bytes, bytes};

	return is_set(setrlimit(RLIMIT_MEMLOCK, &limit), bytes);
}

static bool set_file_limit(size_t bytes)
{
	struct rlimit limit = {bytes, bytes};

	return is_set(setrlimit(RLIMIT_FSIZE, &limit), bytes);
}

static size_t limit_now, lock_limit_now, field_now;

/* Make the limit, or the field, what it is in this run. */
static bool set_now(void)
{
	if (now->is_both && !set_lock_limit(lock_limit_now))
		return false;
	if (now->is_field)
		return true;
	return strcmp(now->figure, FILE_BYTES) == 0 ? set_file_limit(limit_now)
	                                            : set_lock_limit(limit_now);
}

static int run_trial(void)
{
	bool good;

	field_now = limit_now;
	if (now->prepare != NULL && (geteuid() != 0 || !now->prepare()))
		return tap_cannot("cannot be prepared without root");
	if (!set_now())
		return TAP_CANNOT;
	if (!now->stays_root && !child_become_nobody())
		return TAP_CANNOT;
	good = now->act();
	if (tap_reason[0] != '\0')
		return TAP_CANNOT;
	if (!told->tried) {
		told->good = good;
		snprintf(told->words, sizeof(told->words), "%s",
		         secmalloc_error());
		told->tried = true;
	}
	return 0;
}

/* Whether the call succeeds under a limit. */
static bool succeeds(size_t limit, bool *skip)
{
	int end;

	memset(told, 0, sizeof(*told));
	limit_now = limit;
	end = in_child(run_trial);
	*skip = end == TAP_CANNOT;
	if (!*skip && (end != 0 || !told->tried))
		tap_note("%s: the process ended with %d", now->name, end);
	return end == 0 && told->tried && told->good;
}

/* ---- Figures ------------------------------------------------------------ */

/* The number after `mark` in the message, or 0. */
static size_t figure_after(const char *words, const char *mark)
{
	const char *at = strstr(words, mark);

	return at == NULL ? 0 : strtoul(at + strlen(mark), NULL, 10);
}

/* All figures of a message about the lock limit name one limit. */
static bool figures_agree(const char *words)
{
	size_t bytes = figure_after(words, LIMIT_BYTES);

	return figure_after(words, ", memlock ") * KIB == bytes
	       && figure_after(words, "--ulimit memlock=") == bytes;
}

static void remedy_try(const struct trial *trial)
{
	char words[sizeof(told->words)];
	size_t figure;
	bool skip, good;

	now = trial;
	if (trial->backing == SECMALLOC_BACKING_SECRET
	    && !backing_secret_exists()) {
		tap_skip(trial->name, "the kernel has no memfd_secret");
		return;
	}
	lock_limit_now = POOL;
	good = succeeds(trial->limit, &skip);
	if (skip) {
		tap_skip_told(trial->name);
		return;
	}
	memcpy(words, told->words, sizeof(words));
	figure = figure_after(words, trial->figure);
	lock_limit_now = figure_after(words, LIMIT_BYTES);
	good = !good && figure != 0 && strlen(words) < 639
	       && (strcmp(trial->figure, LIMIT_BYTES) != 0
	           || figures_agree(words))
	       && (trial->also == NULL || strstr(words, trial->also) != NULL)
	       && succeeds(figure, &skip)
	       && !succeeds(figure - trial->control, &skip) && told->tried;
	if (!tap_ok(good, "%s", trial->name))
		tap_note("at first: %s; figure %zu; at last: %s", words, figure,
		         told->words);
}

static void remedy_start(void)
{
	tap_needs_plain_build();
	if (sysconf(_SC_PAGESIZE) != 4096)
		tap_skip_all("the figures are for pages of 4 KiB");
	tap_needs_lock(1024);
	told = mmap(NULL, sizeof(*told), PROT_READ | PROT_WRITE,
	            MAP_SHARED | MAP_ANONYMOUS, -1, 0);
}

/* Without a figure of its own, a trial is about the lock limit. */
#define TRIAL(what, first, call, ...)                                  \
	{                                                              \
		.name = what, .limit = first, .act = call, __VA_ARGS__ \
	}

static void remedy_try_all(const struct trial *trials, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct trial trial = trials[i];

		if (trial.control == 0)
			trial.control = PAGE;
		if (trial.figure == NULL)
			trial.figure = LIMIT_BYTES;
		remedy_try(&trial);
	}
}

/* ---- Calls that several suites try --------------------------------------- */

static inline bool init_with(struct secmalloc_config config)
{
	config.backing = now->backing;
	return secmalloc_init(&config) == 0;
}

static inline bool init_fixed(void)
{
	return init_with((struct secmalloc_config){.initial_pools = 4,
	                                           .pool_size = POOL});
}

static inline bool init_default(void)
{
	return init_with((struct secmalloc_config){.initial_pools = 4});
}

static inline bool start_one(void)
{
	return init_with((struct secmalloc_config){.initial_pools = 1,
	                                           .pool_size = POOL,
	                                           .guarded_chunks = 1});
}

static inline bool take_two_pools(void)
{
	const void *first = hide(secmalloc(60000));

	return first != NULL && hide(secmalloc(60000)) != NULL;
}

static inline bool take_two_cells(void)
{
	const void *first = hide(secmalloc_guarded(32));

	return first != NULL && hide(secmalloc_guarded(32)) != NULL;
}

#endif /* TESTS_REMEDY_H */
