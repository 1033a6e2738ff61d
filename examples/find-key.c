/*
 * find-key - search the memory of a process for its key
 *
 * SPDX-License-Identifier: ISC
 *
 *     find-key PID KEYFILE.pem        (as root)
 *
 * It searches every writable mapping of the process for the 32 bytes of the
 * key, for its DER and its base64 text, and for the second half of its SHA-512,
 * from which the nonce of each signature is made. The key must be found where
 * it belongs, which shows that the search works. Unreadable pages in a readable
 * mapping are skipped and counted: they guard a thread's stack and hold
 * nothing.
 *
 * Exit status: 0  found only in memory that is locked and not dumped
 *              1  found in other memory
 *              2  not found at all, or the search could not be completed
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
/* Addresses are offsets in /proc/PID/mem. */
#ifndef _FILE_OFFSET_BITS
#define _FILE_OFFSET_BITS 64
#endif

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SEED = 32, DER = 16 + SEED, PEM_MAX = 16384 };
enum { IN_SEED, IN_DER, IN_BASE64, IN_HASH, FORMS };

/* Each window of memory begins with the last bytes of the window before. */
enum { OVERLAP = 128, STEP = 1 << 20 };

struct form {
	const char *name;
	unsigned char bytes[OVERLAP];
	size_t size;
};

struct mapping {
	uint64_t start, end;
	char perms[5], name[64], flags[256];
};

struct totals {
	unsigned searched, locked, other;
	unsigned no_access, read_only;
	uint64_t bytes, skipped, unreadable;
};

static struct form forms[FORMS] = {
	[IN_SEED] = {.name = "seed", .size = SEED},
	[IN_DER] = {.name = "DER", .size = DER},
	[IN_BASE64] = {.name = "base64"},
	[IN_HASH] = {.name = "hash", .size = SEED},
};
static unsigned char window[OVERLAP + STEP];

static void __attribute__((noreturn, format(printf, 1, 2)))
die(const char *format, ...)
{
	va_list args;

	fputs("find-key: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(2);
}

/* ---- What to look for --------------------------------------------------- */

/* Take the first line of the base64 text; an Ed25519 key has only one. */
static void take_base64(const char *path, const char *text)
{
	struct form *f = &forms[IN_BASE64];

	text += strspn(text, " \t\r\n");
	f->size = strcspn(text, " \t\r\n-");
	if (f->size < SEED || f->size > sizeof f->bytes)
		die("%s: no Ed25519 key in PEM", path);
	memcpy(f->bytes, text, f->size);
}

static void read_key(const char *path)
{
	static const char begin[] = "-----BEGIN PRIVATE KEY-----";
	FILE *f = fopen(path, "r");
	unsigned char hash[crypto_hash_sha512_BYTES];
	char pem[PEM_MAX];
	const char *from, *to;
	size_t n;

	if (!f)
		die("%s: %s", path, strerror(errno));
	n = fread(pem, 1, sizeof pem - 1, f);
	fclose(f);
	pem[n] = '\0';
	from = strstr(pem, begin);
	from = from ? from + sizeof begin - 1 : pem;
	to = strstr(from, "-----END");
	if (!to
	    || sodium_base642bin(forms[IN_DER].bytes, DER, from,
	                         (size_t)(to - from), " \t\r\n", &n, NULL,
	                         sodium_base64_VARIANT_ORIGINAL)
	               < 0
	    || n != DER)
		die("%s: no Ed25519 key in PEM", path);
	memcpy(forms[IN_SEED].bytes, forms[IN_DER].bytes + DER - SEED, SEED);
	crypto_hash_sha512(hash, forms[IN_SEED].bytes, SEED);
	memcpy(forms[IN_HASH].bytes, hash + sizeof hash - SEED, SEED);
	take_base64(path, from);
}

/* ---- Where to look ------------------------------------------------------ */

static int has_flag(const struct mapping *m, const char *flag)
{
	const char *p = m->flags;

	for (; (p = strstr(p, flag)); p++)
		if (p[-1] == ' ' && (p[2] == ' ' || p[2] == '\n'))
			return 1;
	return 0;
}

/* Read one mapping from smaps, up to its VmFlags. Returns 0 at the end. */
static int next_mapping(FILE *smaps, struct mapping *m)
{
	char line[8192], perms[5];
	uint64_t start, end;
	int name_at;

	while (fgets(line, sizeof line, smaps)) {
		if (!strncmp(line, "VmFlags:", 8)) {
			snprintf(m->flags, sizeof m->flags, "%.250s", line + 8);
			return 1;
		}
		name_at = 0;
		if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %*s %*s %*s %n",
		           &start, &end, perms, &name_at)
		            != 3
		    || !name_at)
			continue;
		line[strcspn(line, "\n")] = '\0';
		m->start = start;
		m->end = end;
		memcpy(m->perms, perms, sizeof perms);
		snprintf(m->name, sizeof m->name, "%.63s", line + name_at);
	}
	if (ferror(smaps))
		die("smaps: %s", strerror(errno));
	return 0;
}

/* Count the occurrences that end in window[have..have+n). Earlier ones have
 * been counted before. */
static unsigned count_form(const struct form *f, size_t have, size_t n)
{
	size_t back = f->size - 1 < have ? f->size - 1 : have;
	const unsigned char *p = window + have - back, *end = window + have + n;
	unsigned count = 0;

	while ((p = memmem(p, (size_t)(end - p), f->bytes, f->size))) {
		count++;
		p++;
	}
	return count;
}

/* Count in window[have..have+n), and keep its end for the next one. */
static size_t count_all(size_t have, size_t n, unsigned *counts)
{
	size_t end = have + n;
	int i;

	for (i = 0; i < FORMS; i++)
		counts[i] += count_form(&forms[i], have, n);
	have = end < OVERLAP ? end : OVERLAP;
	memmove(window, window + end - have, have);
	return have;
}

static void search(int mem, const struct mapping *m, unsigned *counts,
                   struct totals *t)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t at = m->start, skipped = 0;
	size_t have = 0, want;
	ssize_t n;

	while (at < m->end) {
		want = m->end - at < STEP ? (size_t)(m->end - at) : STEP;
		n = pread(mem, window + have, want, (off_t)at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EIO) {
			skipped += page;
			at += page;
			have = 0;
			continue;
		}
		if (n <= 0) {
			t->unreadable += m->end - at;
			break;
		}
		have = count_all(have, (size_t)n, counts);
		t->bytes += (uint64_t)n;
		at += (uint64_t)n;
	}
	/* One of which nothing can be read may hold the key. */
	if (skipped == m->end - m->start)
		t->unreadable += skipped;
	else
		t->skipped += skipped;
}

static void show(const struct mapping *m, const unsigned *counts)
{
	int i;

	printf("found in %" PRIx64 "-%" PRIx64 " %s%s%s, %s, %s:", m->start,
	       m->end, m->perms, *m->name ? " " : "", m->name,
	       has_flag(m, "lo") ? "locked (lo)" : "NOT locked (no lo)",
	       has_flag(m, "dd") ? "not dumped (dd)" : "MAY BE DUMPED (no dd)");
	for (i = 0; i < FORMS; i++)
		if (counts[i])
			printf(" %s %u times", forms[i].name, counts[i]);
	putchar('\n');
}

static void look_at(int mem, const struct mapping *m, struct totals *t)
{
	unsigned counts[FORMS] = {0}, all = 0;
	int i;

	if (m->perms[1] != 'w') {
		if (strncmp(m->perms, "---", 3) == 0)
			t->no_access++;
		else
			t->read_only++;
		return;
	}
	t->searched++;
	search(mem, m, counts, t);
	for (i = 0; i < FORMS; i++)
		all += counts[i];
	if (!all)
		return;
	show(m, counts);
	if (has_flag(m, "lo") && has_flag(m, "dd"))
		t->locked++;
	else
		t->other++;
}

/* ---- The start ---------------------------------------------------------- */

static int verdict(const struct totals *t)
{
	printf("searched %u writable mappings, %" PRIu64 " kB: the key is in "
	       "%u that are locked and not dumped, in %u others\n",
	       t->searched, t->bytes / 1024, t->locked, t->other);
	printf("not searched: %u mappings without access, %u read-only ones\n",
	       t->no_access, t->read_only);
	if (t->skipped)
		printf("skipped in the searched ones: %" PRIu64 " kB of "
		       "unreadable pages, such as guards of stacks\n",
		       t->skipped / 1024);
	if (t->other)
		return 1;
	if (t->unreadable)
		die("%" PRIu64 " bytes could not be read", t->unreadable);
	if (!t->locked)
		die("%s", "found nowhere: is it this process's key?");
	return 0;
}

int main(int argc, char **argv)
{
	struct totals totals = {0};
	struct mapping m = {0};
	char path[64];
	FILE *smaps;
	int mem;

	if (argc != 3 || argv[1][strspn(argv[1], "0123456789")])
		die("%s", "usage: find-key PID KEYFILE.pem");
	if (sodium_init() < 0)
		die("%s", "libsodium cannot be initialized");
	read_key(argv[2]);
	snprintf(path, sizeof path, "/proc/%.20s/smaps", argv[1]);
	smaps = fopen(path, "r");
	if (!smaps)
		die("%s: %s", path, strerror(errno));
	snprintf(path, sizeof path, "/proc/%.20s/mem", argv[1]);
	mem = open(path, O_RDONLY | O_CLOEXEC);
	if (mem < 0)
		die("%s: %s", path, strerror(errno));
	while (next_mapping(smaps, &m))
		look_at(mem, &m, &totals);
	fclose(smaps);
	close(mem);
	return verdict(&totals);
}
