/*
 * limits.c - why memory could not be locked, in words with the remedy
 *
 * SPDX-License-Identifier: ISC
 */
#include "limits.h"

#include "error.h"
#include "os.h"

#include <errno.h>

static void add_limit(struct smi_text *text, size_t bytes, const char *which)
{
	if (bytes == SIZE_MAX)
		smi_text_add(text, "unlimited %s", which);
	else
		smi_text_add(text, "%zu %s", bytes, which);
}

/* Whether the lock limit, and not the memory, is what was in the way. */
static bool limit_binds(const struct smi_lock_limits *limits, size_t wanted)
{
	return !limits->privileged && wanted > limits->soft;
}

/* What only secret memory fails of. False: it is something else. */
static bool add_secret_remedy(struct smi_text *text, size_t wanted, int code)
{
	if (code == ENOTSUP)
		smi_text_add(text, "the kernel has no memfd_secret: it takes "
		                   "Linux 5.14 or later, before 6.5 with "
		                   "secretmem.enable=1 on its command line; or "
		                   "choose SECMALLOC_BACKING_AUTO or _LOCKED");
	else if (code == EMFILE)
		smi_text_add(text, "memfd_secret needs a file descriptor for a "
		                   "moment: close one, or raise RLIMIT_NOFILE "
		                   "(LimitNOFILE= in systemd)");
	else if (code == ENFILE)
		smi_text_add(text,
		             "memfd_secret needs a file descriptor for a "
		             "moment, and the system has none left: raise "
		             "fs.file-max");
	else if (code == EFBIG)
		smi_text_add(text,
		             "for memfd_secret RLIMIT_FSIZE is too low: "
		             "raise it (LimitFSIZE=%zu in systemd)",
		             wanted);
	else
		return false;
	return true;
}

static void add_remedy(struct smi_text *text,
                       const struct smi_lock_limits *limits,
                       const struct smi_lock_shortage *s, int code)
{
	size_t wanted = s->bytes_wanted;
	size_t kib = wanted / 1024 + (wanted % 1024 != 0);

	if (add_secret_remedy(text, wanted, code))
		return;
	if (code == EPERM && !limit_binds(limits, wanted))
		smi_text_add(text,
		             "a filter of system calls refuses what it "
		             "takes: allow it (in systemd SystemCallFilter="
		             "@memlock madvise, and for secret memory "
		             "memfd_secret ftruncate mremap)");
	else if (limit_binds(limits, wanted))
		smi_text_add(text,
		             "%s while still root of the machine, or "
		             "give LimitMEMLOCK=%zu (systemd), memlock %zu "
		             "(limits.conf) or --ulimit memlock=%zu "
		             "(container)",
		             s->copy ? "fork" : "call it", wanted, kib, wanted);
	else if (!limits->privileged && limits->soft != SIZE_MAX)
		smi_text_add(text,
		             "the limit also counts what the process "
		             "has locked elsewhere: raise it, or free memory "
		             "or addresses (RLIMIT_AS, RLIMIT_DATA, "
		             "vm.max_map_count)");
	else
		smi_text_add(text,
		             "the memory or the addresses are too few: "
		             "ask for fewer or smaller pools, or look at "
		             "RLIMIT_AS, RLIMIT_DATA and vm.max_map_count");
}

void smi_limits_explain(const struct smi_lock_shortage *s)
{
	struct smi_text *text = smi_error_begin();
	struct smi_lock_limits limits;
	int code = errno;

	smi_os_lock_limits(&limits);
	smi_text_add(text, "%s: ", s->call);
	if (s->growth)
		smi_text_add(text,
		             "no room for %zu bytes in %zu %s, and one "
		             "more of %zu bytes could not be locked",
		             s->size, s->pools_locked, s->what, s->pool_bytes);
	else if (s->copy)
		smi_text_add(text,
		             "the child's copy of %zu pools (%zu bytes) "
		             "could not be locked and was wiped",
		             s->pools_locked, s->pool_bytes);
	else
		smi_text_add(text, "%zu of %zu %s of %zu bytes were locked",
		             s->pools_locked, s->pools_wanted, s->what,
		             s->pool_bytes);
	smi_text_add(text, ", %zu bytes are wanted in all, RLIMIT_MEMLOCK is ",
	             s->bytes_wanted);
	add_limit(text, limits.soft, "soft and ");
	add_limit(text, limits.hard, "hard, CAP_IPC_LOCK is ");
	smi_text_add(text, "%s: ",
	             limits.privileged ? "present"
	                               : "absent or of a user namespace");
	add_remedy(text, &limits, s, code);
	errno = code;
}
