/*
 * linux_words.c - what Linux calls its calls and limits, for messages
 *
 * SPDX-License-Identifier: ISC
 */
#include "os/words.h"

#include "os/os.h"
#include "os/posix.h"

#include <errno.h>
#include <unistd.h>

const struct smi_words smi_words = {
	.mappings_file = "/proc/thread-self/smaps",
	.threads_file = "/proc/self/task",
	.core_sink_file = "/proc/sys/kernel/core_pattern",
	.limit_call = "prlimit64",
	.undump = "prctl(PR_SET_DUMPABLE)",
	.dumpable_call = "prctl(PR_GET_DUMPABLE)",
	.dumpable_again = "probably after setresuid or another change of "
			  "credentials while fs.suid_dumpable was not 0, or "
			  "after prctl(PR_SET_DUMPABLE, 1): call "
			  "prctl(PR_SET_DUMPABLE, 0) after that",
	.dumpable_remedy = "call prctl(PR_SET_DUMPABLE, 0) after setresuid",
	.core_remedy = "0, or to 1, which also stops dumps to a pipe",
};

/* Whether the lock limit, rather than a lack of memory, is the cause. */
static bool limit_binds(const struct smi_lock_limits *limits, size_t wanted)
{
	return !limits->privileged && wanted > limits->soft;
}

/* Append the remedy for a cause that only secret memory has. False if the cause
 * is another. */
static bool add_secret_remedy(struct smi_text *text, size_t wanted, int code)
{
	if (code == ENOTSUP)
		smi_text_add(text, "the kernel has no memfd_secret: use "
		                   "Linux 5.14 or later (before 6.5, with "
		                   "secretmem.enable=1 on its command line), "
		                   "or choose SECMALLOC_BACKING_AUTO or "
		                   "_LOCKED");
	else if (code == EMFILE)
		smi_text_add(text, "memfd_secret briefly needs a file "
		                   "descriptor, and the process has none "
		                   "left: close one, or raise RLIMIT_NOFILE "
		                   "(LimitNOFILE= in systemd)");
	else if (code == ENFILE)
		smi_text_add(text,
		             "memfd_secret briefly needs a file descriptor, "
		             "and the system has none left: raise fs.file-max");
	else if (code == EFBIG)
		smi_text_add(text,
		             "RLIMIT_FSIZE is too low for memfd_secret: raise "
		             "it (LimitFSIZE=%zu in systemd)",
		             wanted);
	else
		return false;
	return true;
}

static void add_remedy(struct smi_text *text,
                       const struct smi_lock_limits *limits, size_t wanted,
                       bool copy, int code)
{
	size_t kib = wanted / 1024 + (wanted % 1024 != 0);

	if (add_secret_remedy(text, wanted, code))
		return;
	if (code == EPERM && !limit_binds(limits, wanted))
		smi_text_add(text,
		             "a system call filter refuses a call that this "
		             "needs: allow it (in systemd, "
		             "SystemCallFilter=@memlock madvise, and for "
		             "secret memory memfd_secret ftruncate mremap)");
	else if (limit_binds(limits, wanted))
		smi_text_add(text,
		             "%s while still root on the host, or set "
		             "LimitMEMLOCK=%zu (systemd), memlock %zu "
		             "(limits.conf) or --ulimit memlock=%zu "
		             "(container)",
		             copy ? "fork" : "make this call", wanted, kib,
		             wanted);
	else if (!limits->privileged && limits->soft != SIZE_MAX)
		smi_text_add(text,
		             "the limit also counts memory that the process "
		             "has locked elsewhere: raise it, or free memory "
		             "or address space (RLIMIT_AS, RLIMIT_DATA, "
		             "vm.max_map_count)");
	else
		smi_text_add(text,
		             "the memory or the address space is too small: "
		             "use fewer or smaller pools, or check "
		             "RLIMIT_AS, RLIMIT_DATA and vm.max_map_count");
}

void smi_words_say_shortage(struct smi_text *text, size_t wanted, bool copy,
                            int code)
{
	struct smi_lock_limits limits;

	smi_os_lock_limits(&limits);
	smi_posix_say_lock_limits(text);
	smi_text_add(text, ", CAP_IPC_LOCK is %s: ",
	             limits.privileged ? "present"
	                               : "absent or limited to a user "
	                                 "namespace");
	add_remedy(text, &limits, wanted, copy, code);
}

/* Append the remedy for a file that does not exist. */
static void add_missing(struct smi_text *text, const char *file)
{
	if (access("/proc/self", F_OK) != 0)
		smi_text_add(text, "mount the /proc of this PID namespace");
	else if (file == smi_words.core_sink_file)
		smi_text_add(text,
		             "mount /proc without subset=pid (in systemd, "
		             "ProcSubset=all), or leave out "
		             "SECMALLOC_VERIFY_CORE if the kernel has no "
		             "CONFIG_COREDUMP");
	else
		smi_text_add(text, "use a kernel with "
		                   "CONFIG_PROC_PAGE_MONITOR");
}

void smi_words_say_unread(struct smi_text *text, const char *file, int code)
{
	switch (code) {
	case EMFILE:
		smi_text_add(text, "close a file descriptor, or raise "
		                   "RLIMIT_NOFILE (LimitNOFILE= in systemd)");
		break;
	case ENFILE:
		smi_text_add(text, "raise fs.file-max, as the whole system has "
		                   "no free file");
		break;
	case ENOENT:
		add_missing(text, file);
		break;
	case EPERM:
	case ENOSYS:
		smi_text_add(text, "allow open, openat, read and getdents64 "
		                   "in the system call filter");
		break;
	case EACCES:
		smi_text_add(text, "allow it in the security module (AppArmor, "
		                   "SELinux, Landlock), the system call filter "
		                   "and the permissions of the directories "
		                   "above it");
		break;
	case EAGAIN:
		smi_text_add(text, "threads started or ended all the time, or "
		                   "the list is incomplete: make this call "
		                   "when no thread starts or ends");
		break;
	case EBADMSG:
		smi_text_add(text, "it is empty, cut short or malformed: give "
		                   "the process the kernel's own file, not a "
		                   "sandbox's");
		break;
	default:
		smi_text_add(text, "look up the errno in open(2) and read(2)");
	}
}
