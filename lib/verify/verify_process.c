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

struct walk {
	bool ids;
	uint64_t unwanted; /* capabilities */
	size_t threads;
	struct tally uids, gids, groups, permitted, inheritable;
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

static bool see(const struct smi_credentials *c, void *with)
{
	struct walk *walk = with;

	walk->threads++;
	if (walk->ids) {
		count(&walk->uids, bad_id(c->uids) != SMI_IDS, c);
		count(&walk->gids, bad_id(c->gids) != SMI_IDS, c);
		count(&walk->groups, c->in_group_0, c);
	}
	count(&walk->permitted, (c->permitted & walk->unwanted) != 0, c);
	count(&walk->inheritable,
	      (c->inheritable & ~c->permitted & walk->unwanted) != 0, c);
	return true;
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
	char buffer[WHERE_BYTES];
	bool whole = smi_proc_each_thread(see, &walk) == 0;

	tell_ids(&walk, &walk.uids, "uid", walk.uids.first.uids, verdict);
	tell_ids(&walk, &walk.gids, "gid", walk.gids.first.gids, verdict);
	if (walk.groups.threads > 0)
		smi_verdict_fail(verdict,
		                 "the supplementary groups include 0%s: call "
		                 "setgroups before setresuid",
		                 where(&walk, &walk.groups, buffer,
		                       sizeof(buffer)));
	tell_capabilities(&walk, &walk.permitted, "permitted",
	                  walk.permitted.first.permitted & walk.unwanted,
	                  verdict);
	tell_capabilities(&walk, &walk.inheritable, "inheritable",
	                  walk.inheritable.first.inheritable
	                          & ~walk.inheritable.first.permitted
	                          & walk.unwanted,
	                  verdict);
	if (!whole && errno == ENOTSUP)
		smi_verdict_unknown(verdict,
		                    "this system does not report all ids and "
		                    "capabilities of the threads (errno %d)",
		                    errno);
	else if (!whole)
		smi_verdict_unknown(verdict,
		                    "/proc/self/task, which shows the ids and "
		                    "capabilities of all threads, could not "
		                    "be read (errno %d): mount /proc",
		                    errno);
	else if (walk.threads == 0)
		smi_verdict_unknown(verdict,
		                    "/proc/self/task lists no threads: mount "
		                    "the /proc of this namespace");
}

/* ---- Dumps -------------------------------------------------------------- */

void smi_verify_process_dumpable(bool no_dump, struct smi_verdict *verdict)
{
	int dumpable = smi_os_dumpable();

	if (dumpable == 0)
		return;
	if (dumpable < 0 && errno == ENOTSUP)
		smi_verdict_unknown(verdict,
		                    "this system does not report whether the "
		                    "process can be dumped or traced "
		                    "(errno %d)",
		                    errno);
	else if (dumpable < 0)
		smi_verdict_unknown(verdict,
		                    "%s failed (errno %d): allow it in the "
		                    "system call filter",
		                    smi_words.dumpable_call, errno);
	else if (no_dump)
		smi_verdict_fail(verdict,
		                 "the process is dumpable again (%d), %s",
		                 dumpable, smi_words.dumpable_again);
	else
		smi_verdict_fail(verdict, "the process is dumpable (%d): %s",
		                 dumpable, smi_words.dumpable_remedy);
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
void smi_verify_process_core_limit(struct smi_verdict *verdict)
{
	struct smi_core_limits limits;
	enum smi_core_sink sink;
	char words[24];

	smi_os_core_limits(&limits);
	if (smi_proc_core_sink(&sink) != 0) {
		if (errno == ENOTSUP)
			smi_verdict_unknown(verdict,
			                    "this system does not report "
			                    "where core dumps go (errno %d)",
			                    errno);
		else
			smi_verdict_unknown(
				verdict,
				"/proc/sys/kernel/core_pattern, on which the "
				"right RLIMIT_CORE depends, could not be read "
				"(errno %d): mount /proc",
				errno);
		return;
	}
	limit_words(limits.soft, words, sizeof(words));
	if (sink == SMI_CORE_SOCKET && smi_os_dumpable() != 0)
		smi_verdict_fail(verdict,
		                 "core_pattern is a socket, which receives "
		                 "dumps whatever RLIMIT_CORE is: call "
		                 "prctl(PR_SET_DUMPABLE, 0)");
	else if (sink == SMI_CORE_PIPE && limits.soft != 1)
		smi_verdict_fail(verdict,
		                 "RLIMIT_CORE is %s, but core_pattern is a "
		                 "pipe: set RLIMIT_CORE to 1",
		                 words);
	else if (sink == SMI_CORE_FILE && limits.soft > 1)
		smi_verdict_fail(verdict, "RLIMIT_CORE is %s: set it to %s",
		                 words, smi_words.core_remedy);
	else if (sink != SMI_CORE_SOCKET && limits.hard > 1)
		smi_verdict_fail(verdict,
		                 "RLIMIT_CORE is %s, but the hard limit, to "
		                 "which any process of the same user can "
		                 "raise it, is %s: lower the hard limit too",
		                 limits.soft == 0 ? "0" : "1",
		                 limit_words(limits.hard, words,
		                             sizeof(words)));
}
