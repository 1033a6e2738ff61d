/*
 * left_behind.c - where the arenas lay that stayed behind in parents
 *
 * SPDX-License-Identifier: ISC
 */
#include "process/left_behind.h"

#include "os/os.h"
#include "report/fatal.h"

#include <errno.h>
#include <string.h>

/* Addresses of an arena that was left behind. If `taken`, another mapping had
 * them before this process could reserve them. */
struct record {
	uintptr_t at;
	size_t bytes;
	bool taken;
};

/* Most processes never need more, and mapping a page would slow down a fork. */
#define FEW ((size_t)32)

static struct records {
	struct record *all;
	size_t count, room;
	struct record few[FEW];
} left = {.all = left.few, .room = FEW};

/* ---- Recording ----------------------------------------------------------- */

static void make_room(void)
{
	size_t page = smi_os_page_bytes();
	size_t had = left.room * sizeof(*left.all);
	size_t bytes = smi_round_up(2 * had, page);
	struct record *more = smi_os_reserve(bytes);

	if (more == NULL || smi_os_open(more, bytes) != 0)
		smi_fatal_die(NULL,
		              "fork: no memory to record where the parent's "
		              "pools were (errno %d)",
		              errno);
	memcpy(more, left.all, left.count * sizeof(*left.all));
	if (left.all != left.few)
		smi_os_release(left.all, smi_round_up(had, page));
	left.all = more;
	left.room = bytes / sizeof(*left.all);
}

/* Whether addresses continue those that were recorded last. */
static bool continues(uintptr_t at, bool taken)
{
	const struct record *last;

	if (left.count == 0)
		return false;
	last = &left.all[left.count - 1];
	return last->taken == taken && last->at + last->bytes == at;
}

static void record(uintptr_t at, size_t bytes, bool taken)
{
	if (continues(at, taken)) {
		left.all[left.count - 1].bytes += bytes;
		return;
	}
	if (left.count == left.room)
		make_room();
	left.all[left.count++] = (struct record){at, bytes, taken};
}

/* ---- Keeping addresses --------------------------------------------------- */

/* Reserve addresses, if nothing else is mapped at any of them. */
static bool keep(void *at, size_t bytes, bool zeros)
{
	if (smi_os_block(at, bytes, zeros) == 0) {
		/* Some programs that make core dumps write all addresses that
		 * are mapped. If the advice is refused, the dumps are larger.
		 */
		smi_os_dont_dump(at, bytes);
		return true;
	}
	if (errno != EEXIST)
		smi_fatal_die(NULL,
		              "fork: the addresses of the parent's pools "
		              "could not be kept %s in the child (errno %d)",
		              zeros ? "zero" : "inaccessible", errno);
	return false;
}

/*
 * In all but strange cases the first attempt succeeds. Otherwise, another fork
 * handler has mapped something there, and the largest pieces are looked for
 * that are free or taken as a whole.
 */
void smi_left_behind_add(void *at, size_t bytes, bool zeros)
{
	unsigned char *from = at;
	size_t page = smi_os_page_bytes();

	while (bytes > 0) {
		size_t piece = bytes;
		bool kept = keep(from, piece, zeros);

		while (!kept && piece > page
		       && !smi_os_is_mapped(from, piece)) {
			piece = smi_round_up(piece / 2, page);
			kept = keep(from, piece, zeros);
		}
		record((uintptr_t)from, piece, !kept);
		from += piece;
		bytes -= piece;
	}
}

/* ---- Releasing ----------------------------------------------------------- */

void smi_left_behind_release(void)
{
	for (size_t i = 0; i < left.count; i++)
		if (!left.all[i].taken)
			smi_os_release((void *)left.all[i].at,
			               left.all[i].bytes);
	if (left.all != left.few)
		smi_os_release(left.all,
		               smi_round_up(left.room * sizeof(*left.all),
		                            smi_os_page_bytes()));
	left = (struct records){.all = left.few, .room = FEW};
}

/* ---- Looking up ---------------------------------------------------------- */

static bool touches(const struct record *record, const void *at, size_t bytes)
{
	return smi_range_touches(record->at, record->bytes, (uintptr_t)at,
	                         bytes);
}

bool smi_left_behind_touches(const void *at, size_t bytes)
{
	for (size_t i = 0; i < left.count; i++)
		if (!left.all[i].taken && touches(&left.all[i], at, bytes))
			return true;
	return false;
}

bool smi_left_behind_knows(const void *ptr)
{
	for (size_t i = 0; i < left.count; i++)
		if (touches(&left.all[i], ptr, 1))
			return true;
	return false;
}

bool smi_left_behind_any(void)
{
	return left.count > 0;
}

size_t smi_left_behind_taken_bytes(void)
{
	size_t bytes = 0;

	for (size_t i = 0; i < left.count; i++)
		bytes += left.all[i].taken ? left.all[i].bytes : 0;
	return bytes;
}
