/*
 * A core dump contains memory from malloc, and nothing of the arena.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "backing.h"
#include "core_pattern.h"
#include "hide.h"
#include "pattern.h"
#include "tap.h"

#include <dirent.h>
#include <fcntl.h>
#include <secmalloc.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define COPIES 50

static char directory[] = "/tmp/secmalloc-core-XXXXXX";

static void redirect_cores(void)
{
	char pattern[300];

	if (!core_pattern_take())
		tap_skip_all("cannot write " CORE_PATTERN ": %s",
		             strerror(errno));
	tap_needs_directory(directory);
	snprintf(pattern, sizeof(pattern), "%s/%%p", directory);
	if (!core_pattern_set(pattern))
		tap_skip_all("cannot write " CORE_PATTERN ": %s",
		             strerror(errno));
}

/* Abort with one pattern in the arena and another in ordinary memory. */
static _Noreturn void crash(uint64_t secret, uint64_t control)
{
	struct secmalloc_config config = {.initial_pools = 4};
	struct rlimit core = {RLIM_INFINITY, RLIM_INFINITY};

	/* If the hard limit is low, as sudo sets it to 0, raising it needs a
	 * capability. */
	if (setrlimit(RLIMIT_CORE, &core) != 0) {
		getrlimit(RLIMIT_CORE, &core);
		core.rlim_cur = core.rlim_max;
		setrlimit(RLIMIT_CORE, &core);
	}
	if (core.rlim_cur < 1 << 24 || chdir(directory) != 0)
		_exit(tap_cannot("RLIMIT_CORE is too low"));
	if (secmalloc_init(&config) != 0)
		_exit(tap_cannot("%s", secmalloc_error()));
	for (int i = 0; i < COPIES; i++) {
		pattern_put(hide(secmalloc(PATTERN_BYTES)), secret);
		pattern_put(hide(malloc(PATTERN_BYTES)), control);
	}
	abort();
}

/* Map the core file of a process at *data. Returns its size, or 0 if there is
 * none. */
static size_t map_core(pid_t pid, unsigned char **data)
{
	char path[400];
	struct stat info;
	size_t size = 0;
	int fd;

	snprintf(path, sizeof(path), "%s/%d", directory, (int)pid);
	fd = open(path, O_RDONLY);
	if (fd >= 0 && fstat(fd, &info) == 0 && info.st_size > 0) {
		*data = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE,
		             fd, 0);
		size = *data == MAP_FAILED ? 0 : (size_t)info.st_size;
	}
	if (fd >= 0)
		close(fd);
	return size;
}

/* Other processes may have left core files in the directory meanwhile. */
static void remove_cores(void)
{
	DIR *cores = opendir(directory);
	struct dirent *entry;

	while (cores != NULL && (entry = readdir(cores)) != NULL)
		unlinkat(dirfd(cores), entry->d_name, 0);
	if (cores != NULL)
		closedir(cores);
	rmdir(directory);
}

int main(void)
{
	uint64_t secret = (uint64_t)getpid() << 32 | 1, control = secret + 999;
	unsigned char *data = NULL;
	size_t size;
	int status;
	pid_t pid;

	tap_needs_plain_build();
	tap_needs_root();
	redirect_cores();
	pid = fork();
	if (pid == 0)
		crash(secret, control);
	waitpid(pid, &status, 0);
	core_pattern_put_back();
	size = map_core(pid, &data);
	remove_cores();

	if (!WIFSIGNALED(status) || size == 0) {
		tap_skip_all("%s", tap_reason[0] != '\0'
		                           ? tap_reason
		                           : "no core file was written here");
	}
	tap_ok(pattern_count(data, size, control) >= COPIES,
	       "control: the core of %zu bytes contains the memory from malloc",
	       size);
	tap_ok(pattern_count(data, size, secret) == 0,
	       "the core contains nothing of the arena");
	tap_done();
}
