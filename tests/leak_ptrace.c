/*
 * A process that may read this one's memory, as root may, reads locked pools
 * like any other memory, but cannot read secret pools.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "backing.h"
#include "hide.h"
#include "pattern.h"
#include "tap.h"
#include "watchdog.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/wait.h>

static uint64_t seed;

/* Addresses in the victim: a chunk and the canary key. Both are NULL if it has
 * no arena. */
static struct {
	char *chunk, *key;
} place;

/* Run as the victim. The page of the canary key is the second of the stride
 * before the first pool. With pools of 15 pages, a stride has 16. */
static _Noreturn void be_victim(unsigned backing, int to)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), stride = 16 * page;
	struct secmalloc_config config = {
		.initial_pools = 1,
		.pool_size = 15 * page,
		.backing = backing,
	};

	watchdog_start(60);
	if (secmalloc_init(&config) == 0) {
		place.chunk = hide(secmalloc(PATTERN_BYTES));
		pattern_put(place.chunk, seed);
		place.key = (char *)((uintptr_t)place.chunk / stride * stride
		                     - stride + page);
	}
	if (write(to, &place, sizeof(place)) != (ssize_t)sizeof(place))
		_exit(1);
	for (;;)
		pause();
}

static bool by_vm_readv(pid_t pid, char *from, char *to)
{
	struct iovec local = {to, PATTERN_BYTES};
	struct iovec remote = {from, PATTERN_BYTES};

	return process_vm_readv(pid, &local, 1, &remote, 1, 0) == PATTERN_BYTES;
}

static bool by_proc_mem(pid_t pid, char *from, char *to)
{
	char path[40];
	bool got;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/mem", (int)pid);
	fd = open(path, O_RDONLY);
	if (fd < 0)
		return false;
	got = pread(fd, to, PATTERN_BYTES, (off_t)(uintptr_t)from)
	      == PATTERN_BYTES;
	close(fd);
	return got;
}

static bool by_ptrace(pid_t pid, char *from, char *to)
{
	bool got = true;

	if (ptrace(PTRACE_ATTACH, pid, NULL, NULL) != 0)
		return false;
	waitpid(pid, NULL, 0);
	for (size_t i = 0; got && i < PATTERN_BYTES; i += sizeof(long)) {
		long word;

		errno = 0;
		word = ptrace(PTRACE_PEEKDATA, pid, from + i, NULL);
		got = errno == 0;
		memcpy(to + i, &word, sizeof(word));
	}
	ptrace(PTRACE_DETACH, pid, NULL, NULL);
	return got;
}

static const struct way {
	const char *name;
	bool (*read)(pid_t pid, char *from, char *to);
} ways[] = {
	{"process_vm_readv", by_vm_readv},
	{"/proc/PID/mem", by_proc_mem},
	{"PTRACE_PEEKDATA", by_ptrace},
};
#define WAYS (sizeof(ways) / sizeof(ways[0]))

/* Start a victim with an arena. place.chunk is NULL if the victim could not
 * create one. */
static pid_t start_victim(unsigned backing)
{
	int ends[2];
	pid_t pid;

	if (pipe(ends) != 0 || (pid = fork()) < 0)
		return -1;
	if (pid == 0)
		be_victim(backing, ends[1]);
	close(ends[1]);
	if (read(ends[0], &place, sizeof(place)) != (ssize_t)sizeof(place))
		place.chunk = NULL;
	close(ends[0]);
	return pid;
}

static void end_victim(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* Control: a process that may read the victim reads the chunk and the canary
 * key. Returns false if this process may not. */
static bool locked_is_read(const struct way *way, pid_t pid)
{
	char bytes[PATTERN_BYTES], none[PATTERN_BYTES] = {0};

	if (!way->read(pid, place.chunk, bytes)) {
		tap_skip(way->name, "not allowed here: errno %d", errno);
		return false;
	}
	tap_ok(pattern_count((unsigned char *)bytes, PATTERN_BYTES, seed) == 1
	               && way->read(pid, place.key, bytes)
	               && memcmp(bytes, none, PATTERN_BYTES) != 0,
	       "control: %s reads a chunk and the canary key from locked pools",
	       way->name);
	return true;
}

/* This way of reading works for the rest of the process, but fails for the
 * chunk and the canary key. */
static void secret_is_not_read(const struct way *way, pid_t pid)
{
	char bytes[PATTERN_BYTES] = {0};
	bool got = way->read(pid, place.chunk, bytes);
	int code = errno;

	got = way->read(pid, place.key, bytes) || got;
	tap_ok(way->read(pid, (char *)&place, bytes) && !got
	               && (code == EIO || code == EFAULT),
	       "%s reads the process, but cannot read secret pools (errno %d)",
	       way->name, code);
}

int main(void)
{
	bool allowed[WAYS];
	pid_t pid;

	tap_needs_plain_build();
	seed = (uint64_t)getpid() << 32 | 7;
	tap_note("running as user %d", (int)geteuid());
	pid = start_victim(SECMALLOC_BACKING_LOCKED);
	if (pid < 0 || place.chunk == NULL)
		tap_skip_all("15 pages cannot be locked");
	for (size_t i = 0; i < WAYS; i++)
		allowed[i] = locked_is_read(&ways[i], pid);
	end_victim(pid);
	if (!backing_secret_exists()) {
		tap_skip("secret memory", "the kernel has no memfd_secret");
		tap_done();
	}
	pid = start_victim(SECMALLOC_BACKING_SECRET);
	tap_ok(place.chunk != NULL, "a victim has an arena in secret memory");
	for (size_t i = 0; i < WAYS && place.chunk != NULL; i++)
		if (allowed[i])
			secret_is_not_read(&ways[i], pid);
	end_victim(pid);
	tap_done();
}
