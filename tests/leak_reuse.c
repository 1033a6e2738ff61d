/*
 * The next owner of the memory sees nothing of a chunk that was freed, moved or
 * made smaller. With plain malloc it sees all of it.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "backing.h"
#include "hide.h"
#include "tap.h"

#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <secmalloc.h>
#include <stdint.h>
#include <string.h>

static const size_t sizes[] = {16, 32, 100, 240, 1200, 2400, 4032, 9000, 50000};
#define SIZES (sizeof(sizes) / sizeof(sizes[0]))

static size_t count_marks(const char *p, size_t size)
{
	size_t found = 0;

	for (size_t i = 0; i < size; i++)
		found += p[i] == 'K';
	return found;
}

static char *marked(void *(*allocate)(size_t), size_t size)
{
	char *p = hide(allocate(size));

	memset(p, 'K', size);
	return hide(p);
}

static bool malloc_leaves_it(void)
{
	/* The neighbour keeps malloc from returning the memory to the
	 * kernel. */
	char *p = marked(malloc, 1200), *neighbour = malloc(1200);
	size_t left;

	free(hide(p));
	p = hide(malloc(1200));
	left = count_marks(p, 1200);
	free(hide(p));
	free(neighbour);
	return left > 1000;
}

static bool free_leaves_nothing(void)
{
	for (size_t i = 0; i < SIZES; i++) {
		char *p = marked(secmalloc, sizes[i]);

		secfree(hide(p));
		/* The memory can still be read, because the arena never unmaps
		 * a page. */
		if (count_marks(p, sizes[i]) != 0)
			return false;
	}
	return true;
}

static bool move_leaves_nothing(void)
{
	for (size_t i = 0; i < SIZES; i++) {
		char *p = marked(secmalloc, sizes[i]), *moved;
		void *behind = secmalloc(sizes[i]);

		moved = hide(secrealloc(hide(p), 60000));
		if (moved != p && count_marks(p, sizes[i]) != 0)
			return false;
		if (count_marks(moved, 60000) != sizes[i])
			return false;
		secfree(moved);
		secfree(behind);
	}
	return true;
}

static bool shrink_leaves_nothing(void)
{
	for (size_t i = 0; i < SIZES; i++) {
		char *p = marked(secmalloc, sizes[i]), *shrunk;
		size_t size = sizes[i] / 3;

		shrunk = hide(secrealloc(hide(p), size));
		if (count_marks(shrunk, size) != size)
			return false;
		/* The canary may contain some K, but not only K. */
		if (shrunk == p
		    && count_marks(p + size, sizes[i] - size)
		               > (sizes[i] - size) / 4)
			return false;
		if (shrunk != p && count_marks(p, sizes[i]) != 0)
			return false;
		secfree(shrunk);
	}
	return true;
}

static bool fresh_chunks_are_zero(void)
{
	void *chunks[100];

	for (int round = 0; round < 50; round++)
		for (size_t i = 0; i < 100; i++) {
			size_t size = sizes[(i + (size_t)round) % (SIZES - 1)];
			char *p;

			if (round > 0)
				secfree(chunks[i]);
			p = hide(secmalloc(size));
			if (p == NULL || count_marks(p, size) != 0)
				return false;
			for (size_t j = 0; j < size; j++)
				if (p[j] != 0)
					return false;
			memset(p, 'K', size);
			chunks[i] = p;
		}
	return true;
}

int main(void)
{
	struct secmalloc_config config = {.initial_pools = 12};

	tap_needs_plain_build();
	if (secmalloc_init(&config) != 0)
		tap_skip_all("12 pools cannot be locked: %s",
		             secmalloc_error());
#ifdef __GLIBC__
	/* MALLOC_PERTURB_ in the environment would make malloc overwrite it. */
	mallopt(M_PERTURB, 0);
	tap_ok(malloc_leaves_it(),
	       "control: plain malloc hands out memory with its old contents");
#else
	tap_skip("control: plain malloc hands out memory with its old contents",
	         malloc_leaves_it()
	                 ? "it does so here, but other versions of this libc "
	                   "may not"
	                 : "the malloc of this libc does not do so at once");
#endif
	tap_ok(free_leaves_nothing(), "a chunk is wiped when it is freed");
	tap_ok(move_leaves_nothing(),
	       "a chunk's old place is wiped when it moves");
	tap_ok(shrink_leaves_nothing(),
	       "the bytes that a chunk loses are wiped when it shrinks");
	tap_ok(fresh_chunks_are_zero(),
	       "new chunks are zeroed, whether their memory was used before or "
	       "not");
	tap_done();
}
