/*
 * Calls every public function on a platform on which no memory can be locked.
 * port_none.sh builds and runs this program.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "tap.h"

#include <errno.h>
#include <secmalloc.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>

static char bytes[32];

static bool says(const char *words)
{
	if (strstr(secmalloc_error(), words) != NULL)
		return true;
	tap_note("the message is: %s", secmalloc_error());
	return false;
}

/* Whether a call has just failed with this errno and message. Sets errno to 0
 * for the next call. */
static bool failed(bool result, int code, const char *words)
{
	bool as_wanted = result && errno == code;

	if (!as_wanted)
		tap_note("errno is %d and not %d", errno, code);
	errno = 0;
	return as_wanted && says(words);
}

/* Whether a call has succeeded and left errno alone. */
static bool passed(bool result)
{
	bool as_wanted = result && errno == 0;

	errno = 0;
	return as_wanted;
}

static bool init_fails(struct secmalloc_config config)
{
	return failed(secmalloc_init(&config) == -1, ENOTSUP, "doc/PORTING.md");
}

static void ignore(size_t free_bytes)
{
	(void)free_bytes;
}

static bool all_inits_fail(void)
{
	const struct secmalloc_config bad = {.version = 1};

	return failed(secmalloc_init(NULL) == -1, ENOTSUP, "secmalloc_init: ")
	       && init_fails((struct secmalloc_config){.initial_pools = 4})
	       && init_fails((struct secmalloc_config){
		       .backing = SECMALLOC_BACKING_SECRET})
	       && init_fails((struct secmalloc_config){
		       .backing = SECMALLOC_BACKING_AUTO})
	       && init_fails(
		       (struct secmalloc_config){.fork = SECMALLOC_FORK_KEEP})
	       && init_fails((struct secmalloc_config){
		       .flags = SECMALLOC_NODUMP | SECMALLOC_EXPLAIN_FAULTS})
	       && init_fails((struct secmalloc_config){.max_bytes = 1 << 20})
	       && init_fails((struct secmalloc_config){.guarded_chunks = 1,
	                                               .low_bytes = 1,
	                                               .on_low = ignore})
	       && failed(secmalloc_init(&bad) == -1, EINVAL, "version is 1");
}

static bool wrappers_fail(void)
{
	const char words[] = "not supported on this system";

	return failed(secmalloc_mlock(bytes, 1) == -1, ENOTSUP, words)
	       && says("secmalloc_mlock: ")
	       && failed(secmalloc_munlock(bytes, 1) == -1, ENOTSUP, words)
	       && says("secmalloc_munlock: ")
	       && failed(secmalloc_dontdump(bytes, 1) == -1, ENOTSUP, words)
	       && says("secmalloc_dontdump: ")
	       && failed(secmalloc_mlock(bytes, SIZE_MAX) == -1, EINVAL,
	                 "address space")
	       && passed(secmalloc_mlock(bytes, 0) == 0);
}

static bool allocators_fail(void)
{
	const char words[] = "there is no arena";
	struct secmalloc_stats stats;

	return failed(secmalloc(1) == NULL, ENXIO, words)
	       && failed(seccalloc(1, 1) == NULL, ENXIO, words)
	       && failed(secrealloc(NULL, 1) == NULL, ENXIO, words)
	       && failed(secaligned_alloc(16, 1) == NULL, ENXIO, words)
	       && failed(secstrdup("") == NULL, ENXIO, words)
	       && failed(secmemdup(bytes, 1) == NULL, ENXIO, words)
	       && failed(secmalloc_guarded(1) == NULL, ENXIO, words)
	       && failed(secmalloc_protect(bytes, SECMALLOC_READONLY) == -1,
	                 ENXIO, words)
	       && failed(secmalloc_open(bytes, SECMALLOC_READONLY) == -1, ENXIO,
	                 words)
	       && failed(secmalloc_close(bytes) == -1, ENXIO, words)
	       && failed(secmalloc_usable_size(bytes) == 0, ENXIO, words)
	       && failed(secmalloc_stats(&stats) == -1, ENXIO, words)
	       && failed(secmalloc_audit() == -1, ENXIO, words)
	       && failed(secmalloc_reserve(1) == -1, ENXIO, words)
	       && passed(secmalloc_trim() == 0)
	       && failed(secmalloc_daemon(1, 1) == -1, ENXIO, words);
}

static bool verify_tells_nothing(void)
{
	const char words[] = "this system does not report";

	return failed(secmalloc_verify(0) == -1, ENXIO, "there is no arena")
	       && failed(secmalloc_verify(SECMALLOC_VERIFY_IDS) == -1, ENOTSUP,
	                 words)
	       && failed(secmalloc_verify(SECMALLOC_VERIFY_CAPABILITIES) == -1,
	                 ENOTSUP, words)
	       && failed(secmalloc_verify(SECMALLOC_VERIFY_DUMPABLE) == -1,
	                 ENOTSUP, words)
	       && failed(secmalloc_verify(SECMALLOC_VERIFY_CORE) == -1, ENOTSUP,
	                 words);
}

static bool pure_calls_work(void)
{
	char other[sizeof(bytes)] = "", words[120];

	memset(bytes, 7, sizeof(bytes));
	if (secmalloc_equal(bytes, other, sizeof(bytes)) != 0)
		return false;
	secmalloc_wipe(bytes, sizeof(bytes));
	return passed(secmalloc_equal(bytes, other, sizeof(bytes)) == 1)
	       && passed(strcmp(secmalloc_version(), PACKAGE_VERSION) == 0)
	       && passed(secmalloc_owns(bytes) == 0)
	       && passed(secmalloc_explain(bytes, words, sizeof(words)) == 0)
	       && strcmp(words, "not an address of this library") == 0;
}

static bool nothing_is_freed(void)
{
	secfree(NULL);
	secmalloc_fini();
	return passed(true);
}

static bool wild_pointer_is_fatal(void)
{
	pid_t child = fork();
	int status = 0;

	if (child == 0) {
		fclose(stderr);
		secfree(bytes);
		_exit(0);
	}
	return waitpid(child, &status, 0) == child && WIFSIGNALED(status)
	       && WTERMSIG(status) == SIGABRT;
}

int main(void)
{
	errno = 0;
	tap_ok(*secmalloc_error() == '\0',
	       "there is no message before a call has failed");
	tap_ok(all_inits_fail(),
	       "secmalloc_init() fails with ENOTSUP and names doc/PORTING.md");
	tap_ok(wrappers_fail(),
	       "secmalloc_mlock() and its relatives fail with ENOTSUP");
	tap_ok(allocators_fail(), "calls that need an arena fail with ENXIO");
	tap_ok(verify_tells_nothing(),
	       "secmalloc_verify() fails and says that the system does not "
	       "tell");
	tap_ok(pure_calls_work(), "calls that do not need the system work");
	tap_ok(nothing_is_freed(),
	       "secfree(NULL) and secmalloc_fini() do nothing");
	tap_ok(wild_pointer_is_fatal(),
	       "secfree() of any other pointer is fatal");
	tap_done();
}
