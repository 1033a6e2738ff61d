/*
 * A write to a guard page next to a pool ends the process with SIGSEGV at that
 * very instruction. The library prints nothing.
 *
 * SPDX-License-Identifier: ISC
 */
#include "misuse.h"

/* Write at an offset from the start of pool 0. */
static void write_at(ptrdiff_t offset)
{
	*(volatile char *)hide((char *)pool0 + offset) = 1;
}

static void write_the_last_byte(void)
{
	write_at((ptrdiff_t)POOL - 1);
}
static void write_past_the_pool(void)
{
	write_at((ptrdiff_t)POOL);
}
static void write_before_the_pool(void)
{
	write_at(-1);
}

static void guards(void)
{
	static const struct {
		const char *name;
		void (*misuse)(void);
		bool dies;
	} table[] = {
		{"control: the last byte of a pool can be written",
	         write_the_last_byte, false},
		{"a write to the byte after a pool faults", write_past_the_pool,
	         true},
		{"a write to the byte before a pool faults",
	         write_before_the_pool, true},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct outcome got = run(start, table[i].misuse);
		bool died = WIFSIGNALED(got.status)
		            && WTERMSIG(got.status) == SIGSEGV;
		bool lived = WIFEXITED(got.status)
		             && WEXITSTATUS(got.status) == 97;

		if (WIFEXITED(got.status)
		    && WEXITSTATUS(got.status) == TAP_CANNOT)
			tap_skip_told(table[i].name);
		else
			tap_ok((table[i].dies ? died : lived)
			               && got.line[0] == '\0',
			       "%s", table[i].name);
	}
}

int main(void)
{
	misuse_start();
	guards();
	tap_done();
}
