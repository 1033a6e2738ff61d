/*
 * verify_process.c - whether the process can get privileges back, or be dumped
 *
 * Linux keeps credentials per thread. libc changes the ids of all threads at
 * once; but a change of capabilities, or of ids by a bare system call, affects
 * only one thread.
 *
 * SPDX-License-Identifier: ISC
 */
#include "verify/verify_process.h"

#include "os/os.h"
#include "os/proc.h"
#include "os/words.h"

#include <errno.h>

/* ---- Threads ------------------------------------------------------------ */

/* The number of threads with a finding, and the details of the first one. */
struct tally {
	size_t threads;
	struct smi_credentials first;
};

/* What is wrong with a thread. */
enum { UIDS, GIDS, GROUPS, PERMITTED, INHERITABLE, KINDS };

struct walk {
	bool ids;
	uint64_t unwanted; /* capabilities */
	size_t threads;
	struct tally tallies[KINDS]; /* of ordinary threads */
	struct tally io_uring;       /* of workers with any of these findings */
};

static void count(struct tally *tally, bool found,
                  const struct smi_credentials *credentials)
{
	if (found && tally->threads++ == 0)
		tally->first = *credentials;
}

/* The index of an id that gives privileges back, or SMI_IDS if all four ids are
 * the same and not 0. */
static enum smi_id bad_id(const size_t *ids)
{
	if (ids[SMI_EFFECTIVE] == 0)
		return SMI_EFFECTIVE;
	for (unsigned i = 0; i < SMI_IDS; i++)
		if (ids[i] == 0)
			return (enum smi_id)i;
	for (unsigned i = 0; i < SMI_IDS; i++)
		if (ids[i] != ids[SMI_EFFECTIVE])
			return (enum smi_id)i;
	return SMI_IDS;
}

static uint64_t only_inheritable(const struct smi_credentials *c)
{
	return c->inheritable & ~c->permitted;
}

static void start(void *with)
{
	struct walk *walk = with;

	*walk = (struct walk){.ids = walk->ids, .unwanted = walk->unwanted};
}

static void see(const struct smi_credentials *c, void *with)
{
	struct walk *walk = with;
	const bool found[KINDS] = {
		[UIDS] = walk->ids && bad_id(c->uids) != SMI_IDS,
		[GIDS] = walk->ids && bad_id(c->gids) != SMI_IDS,
		[GROUPS] = walk->ids && c->in_group_0,
		[PERMITTED] = (c->permitted & walk->unwanted) != 0,
		[INHERITABLE] = (only_inheritable(c) & walk->unwanted) != 0,
	};
	enum smi_thread_kind kind = SMI_THREAD_ORDINARY;
	bool any = false;

	for (unsigned i = 0; i < KINDS; i++)
		any = any || found[i];
	if (any)
		kind = smi_proc_thread_kind(c->thread);
	if (kind == SMI_THREAD_ENDED)
		return;
	walk->threads++;
	count(&walk->io_uring, any && kind == SMI_THREAD_IO_URING, c);
	for (unsigned i = 0; i < KINDS; i++)
		count(&walk->tallies[i],
		      found[i] && kind == SMI_THREAD_ORDINARY, c);
}

/* Append " in 2 of 5 threads, the first of them 4711"; nothing if the finding
 * is about all threads. */
static const char *where(const struct walk *walk, const struct tally *tally,
                         char *buffer, size_t room)
{
	struct smi_text text;

	smi_text_start(&text, buffer, room);
	if (tally->threads < walk->threads)
		smi_text_add(&text,
		             " in %zu of %zu threads, the first of them %zu",
		             tally->threads, walk->threads,
		             tally->first.thread);
	return buffer;
}

#define WHERE_BYTES 96

static void tell_ids(const struct walk *walk, const struct tally *tally,
                     const char *kind, const size_t *ids,
                     struct smi_verdict *verdict)
{
	static const char *const names[SMI_IDS] = {
		"real",
		"effective",
		"saved",
		"file system",
	};
	char buffer[WHERE_BYTES];
	enum smi_id bad;

	if (tally->threads == 0)
		return;
	bad = bad_id(ids);
	if (bad == SMI_EFFECTIVE)
		smi_verdict_fail(verdict,
		                 "the effective %s is 0%s: use setres%s "
		                 "to drop it",
		                 kind,
		                 where(walk, tally, buffer, sizeof(buffer)),
		                 kind);
	else
		smi_verdict_fail(verdict,
		                 "the %s %s is still %zu but the effective "
		                 "one is %zu%s: use setres%s, which sets them "
		                 "all",
		                 names[bad], kind, ids[bad], ids[SMI_EFFECTIVE],
		                 where(walk, tally, buffer, sizeof(buffer)),
		                 kind);
}

/* Append names of capabilities, and the number of those left out. */
static void add_names(struct smi_text *text, uint64_t set)
{
	unsigned named = 0;

	for (unsigned i = 0; i < 64 && named < 3; i++) {
		const char *name = smi_proc_capability_name(i);

		if ((set >> i & 1) == 0)
			continue;
		set &= ~((uint64_t)1 << i);
		smi_text_add(text, named++ > 0 ? ", " : "");
		if (name != NULL)
			smi_text_add(text, "%s", name);
		else
			smi_text_add(text, "%zu", (size_t)i);
	}
	if (set != 0)
		smi_text_add(text, " and %zu more",
		             (size_t)__builtin_popcountll(set));
}

static void tell_capabilities(const struct walk *walk,
                              const struct tally *tally, const char *how,
                              uint64_t set, struct smi_verdict *verdict)
{
	char buffer[WHERE_BYTES], names[128];
	struct smi_text text;
	bool one = (set & (set - 1)) == 0;

	if (tally->threads == 0)
		return;
	smi_text_start(&text, names, sizeof(names));
	add_names(&text, set);
	smi_verdict_fail(verdict,
	                 "%s %s %s still %s%s: drop %s with capset, which "
	                 "each thread must call for itself",
	                 one ? "capability" : "capabilities", names,
	                 one ? "is" : "are", how,
	                 where(walk, tally, buffer, sizeof(buffer)),
	                 one ? "it" : "them");
}

/* Only the program's own threads can drop their privileges. */
static void tell_io_uring(const struct walk *walk, struct smi_verdict *verdict)
{
	const struct smi_credentials *c = &walk->io_uring.first;
	char buffer[WHERE_BYTES];

	if (walk->io_uring.threads == 0)
		return;
	smi_verdict_fail(verdict,
	                 "workers of an io_uring keep the privileges that its "
	                 "maker had (effective uid %zu, effective gid %zu, "
	                 "%zu capabilities)%s: make the io_uring after "
	                 "dropping privileges",
	                 c->uids[SMI_EFFECTIVE], c->gids[SMI_EFFECTIVE],
	                 (size_t)__builtin_popcountll(c->permitted),
	                 where(walk, &walk->io_uring, buffer, sizeof(buffer)));
}

static void tell_threads(const struct walk *walk, struct smi_verdict *verdict)
{
	const struct tally *tallies = walk->tallies;
	char buffer[WHERE_BYTES];

	tell_ids(walk, &tallies[UIDS], "uid", tallies[UIDS].first.uids,
	         verdict);
	tell_ids(walk, &tallies[GIDS], "gid", tallies[GIDS].first.gids,
	         verdict);
	if (tallies[GROUPS].threads > 0)
		smi_verdict_fail(verdict,
		                 "the supplementary groups include 0%s: call "
		                 "setgroups before setresuid",
		                 where(walk, &tallies[GROUPS], buffer,
		                       sizeof(buffer)));
	tell_capabilities(walk, &tallies[PERMITTED], "permitted",
	                  tallies[PERMITTED].first.permitted & walk->unwanted,
	                  verdict);
	tell_capabilities(walk, &tallies[INHERITABLE], "inheritable",
	                  only_inheritable(&tallies[INHERITABLE].first)
	                          & walk->unwanted,
	                  verdict);
	tell_io_uring(walk, verdict);
}

/* Whether only some of the threads have a finding. */
static bool is_partial(const struct walk *walk)
{
	for (unsigned i = 0; i < KINDS; i++)
		if (walk->tallies[i].threads > 0
		    && walk->tallies[i].threads < walk->threads)
			return true;
	return false;
}

/* After so many looks, some milliseconds later, a finding stays. */
#define MOST_LOOKS 100

/*
 * Look at all threads. libc does not change the ids of a thread that is about
 * to end, so a finding in only some threads may be gone in a moment. 0, or an
 * errno as smi_proc_each_thread().
 */
static int look(struct walk *walk)
{
	for (unsigned looks = 0;; looks++) {
		if (smi_proc_each_thread(start, see, walk) != 0)
			return errno;
		/* This thread at least has not ended. */
		if (walk->threads == 0)
			return EBADMSG;
		if (!is_partial(walk) || looks == MOST_LOOKS)
			return 0;
		smi_os_pause(looks);
	}
}

void smi_verify_process_threads(bool ids, bool capabilities,
                                struct smi_verdict *verdict)
{
	struct walk walk = {
		.ids = ids || !smi_proc_has_capabilities(),
		.unwanted = capabilities
	                            ? UINT64_MAX
	                            : 1u << SMI_CAPABILITY_SETUID
	                                      | 1u << SMI_CAPABILITY_SETGID,
	};
	int code = look(&walk);

	tell_threads(&walk, verdict);
	if (code != 0)
		smi_verdict_unread(verdict, smi_words.threads_file,
		                   "the ids and capabilities of all threads",
		                   code);
}

/* ---- Dumps -------------------------------------------------------------- */

/* Whether the process may be dumped, as smi_os_dumpable(); -1 if that could not
 * be found out, which is reported. */
static int dumpable(struct smi_verdict *verdict)
{
	int is = smi_os_dumpable();

	if (is < 0 && errno == ENOTSUP)
		smi_verdict_unknown(verdict,
		                    "this system does not report whether the "
		                    "process can be dumped or traced "
		                    "(errno %d)",
		                    errno);
	else if (is < 0)
		smi_verdict_unknown(verdict,
		                    "%s failed (errno %d): allow it in the "
		                    "system call filter",
		                    smi_words.dumpable_call, errno);
	return is;
}

void smi_verify_process_dumpable(bool no_dump, struct smi_verdict *verdict)
{
	int is = dumpable(verdict);

	if (is > 0 && no_dump)
		smi_verdict_fail(verdict,
		                 "the process is dumpable again (%d), %s", is,
		                 smi_words.dumpable_again);
	else if (is > 0)
		smi_verdict_fail(verdict, "the process is dumpable (%d): %s",
		                 is, smi_words.dumpable_remedy);
}

/* Append a limit: "unlimited", or the number. */
static const char *limit_words(size_t bytes, char *buffer, size_t room)
{
	struct smi_text text;

	smi_text_start(&text, buffer, room);
	if (bytes == SIZE_MAX)
		smi_text_add(&text, "unlimited");
	else
		smi_text_add(&text, "%zu", bytes);
	return buffer;
}

/*
 * A limit of 1 is too small for a core file, and tells the kernel not to start
 * the program that core_pattern pipes to. The hard limit counts, because any
 * process of the same user may raise the soft limit to it.
 */
static void judge_limits(const struct smi_core_limits *limits, bool is_pipe,
                         struct smi_verdict *verdict)
{
	char words[24];

	limit_words(limits->soft, words, sizeof(words));
	if (is_pipe && limits->soft != 1)
		smi_verdict_fail(verdict,
		                 "RLIMIT_CORE is %s, but core_pattern is a "
		                 "pipe: set both limits to 1 while still "
		                 "root (LimitCORE=1 in systemd)",
		                 words);
	else if (limits->soft > 1)
		smi_verdict_fail(verdict,
		                 "RLIMIT_CORE is %s: set both limits to %s",
		                 words, smi_words.core_remedy);
	else if (limits->hard > 1)
		smi_verdict_fail(verdict,
		                 "RLIMIT_CORE is %s, but the hard limit, to "
		                 "which any process of the same user can "
		                 "raise it, is %s: lower the hard limit too",
		                 limits->soft == 0 ? "0" : "1",
		                 limit_words(limits->hard, words,
		                             sizeof(words)));
}

void smi_verify_process_core_limit(struct smi_verdict *verdict)
{
	struct smi_core_limits limits;
	enum smi_core_sink sink;

	if (smi_proc_core_sink(&sink) != 0)
		smi_verdict_unread(verdict, smi_words.core_sink_file,
		                   "where core dumps go", errno);
	else if (sink == SMI_CORE_SOCKET && dumpable(verdict) > 0)
		smi_verdict_fail(verdict,
		                 "core_pattern is a socket, which receives "
		                 "dumps whatever RLIMIT_CORE is: call "
		                 "prctl(PR_SET_DUMPABLE, 0)");
	else if (sink == SMI_CORE_SOCKET)
		return;
	else if (smi_os_core_limits(&limits) != 0)
		smi_verdict_unknown(verdict,
		                    "RLIMIT_CORE could not be read "
		                    "(errno %d): allow %s in the system call "
		                    "filter",
		                    errno, smi_words.limit_call);
	else
		judge_limits(&limits, sink == SMI_CORE_PIPE, verdict);
}
