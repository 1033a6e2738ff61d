/*
 * The lowest cost that such an allocator can have: a thread-local free list for
 * each size class in one locked region, a look-up of the class by page, a
 * canary of eight bytes, and the wipe. It has no lock and does not check
 * pointers, and memory never moves to another class or thread. Not for real
 * use.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "bench.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define PAGE    4096u
#define SPAN    ((size_t)16 * PAGE) /* memory that a class takes at a time */
#define CANARY  8u
#define CLASSES 96u

const char peer_name[] = "limit";

struct slot {
	struct slot *next;
};

static _Thread_local struct slot *lists[CLASSES];
static unsigned char *region, *class_of_page;
static size_t region_bytes;
static atomic_size_t used;
static const uint64_t canary = 0x8d5c3a9be1f07200u;

/* Classes are 16 bytes apart up to 512 bytes, then 8 per doubling. */
static unsigned class_of(size_t bytes)
{
	unsigned octave;

	if (bytes <= 512)
		return (unsigned)((bytes - 1) / 16);
	octave = 63u - (unsigned)__builtin_clzll(bytes - 1);
	return 32 + (octave - 9) * 8
	       + ((unsigned)((bytes - 1) >> (octave - 3)) & 7);
}

static size_t bytes_of(unsigned class)
{
	unsigned octave = 9 + (class - 32) / 8;

	return class < 32 ? (size_t)(class + 1) * 16
	                  : ((size_t)1 << octave)
	                            + ((size_t)((class - 32) % 8 + 1)
	                               << (octave - 3));
}

bool peer_start(size_t bytes)
{
	region_bytes = bytes + bytes / 2 + CLASSES * SPAN;
	region = mmap(NULL, region_bytes, PROT_READ | PROT_WRITE,
	              MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	class_of_page = calloc(region_bytes / PAGE + 1, 1);
	return region != MAP_FAILED && mlock(region, region_bytes) == 0;
}

static bool refill(unsigned class)
{
	size_t slot = bytes_of(class), span = slot > SPAN ? slot : SPAN;
	size_t at;

	span = (span + PAGE - 1) / PAGE * PAGE;
	at = atomic_fetch_add(&used, span);
	if (at + span > region_bytes)
		return false;
	for (size_t i = 0; i < span / PAGE; i++)
		class_of_page[at / PAGE + i] = (unsigned char)class;
	for (size_t i = 0; i + slot <= span; i += slot) {
		struct slot *free_slot = (void *)(region + at + i);

		free_slot->next = lists[class];
		lists[class] = free_slot;
	}
	return true;
}

void *peer_take(size_t size)
{
	unsigned class = class_of(size + CANARY);
	struct slot *slot = lists[class];

	if (slot == NULL) {
		if (!refill(class))
			return NULL;
		slot = lists[class];
	}
	lists[class] = slot->next;
	slot->next = NULL;
	memcpy((char *)slot + size, &canary, CANARY);
	return slot;
}

void peer_give(void *p, size_t size)
{
	unsigned class =
		class_of_page[(size_t)((unsigned char *)p - region) / PAGE];
	struct slot *slot = p;

	if (memcmp((char *)p + size, &canary, CANARY) != 0)
		abort();
	explicit_bzero(p, size + CANARY);
	slot->next = lists[class];
	lists[class] = slot;
}
