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
