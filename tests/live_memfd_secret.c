/*
 * Pools of secret memory: the kernel treats them as secret and locked, and no
 * descriptor or child has access to them. An init that cannot have them fails
 * or falls back, and says why.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "backing.h"
#include "filter.h"
#include "hide.h"
#include "proc.h"
#include "tap.h"
#include "watchdog.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/futex.h>
#include <pthread.h>
#include <secmalloc.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <sys/wait.h>

#define NOBODY 65534
#define FORKS  300

static size_t page;

/* Run a case in a process of its own, and return its wait status. */
static int status_of(bool (*act)(void))
{
	int status = -1;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		watchdog_start(120);
		_exit(act() ? 0 : 1);
	}
	waitpid(pid, &status, 0);
	return status;
}

static void try(const char *name, bool needs_kernel, bool (*act)(void))
{
	int status;

	if (needs_kernel && !backing_secret_exists()) {
		tap_skip(name, "the kernel has no memfd_secret");
		return;
	}
	status = status_of(act);
	if (WIFEXITED(status) && WEXITSTATUS(status) == TAP_CANNOT)
		tap_skip_told(name);
	else
		tap_ok(status == 0, "%s", name);
}

static bool start(unsigned backing, size_t initial_pools)
{
	struct secmalloc_config config = {
		.initial_pools = initial_pools,
		.backing = backing,
	};

	return secmalloc_init(&config) == 0;
}

/* The kind of memory that the arena has, or UINT64_MAX if there is no arena. */
static uint64_t kind(void)
{
	struct secmalloc_stats stats;

	return secmalloc_stats(&stats) == 0 ? stats.backing : UINT64_MAX;
}

static bool says(const char *words)
{
	if (strstr(secmalloc_error(), words) != NULL)
		return true;
	tap_note("no '%s' in: %s", words, secmalloc_error());
	return false;
}

/* With SECRET, init fails with this errno and leaves nothing behind. With AUTO,
 * it uses locked memory, and says why. */
static bool refused(int code, const char *words)
{
	size_t mappings;

	proc_settle();
	mappings = proc_mappings();
	errno = 0;
	if (start(SECMALLOC_BACKING_SECRET, 2) || errno != code) {
		tap_note("errno %d, wanted %d: %s", errno, code,
		         secmalloc_error());
		return false;
	}
	if (!says(words) || proc_mappings() != mappings
	    || proc_status_kb("VmLck") != 0)
		return false;
	errno = 5;
	return start(SECMALLOC_BACKING_AUTO, 2) && errno == 5
	       && kind() == SECMALLOC_BACKING_LOCKED && says(words)
	       && proc_has_flag(hide(secmalloc(32)), "lo");
}

static bool as_a_kernel_without(void)
{
	return filter_on(SYS_memfd_secret, SECCOMP_RET_ERRNO | ENOSYS,
	                 SECCOMP_RET_ALLOW)
	       && refused(ENOTSUP, "the kernel has no memfd_secret: use "
	                           "Linux 5.14 or later (before 6.5, with "
	                           "secretmem.enable=1");
}

static bool filtered(void)
{
	return filter_on(SYS_memfd_secret, SECCOMP_RET_ERRNO | EPERM,
	                 SECCOMP_RET_ALLOW)
	       && refused(EPERM, "a system call filter or a security module "
	                         "refuses");
}

static bool no_descriptor_left(void)
{
	struct rlimit limit = {64, 64};

	if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
		return false;
	while (dup(0) >= 0)
		;
	return !start(SECMALLOC_BACKING_SECRET, 2) && errno == EMFILE
	       && says("raise RLIMIT_NOFILE")
	       && start(SECMALLOC_BACKING_AUTO, 2)
	       && kind() == SECMALLOC_BACKING_LOCKED;
}

static bool limit_file_size(size_t bytes)
{
	struct rlimit limit = {bytes, bytes};

	return setrlimit(RLIMIT_FSIZE, &limit) == 0;
}

/* Without a check by the library, the kernel would end the process with a
 * signal. */
static bool files_are_limited(void)
{
	return limit_file_size(page)
	       && refused(EFBIG, "RLIMIT_FSIZE is too low for memfd_secret: "
	                         "raise it (LimitFSIZE=131072");
}

static bool files_are_limited_later(void)
{
	return start(SECMALLOC_BACKING_SECRET, 1) && limit_file_size(page)
	       && secmalloc(1000) != NULL && secmalloc(14 * page) != NULL
	       && secmalloc(14 * page) == NULL && errno == ENOMEM
	       && says("RLIMIT_FSIZE") && secmalloc_audit() == 0;
}

static bool auto_is_secret(void)
{
	return start(SECMALLOC_BACKING_AUTO, 1)
	       && kind() == SECMALLOC_BACKING_SECRET
	       && secmalloc_error()[0] == '\0';
}

/* Whether an address is in secret memory that is fully present, locked, and
 * excluded from dumps and children. */
static bool is_secret(const void *at)
{
	struct proc_mapping mapping;

	return proc_mapping_of(at, &mapping)
	       && strcmp(mapping.access, "rw-s") == 0
	       && strstr(mapping.flags, " lo") != NULL
	       && strstr(mapping.flags, " dd") != NULL
	       && strstr(mapping.flags, " dc") != NULL
	       && strstr(mapping.name, "secretmem") != NULL
	       && (size_t)mapping.rss_kb * 1024 == mapping.end - mapping.start;
}

/* The initial pools, pools added later and the page of the canary key are all
 * secret. Nothing is left of them after secmalloc_fini(). */
static bool all_is_secret(void)
{
	struct secmalloc_stats stats;
	size_t mappings;
	char *first;

	proc_settle();
	mappings = proc_mappings();
	if (!start(SECMALLOC_BACKING_SECRET, 1))
		return false;
	first = hide(secmalloc(32));
	/* The first pool has 16 pages and starts at a multiple of its size. The
	 * page of the canary key is the second of the 16 pages before it. */
	if (!is_secret(first)
	    || !is_secret((char *)((uintptr_t)first / (16 * page) * 16 * page)
	                  - 15 * page))
		return false;
	for (int i = 0; i < 20; i++)
		if (!is_secret(hide(secmalloc(10 * page))))
			return false;
	if (!is_secret(hide(secmalloc(40 * page))) || secmalloc_audit() != 0
	    || secmalloc_stats(&stats) != 0
	    || (size_t)proc_status_kb("VmLck") * 1024 != stats.locked_bytes)
		return false;
	secmalloc_fini();
	return proc_mappings() == mappings && proc_status_kb("VmLck") == 0;
}

/* A pool has 16 pages. The 17th is a guard page. */
static bool run_off_the_pool(void)
{
	char *chunk;

	if (!start(SECMALLOC_BACKING_SECRET, 1))
		return false;
	chunk = hide(secmalloc(32));
	chunk = (char *)((uintptr_t)chunk / (16 * page) * 16 * page);
	chunk[16 * page - 1] = 0;
	((volatile char *)chunk)[16 * page] = 0;
	return true;
}

static bool growth_after_the_drop(void)
{
	struct rlimit none = {0, 0};
	char *chunk;

	if (!start(SECMALLOC_BACKING_SECRET, 1)
	    || setrlimit(RLIMIT_MEMLOCK, &none) != 0)
		return false;
	if (geteuid() == 0
	    && (setgroups(0, NULL) != 0
	        || setresgid(NOBODY, NOBODY, NOBODY) != 0
	        || setresuid(NOBODY, NOBODY, NOBODY) != 0))
		_exit(tap_cannot(
			"root is not allowed to become another user: %s",
			strerror(errno)));
	chunk = hide(secmalloc(14 * page));
	if (chunk == NULL)
		return false;
	memset(chunk, 1, 14 * page);
	return secmalloc(14 * page) == NULL && errno == ENOMEM
	       && says("bytes more could not be locked")
	       && says("RLIMIT_MEMLOCK is 0 soft") && says("LimitMEMLOCK=")
	       && secmalloc_audit() == 0;
}

/* Whether a new program inherits a descriptor of secret memory. */
static bool exec_inherits(void)
{
	return system("ls -l /proc/self/fd | grep -q secretmem") == 0;
}

static bool no_descriptor_stays(void)
{
	size_t before = proc_descriptors();
	int fd;

	if (!start(SECMALLOC_BACKING_SECRET, 1))
		return false;
	for (int i = 0; i < 10; i++)
		if (secmalloc(10 * page) == NULL)
			return false;
	if (proc_descriptors() != before || exec_inherits())
		return false;
	/* Control: a descriptor that is left open is inherited. */
	fd = (int)syscall(SYS_memfd_secret, 0);
	return proc_descriptors() == before + 1 && exec_inherits()
	       && close(fd) == 0;
}

static _Atomic bool enough;

static void *grow_again_and_again(void *good)
{
	while (!enough) {
		*(bool *)good = start(SECMALLOC_BACKING_SECRET, 0)
		                && *(bool *)good;
		for (int i = 0; i < 30 && !enough; i++)
			if (secmalloc(14 * page) == NULL)
				*(bool *)good = false;
		secmalloc_fini();
	}
	return NULL;
}

/* Whether this process has a mapping or a descriptor of secret memory. */
static bool has_secret_memory(void)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	char line[512], path[40], to[100];
	bool found = false;

	while (maps != NULL && fgets(line, sizeof(line), maps) != NULL)
		found = found || strstr(line, "secretmem") != NULL;
	if (maps == NULL)
		return true;
	fclose(maps);
	for (int fd = 0; fd < 30; fd++) {
		ssize_t n;

		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		n = readlink(path, to, sizeof(to) - 1);
		to[n > 0 ? n : 0] = '\0';
		found = found || strstr(to, "secretmem") != NULL;
	}
	return found;
}

/* A child that inherited secret memory would share it with its parent. No child
 * does, not even when another thread creates secret memory during the fork. */
static bool children_come_between(void)
{
	bool good = true, grown = true;
	pthread_t thread;

	if (pthread_create(&thread, NULL, grow_again_and_again, &grown) != 0)
		return false;
	for (int i = 0; i < FORKS; i++) {
		int status = -1;
		pid_t pid = fork();

		if (pid == 0)
			_exit(has_secret_memory());
		waitpid(pid, &status, 0);
		good = good && status == 0;
	}
	enough = true;
	pthread_join(thread, NULL);
	return good && grown;
}

/* The restrictions that the manual documents: copying works, but calls that pin
 * pages do not, nor do futexes shared between processes. */
static bool costs(unsigned backing, bool *pins, bool *shares)
{
	struct iovec piece;
	int ends[2];

	if (!start(backing, 1) || pipe(ends) != 0)
		return false;
	piece.iov_base = hide(seccalloc(4, 4));
	piece.iov_len = 16;
	if (write(ends[1], piece.iov_base, 16) != 16
	    || read(ends[0], piece.iov_base, 16) != 16
	    || syscall(SYS_futex, piece.iov_base, FUTEX_WAKE_PRIVATE, 1) != 0)
		return false;
	errno = 0;
	*pins = vmsplice(ends[1], &piece, 1, 0) == 16;
	*shares = syscall(SYS_futex, piece.iov_base, FUTEX_WAKE, 1) == 0;
	secmalloc_fini();
	return *shares || errno == EFAULT;
}

static bool has_its_price(void)
{
	bool pins, shares;

	return costs(SECMALLOC_BACKING_LOCKED, &pins, &shares) && pins && shares
	       && costs(SECMALLOC_BACKING_SECRET, &pins, &shares) && !pins
	       && !shares;
}

int main(void)
{
	tap_needs_plain_build();
	page = (size_t)sysconf(_SC_PAGESIZE);
	if (page != 4096)
		tap_skip_all("the figures are for pages of 4 KiB");
	tap_needs_lock(4096);
	if (!start(SECMALLOC_BACKING_LOCKED, 1))
		tap_skip_all("1 pool cannot be locked: %s", secmalloc_error());
	secmalloc_fini();
	/* These cases need no kernel that has secret memory. */
	try("without memfd_secret SECRET fails with ENOTSUP, and AUTO is "
	    "LOCKED",
	    false, as_a_kernel_without);
	try("under a filter SECRET fails with EPERM, and AUTO is LOCKED", false,
	    filtered);
	try("without a descriptor SECRET fails with EMFILE, and AUTO is LOCKED",
	    true, no_descriptor_left);
	try("under a file size limit SECRET fails with EFBIG, and AUTO is "
	    "LOCKED",
	    true, files_are_limited);
	try("under a file size limit set later growth fails", true,
	    files_are_limited_later);
	try("AUTO is SECRET where secret memory is available", true,
	    auto_is_secret);
	try("all pools and the key are secret and locked, and gone after fini",
	    true, all_is_secret);
	if (!backing_secret_exists())
		tap_skip("a write past a pool faults",
		         "the kernel has no memfd_secret");
	else
		tap_ok(status_of(run_off_the_pool) == SIGSEGV,
		       "a write past a pool faults");
	try("growth after the privileges are dropped fails with a message",
	    true, growth_after_the_drop);
	try("no descriptor stays open, and a new program inherits none", true,
	    no_descriptor_stays);
	try("no child inherits secret memory while another thread creates it",
	    true, children_come_between);
	try("page pinning and shared futexes work in locked memory only", true,
	    has_its_price);
	tap_done();
}
