/*
 * What a message about locked memory says when the kernel lacks memory, when a
 * security module refuses CAP_IPC_LOCK, and when files of /proc do not say what
 * they say on this machine. Nothing is said that was not found out.
 *
 * The program links the library's objects. The linker sends their calls through
 * the wrappers in this file (--wrap).
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "case.h"
#include "fails.h"
#include "proc.h"

#include <fcntl.h>
#include <secmalloc.h>
#include <sys/mman.h>
#include <sys/resource.h>

#define KIB   ((size_t)1024)
#define POOL  (64 * KIB)
#define LIMIT (100 * KIB)

/* The reason for which mlock() fails. */
static enum { NONE, MODULE, MEMORY } reason;

/* A security module refuses the capability: the limit binds. */
static bool is_refused(size_t bytes)
{
	struct rlimit limit;

	getrlimit(RLIMIT_MEMLOCK, &limit);
	return (size_t)proc_status_kb("VmLck") * KIB + bytes > limit.rlim_cur
	       || bytes > limit.rlim_cur;
}

int __real_mlock(const void *at, size_t bytes);
int __wrap_mlock(const void *at, size_t bytes);
int __wrap_mlock(const void *at, size_t bytes)
{
	if ((reason == MODULE && is_refused(bytes))
	    || (reason == MEMORY && bytes >= POOL && bytes < SIZE_MAX / 2)) {
		errno = ENOMEM;
		return -1;
	}
	return __real_mlock(at, bytes);
}

/* open() of a file whose name ends like this opens another instead. */
static const char *instead_of, *instead;

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...)
{
	size_t length = instead_of == NULL ? 0 : strlen(instead_of);

	if (length > 0 && length <= strlen(path)
	    && strcmp(path + strlen(path) - length, instead_of) == 0)
		path = instead;
	return __real_open(path, flags);
}

/* ---- The cases ----------------------------------------------------------- */

static bool init(void)
{
	struct secmalloc_config config = {
		.initial_pools = 4,
		.pool_size = POOL,
	};

	return secmalloc_init(&config) == 0;
}

/* The process keeps its capability, under a limit that binds without it. */
static void limit_to(size_t bytes)
{
	struct rlimit limit;
	void *at = mmap(NULL, LIMIT * 4, PROT_READ | PROT_WRITE,
	                MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	getrlimit(RLIMIT_MEMLOCK, &limit);
	limit.rlim_cur = bytes;
	if (setrlimit(RLIMIT_MEMLOCK, &limit) != 0)
		case_skip("the limit cannot be set: %s", strerror(errno));
	if (geteuid() != 0 || __real_mlock(at, LIMIT * 4) != 0)
		case_skip("needs root with CAP_IPC_LOCK on the host");
	munlock(at, LIMIT * 4);
	munmap(at, LIMIT * 4);
}

/* Whether init fails, its message has one text and does not have another. */
static bool fails_with(const char *words, const char *other)
{
	errno = 0;
	if (!init() && errno == ENOMEM && says(words)
	    && (other == NULL || !says(other)))
		return true;
	tap_note("errno %d: %s", errno, secmalloc_error());
	return false;
}

static bool capability_is_refused(void)
{
	const char *at;
	size_t figure;

	limit_to(LIMIT);
	reason = MODULE;
	if (!fails_with("CAP_IPC_LOCK is effective but is not "
	                "honoured: a security module may refuse ipc_lock: "
	                "allow it there, or set LimitMEMLOCK=",
	                "RLIMIT_AS"))
		return false;
	at = strstr(secmalloc_error(), "LimitMEMLOCK=");
	figure = strtoul(at + strlen("LimitMEMLOCK="), NULL, 10);
	limit_to(figure - 4096);
	if (init())
		return false;
	limit_to(figure);
	return init();
}

static bool memory_is_short(void)
{
	limit_to(POOL);
	reason = MEMORY;
	return fails_with("CAP_IPC_LOCK is effective: memory or addresses are "
	                  "short",
	                  "LimitMEMLOCK=");
}

/* Without a right to exceed the limit, too little memory below the limit is not
 * mistaken for the limit, which is named because it is low as well. */
static bool both_are_short(void)
{
	limit_to(LIMIT);
	if (setresuid(65534, 65534, 65534) != 0)
		case_skip("root is not allowed to become another user");
	reason = MEMORY;
	return fails_with("CAP_IPC_LOCK is not effective: memory or addresses "
	                  "are short",
	                  NULL)
	       && says("; also, make this call while still root on the host, "
	               "or set LimitMEMLOCK=266240 ");
}

static const char *const unknown =
	"266240 bytes are wanted in all (what is locked elsewhere could not be "
	"read, errno ";

/* Whether nothing is said about locks elsewhere if the status file has this
 * content. */
static bool unknown_with(const char *content)
{
	char path[] = "/tmp/inject_shortage.XXXXXX";
	int fd = mkstemp(path);
	size_t length = strlen(content);
	bool good;

	if (fd < 0 || write(fd, content, length) != (ssize_t)length)
		case_skip("cannot write in /tmp: %s", strerror(errno));
	close(fd);
	instead = path;
	good = fails_with(unknown, "are locked elsewhere");
	unlink(path);
	return good;
}

static bool locks_cannot_be_read(void)
{
	static const char *const contents[] = {
		"",
		"\n",
		"Name:\tx\nVmPin:\t       0 kB\n",
		"VmLck:",
		"VmLck:\n",
		"VmLck:\nVmPin:\t12 kB\n",
		"VmLck:\tmany kB\n",
		"VmLck:\t12kB\n",
		"Name:\tVmLck: 12 kB\n",
	};
	bool good;

	limit_to(LIMIT);
	reason = MODULE;
	instead_of = "/status";
	instead = "/nowhere";
	good = fails_with(unknown, "are locked elsewhere");
	for (size_t i = 0; i < sizeof(contents) / sizeof(contents[0]); i++)
		good = unknown_with(contents[i]) && good;
	return good;
}

static bool locks_can_be_read(void)
{
	char path[] = "/tmp/inject_shortage.XXXXXX";
	static const char content[] = "Name:\tx\nVmLck:\t     12 kB\n";
	int fd = mkstemp(path);
	bool good;

	if (fd < 0 || write(fd, content, strlen(content)) < 0)
		case_skip("cannot write in /tmp: %s", strerror(errno));
	close(fd);
	limit_to(POOL);
	reason = MODULE;
	instead_of = "/status";
	instead = path;
	good = fails_with("266240 bytes are wanted in all and 8192 are locked "
	                  "elsewhere",
	                  NULL)
	       && says("LimitMEMLOCK=274432 ");
	unlink(path);
	return good;
}

static bool in_namespace(const char *file)
{
	limit_to(LIMIT);
	reason = MODULE;
	instead_of = "/ns/user";
	instead = file;
	return fails_with("LimitMEMLOCK=266240 ", NULL);
}

/* The inode decides. A file that is not the initial namespace has another. */
static bool other_namespace(void)
{
	return in_namespace("/")
	       && says("CAP_IPC_LOCK counts only in a user namespace: make "
	               "this call while still root on the host");
}

static bool unknown_namespace(void)
{
	return in_namespace("/nowhere")
	       && says("CAP_IPC_LOCK is effective but is not "
	               "honoured");
}

/* ---- Growth -------------------------------------------------------------- */

static bool growth_beyond_the_limit(void)
{
	limit_to(LIMIT * 4);
	reason = MODULE;
	if (!init())
		return false;
	for (int i = 0; i < 20; i++)
		if (secmalloc(60000) == NULL)
			return says("let init lock more") == false
			       && says("a security module may refuse ipc_lock");
	return false;
}

int main(void)
{
	tap_needs_plain_build();
	if (sysconf(_SC_PAGESIZE) != 4096)
		tap_skip_all("the figures are for pages of 4 KiB");
	proc_settle();
	try_case("if the kernel does not honour CAP_IPC_LOCK, the message says "
	         "so and names a limit that is enough",
	         capability_is_refused);
	try_case("if memory is short above the limit, the limit is not blamed",
	         memory_is_short);
	try_case("if memory is short and the limit is low, both are named",
	         both_are_short);
	try_case("locks that cannot be read are said to be unknown",
	         locks_cannot_be_read);
	try_case("control: locks that can be read are counted",
	         locks_can_be_read);
	try_case("another user namespace is known by its inode",
	         other_namespace);
	try_case("an unknown user namespace is not named", unknown_namespace);
	try_case("growth names the capability that is not honoured",
	         growth_beyond_the_limit);
	tap_done();
}
