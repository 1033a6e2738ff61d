/*
 * A message names figures that are enough for other limits and for fields of
 * the configuration. Under a filter, and in a user namespace, it says what
 * could not be found out, and still names a lock limit that is enough.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "filter.h"
#include "remedy.h"
#include "space.h"

#include <sys/syscall.h>

/* ---- Fields of the configuration ----------------------------------------- */

static bool start_pools(void)
{
	return init_with((struct secmalloc_config){.initial_pools = field_now});
}

static bool start_cells(void)
{
	return init_with(
		(struct secmalloc_config){.guarded_chunks = field_now});
}

/* Give up the right to lock more than init has locked. */
static bool give_up_root(void)
{
	return set_lock_limit(0) && child_become_nobody();
}

static bool take_two_pools_later(void)
{
	return give_up_root() && take_two_pools();
}

static bool take_two_cells_later(void)
{
	return give_up_root() && take_two_cells();
}

static bool start_at_most(void)
{
	return init_with((struct secmalloc_config){.initial_pools = 1,
	                                           .max_pools = field_now,
	                                           .guarded_chunks = 1});
}

static bool reach_max(void)
{
	return start_at_most() && take_two_pools();
}

static bool reach_max_large(void)
{
	return start_at_most() && hide(secmalloc(300000)) != NULL;
}

static bool reach_max_cells(void)
{
	return start_at_most() && take_two_cells()
	       && hide(secmalloc_guarded(32)) != NULL;
}

static bool reach_max_large_cell(void)
{
	return start_at_most() && hide(secmalloc_guarded(10000)) != NULL;
}

/* ---- Filters and namespaces ---------------------------------------------- */

static bool refuse(long number)
{
	if (filter_on((uint32_t)number, SECCOMP_RET_ERRNO | EPERM,
	              SECCOMP_RET_ALLOW))
		return true;
	tap_cannot("no seccomp filter can be set");
	return false;
}

static bool init_without_limits(void)
{
	return refuse(SYS_prlimit64) && init_fixed();
}

static bool init_without_files(void)
{
#ifdef SYS_open
	if (!refuse(SYS_open))
		return false;
#endif
	return refuse(SYS_openat) && init_fixed();
}

static bool init_without_capabilities(void)
{
	return refuse(SYS_capget) && init_fixed();
}

static bool init_in_space(void)
{
	if (space_enter() != 0) {
		tap_cannot("no user namespace can be made: %s",
		           strerror(errno));
		return false;
	}
	return init_fixed();
}

static bool init_in_mapped_space(void)
{
	if (space_enter_mapped() != 0) {
		tap_cannot("no user namespace can be made: %s",
		           strerror(errno));
		return false;
	}
	return init_fixed();
}

static bool init_secret(void)
{
	struct secmalloc_config config = {
		.initial_pools = 1,
		.backing = SECMALLOC_BACKING_SECRET,
	};

	return secmalloc_init(&config) == 0;
}

/* The kernel reports a file that is too large with a signal as well. */
static int file_limit_is_unread(void)
{
	if (!backing_secret_exists())
		return tap_cannot("the kernel has no memfd_secret");
	if (!set_file_limit(PAGE) || !refuse(SYS_prlimit64))
		return TAP_CANNOT;
	errno = 0;
	return !init_secret() && errno == EFBIG
	       && strstr(secmalloc_error(), "LimitFSIZE=65536 ") != NULL;
}

/* ---- Locks on all later mappings ----------------------------------------- */

static bool lock_all_later(void)
{
	if (mlockall(MCL_FUTURE) == 0)
		return true;
	tap_cannot("mlockall() fails: %s", strerror(errno));
	return false;
}

static int init_after_mlockall(void)
{
	static char buffer[1024];

	setvbuf(stdout, buffer, _IOLBF, sizeof(buffer));
	if (!child_be_ordinary(300 * KIB) || !lock_all_later())
		return TAP_CANNOT;
	errno = 0;
	if (!init_fixed() && errno == ENOMEM
	    && strstr(secmalloc_error(), "make this call before "
	                                 "mlockall(MCL_FUTURE)")
	               != NULL
	    && strstr(secmalloc_error(), "RLIMIT_AS") == NULL)
		return 1;
	tap_note("errno %d: %s", errno, secmalloc_error());
	return 2;
}

static int init_before_mlockall(void)
{
	if (!child_be_ordinary(300 * KIB))
		return TAP_CANNOT;
	return init_fixed() && lock_all_later();
}

static const struct trial trials[] = {
	TRIAL("where the limit cannot be read, init names enough", 64 * KIB,
              init_without_limits,
              .also = "RLIMIT_MEMLOCK could not be read (errno 1): allow "
                      "prlimit64"),
	TRIAL("where the capabilities cannot be read, init names enough",
              64 * KIB, init_without_capabilities,
              .also = "CAP_IPC_LOCK could not be read (errno 1)"),
	TRIAL("where /proc cannot be read, init says so and names enough",
              64 * KIB, init_without_files,
              .also = "what is locked elsewhere could not be read"),
	TRIAL("in a user namespace init names enough", 64 * KIB, init_in_space,
              .also = "CAP_IPC_LOCK counts only in a user namespace"),
	TRIAL("in a user namespace with all ids init names enough", 64 * KIB,
              init_in_mapped_space, .stays_root = true,
              .also = "CAP_IPC_LOCK counts only in a user namespace"),
	TRIAL("init names a file size that is enough", PAGE, init_fixed,
              .backing = SECMALLOC_BACKING_SECRET, .figure = FILE_BYTES),
	TRIAL("init names a file size for pools of the default size", PAGE,
              init_default, .backing = SECMALLOC_BACKING_SECRET,
              .figure = FILE_BYTES),
	TRIAL("growth names a file size that is enough", PAGE, take_two_pools,
              .prepare = start_one, .stays_root = true,
              .backing = SECMALLOC_BACKING_SECRET, .figure = FILE_BYTES),
	TRIAL("init names a file size and a lock limit if both are too low",
              PAGE, init_fixed, .backing = SECMALLOC_BACKING_SECRET,
              .figure = FILE_BYTES, .is_both = true),
	TRIAL("growth names enough initial_pools", 1, take_two_pools_later,
              .control = 1, .prepare = start_pools, .stays_root = true,
              .figure = "(initial_pools ", .is_field = true),
	TRIAL("growth names enough guarded_chunks", 1, take_two_cells_later,
              .control = 1, .prepare = start_cells, .stays_root = true,
              .figure = "(guarded_chunks ", .is_field = true),
	TRIAL("growth names enough max_pools", 1, reach_max, .control = 1,
              .figure = "raise max_pools to ", .is_field = true),
	TRIAL("growth names enough max_pools for a large chunk", 1,
              reach_max_large, .control = 1, .figure = "raise max_pools to ",
              .is_field = true),
	TRIAL("growth names enough max_pools for guarded chunks", 1,
              reach_max_cells, .control = 1, .figure = "raise max_pools to ",
              .is_field = true),
	TRIAL("growth names enough max_pools for a large guarded chunk", 1,
              reach_max_large_cell, .control = 1,
              .figure = "raise max_pools to ", .is_field = true),
};

int main(void)
{
	remedy_start();
	remedy_try_all(trials, sizeof(trials) / sizeof(trials[0]));
	now = &trials[0];
	child_try("where the file size limit cannot be read, init fails with "
	          "its name",
	          file_limit_is_unread);
	child_try("init after mlockall(MCL_FUTURE) names it",
	          init_after_mlockall);
	child_try("init before mlockall(MCL_FUTURE) succeeds",
	          init_before_mlockall);
	tap_done();
}
