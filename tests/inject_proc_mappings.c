/*
 * Lists of mappings and core patterns that are cut short at every position,
 * empty, or full of what no kernel writes: secmalloc_verify() never reports a
 * fault that it did not find, and never passes a check that it could not make.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "inject_proc.h"

#define LOCKED ((unsigned)SECMALLOC_VERIFY_LOCKED)
#define ADVICE ((unsigned)SECMALLOC_VERIFY_ADVICE)
#define CORE   ((unsigned)SECMALLOC_VERIFY_CORE)

#define SMAPS        "/proc/thread-self/smaps"
#define CORE_PATTERN "/proc/sys/kernel/core_pattern"

/* ---- Mappings ----------------------------------------------------------- */

/* The mappings of this process that are locked, and one after them, in `few`.
 * `arena_end` and `first_end` are the lengths up to the end of the last and of
 * the first locked one. */
static char few[1 << 16];
static size_t arena_end, first_end;

/* The start of the mapping after the one that starts at `at`. */
static char *after(char *at)
{
	char *flags = strstr(at, "\nVmFlags:");

	return flags == NULL ? NULL : strchr(flags + 1, '\n') + 1;
}

static bool take_locked(void)
{
	static char text[1 << 20];
	FILE *file = fopen("/proc/self/smaps", "r");
	bool is_last = false;
	char *to = few;

	text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
	fclose(file);
	arena_end = first_end = 0;
	for (char *at = text, *end; (end = after(at)) != NULL; at = end) {
		char *flags = strstr(at, "\nVmFlags:");
		char *locked = strstr(flags, " lo");
		bool is = locked != NULL && locked < end;

		if (!is && (arena_end == 0 || is_last))
			continue;
		is_last = !is;
		memcpy(to, at, (size_t)(end - at));
		to += end - at;
		if (is)
			arena_end = (size_t)(to - few);
		if (is && first_end == 0)
			first_end = arena_end;
	}
	*to = '\0';
	return arena_end > first_end && (size_t)(to - few) > arena_end;
}

static void make_arena(void)
{
	static const struct secmalloc_config config = {
		.initial_pools = 1,
		.pool_size = 65536,
		.guarded_chunks = 2,
	};

	if (secmalloc_init(&config) != 0)
		case_skip_init();
	if (!passes(LOCKED | ADVICE) || !take_locked())
		case_skip("smaps cannot be divided");
}

static bool sound_mappings(void)
{
	struct cuts cuts;

	make_arena();
	put(0, SMAPS, few);
	return passes(LOCKED | ADVICE)
	       && cut_everywhere(LOCKED | ADVICE, SMAPS, &cuts)
	       && cuts.failed == 0 && cuts.passed >= 2
	       && cuts.passed_from == arena_end;
}

static bool unlocked_mappings(void)
{
	struct cuts cuts;

	make_arena();
	for (char *at = few; (at = strstr(at, " lo ")) != NULL;)
		memcpy(at, " xx ", 4);
	put(0, SMAPS, few);
	return finds(LOCKED, "key page is not locked")
	       && cut_everywhere(LOCKED, SMAPS, &cuts) && cuts.passed == 0
	       && cuts.failed > 0 && cuts.failed_from == first_end;
}

/* A mapping in the middle is missing: only a later one shows that. */
static bool mapping_is_missing(void)
{
	char *gap, *next;
	size_t next_end;
	struct cuts cuts;

	make_arena();
	/* After the first locked mapping comes a guard. */
	gap = after(few + first_end);
	next = after(gap);
	next_end = (size_t)(after(next) - next) + (size_t)(gap - few);
	memmove(gap, next, strlen(next) + 1);
	put(0, SMAPS, few);
	return finds(LOCKED, "is not mapped")
	       && cut_everywhere(LOCKED, SMAPS, &cuts) && cuts.passed == 0
	       && cuts.failed_from == next_end;
}

static bool with_line(const char *from, const char *to)
{
	static char changed[1 << 16];
	char *at = strstr(few, from);
	bool good;

	if (at == NULL)
		return false;
	snprintf(changed, sizeof(changed), "%.*s%s%s", (int)(at - few), few, to,
	         at + strlen(from));
	put(0, SMAPS, changed);
	good = fails(LOCKED | ADVICE, ENOTSUP, "");
	if (!good)
		tap_note("'%s' for '%s'", to, from);
	return good;
}

static bool lines_that_do_not_parse(void)
{
	make_arena();
	return with_line("\nRss: ", "\nRss: x") && with_line("\nRss:", "\nRs:")
	       && with_line("\nSwap: ", "\nSwap: -") && with_line("-", "+")
	       && with_line("\nVmFlags:", "\nVmFlags: lock")
	       && with_line("\nVmFlags:", "\nFlags:")
	       && with_line("\nSize:", "\nSize") && with_line("", "x\n");
}

/* A kernel before 3.17, and a kernel without smaps. */
static bool old_kernel(void)
{
	char own[64];

	make_arena();
	snprintf(insteads[0].of, sizeof(insteads[0].of), "%s", SMAPS);
	strcpy(insteads[0].with, "/nowhere");
	if (!passes(LOCKED | ADVICE) || insteads[0].uses == 0)
		return false;
	snprintf(own, sizeof(own), "/proc/self/task/%d/smaps", getpid());
	snprintf(insteads[1].of, sizeof(insteads[1].of), "%s", own);
	strcpy(insteads[1].with, "/nowhere");
	return fails(LOCKED, ENOTSUP,
	             "(errno 2): use a kernel with CONFIG_PROC_PAGE_MONITOR");
}

/* ---- Core dumps --------------------------------------------------------- */

static bool pattern_in_pieces(void)
{
	struct cuts cuts;

	put(0, CORE_PATTERN, "@/run/x\n");
	if (!finds(CORE, "socket") || !cut_everywhere(CORE, CORE_PATTERN, &cuts)
	    || cuts.passed != 0 || cuts.failed_from != 1)
		return false;
	put(0, CORE_PATTERN, "");
	return fails(CORE, ENOTSUP, "(errno 74): it is empty");
}

int main(void)
{
	inject_proc_start();
	try_files(
		"sound mappings never fail, and pass only if all of the arena "
		"is there",
		sound_mappings);
	try_files("unlocked mappings never pass, and fail once one is whole",
	          unlocked_mappings);
	try_files(
		"a missing mapping never passes, and fails once a later one is "
		"whole",
		mapping_is_missing);
	try_files("mappings that do not parse give no finding",
	          lines_that_do_not_parse);
	try_files("the mappings are found without /proc/thread-self",
	          old_kernel);
	try_files("an empty core_pattern is not believed", pattern_in_pieces);
	inject_proc_end();
}
