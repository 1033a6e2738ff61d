/*
 * linux_shortage.c - why Linux refused to lock memory, and the remedy
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "os/words.h"

#include "os/os.h"
#include "os/posix.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ---- What lifts the lock limit ------------------------------------------- */

/* The inode of the user namespace that the kernel starts with. No other one has
 * it, whereas another one may map all ids to themselves just as this one. */
#define INITIAL_USER_NAMESPACE 0xEFFFFFFDu

/* Whether the process is known to be in another user namespace. CAP_IPC_LOCK
 * does not lift the lock limit there. */
static bool is_in_user_namespace(void)
{
	struct stat namespace;
	bool is_other;
	int state, fd;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	fd = open("/proc/thread-self/ns/user", O_RDONLY | O_CLOEXEC);
	is_other = fd >= 0 && fstat(fd, &namespace) == 0
	           && namespace.st_ino != INITIAL_USER_NAMESPACE;
	if (fd >= 0)
		close(fd);
	pthread_setcancelstate(state, NULL);
	return is_other;
}

/* 1 if CAP_IPC_LOCK is in the thread's effective set, 0 if not, -1 with
 * errno. */
static int has_cap_ipc_lock(void)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {{0}};

	if (syscall(SYS_capget, &header, data) != 0)
		return -1;
	return (data[CAP_TO_INDEX(CAP_IPC_LOCK)].effective
	        & CAP_TO_MASK(CAP_IPC_LOCK))
	       != 0;
}

/*
 * Whether the kernel lets this process lock more than the limit. The kernel
 * compares a length with the limit before it looks at the addresses: a range
 * that wraps around locks nothing, and is EINVAL only if the limit does not
 * bind.
 */
static bool limit_is_lifted(void)
{
	size_t page_bytes = smi_os_page_bytes();

	return smi_os_lock((void *)(2 * page_bytes), SIZE_MAX - page_bytes + 1)
	               != 0
	       && errno == EINVAL;
}

/* A system call filter that is installed after init may kill for mlock() if the
 * memory is secret. For a 64-bit kernel no range of a 32-bit process wraps
 * around. */
bool smi_os_lock_limit_is_lifted(bool secret)
{
	if (secret || SIZE_MAX == UINT32_MAX)
		return has_cap_ipc_lock() == 1 && !is_in_user_namespace();
	return limit_is_lifted();
}

/* ---- What was found out -------------------------------------------------- */

enum capability { ABSENT, UNREADABLE, IN_NAMESPACE, EFFECTIVE, NOT_HONOURED };
enum answer { NO, YES, UNKNOWN };

struct findings {
	struct smi_lock_limits limits;
	int limits_code; /* errno if they could not be read, or 0 */
	enum capability capability;
	int capability_code;     /* errno if it could not be read */
	enum answer limit_binds; /* the limit is why the kernel refused */
	bool limit_is_low;       /* it binds, or it would later, or it may */
};

static enum capability find_capability(int *code)
{
	int has = has_cap_ipc_lock();

	*code = has < 0 ? errno : 0;
	if (has < 0)
		return UNREADABLE;
	if (has == 0)
		return ABSENT;
	return is_in_user_namespace() ? IN_NAMESPACE : EFFECTIVE;
}

/* Whether the refusal exceeds the limit, which a privilege might lift. */
static enum answer exceeds(const struct findings *found,
                           const struct smi_need *need)
{
	if (need->refused.step != SMI_STEP_LOCK)
		return NO;
	if (found->limits_code != 0)
		return UNKNOWN;
	if (found->limits.soft == SIZE_MAX)
		return NO;
	if (need->locked_bytes + need->refused.bytes > found->limits.soft)
		return YES;
	return need->is_whole ? NO : UNKNOWN;
}

/*
 * Whether to ask the kernel with limit_is_lifted(). It calls mlock(), which was
 * called already unless the memory is secret. A system call filter that is
 * installed after init may kill for it.
 */
static bool may_ask(const struct smi_need *need)
{
	return need->code == ENOMEM
	       && (!need->secret || need->moment != SMI_AT_GROWTH);
}

static void find_out(struct findings *found, const struct smi_need *need)
{
	bool is_lifted;

	found->limits_code = smi_os_lock_limits(&found->limits) == 0 ? 0
	                                                             : errno;
	found->capability = find_capability(&found->capability_code);
	found->limit_binds = exceeds(found, need);
	is_lifted = found->capability == EFFECTIVE && found->limit_binds == NO;
	if (found->limit_binds != NO && may_ask(need)
	    && (found->capability == EFFECTIVE
	        || found->capability == UNREADABLE)) {
		is_lifted = limit_is_lifted();
		if (is_lifted)
			found->limit_binds = NO;
		else if (found->capability == EFFECTIVE)
			found->capability = NOT_HONOURED;
	} else if (found->limit_binds == YES
	           && found->capability == EFFECTIVE) {
		found->limit_binds = UNKNOWN;
	}
	found->limit_is_low = !is_lifted
	                      && (found->limit_binds != NO
	                          || found->limits_code != 0
	                          || need->enough_bytes > found->limits.soft);
}

static void say_findings(struct smi_text *text, const struct findings *found)
{
	static const char *const capabilities[] = {
		[ABSENT] = "is not effective",
		[UNREADABLE] = "could not be read",
		[IN_NAMESPACE] = "counts only in a user namespace",
		[EFFECTIVE] = "is effective",
		[NOT_HONOURED] = "is effective but is not honoured",
	};

	smi_posix_say_lock_limits(text, &found->limits, found->limits_code);
	if (found->limits_code != 0)
		smi_text_add(text, ": allow %s; ", smi_words.limit_call);
	else
		smi_text_add(text, ", ");
	smi_text_add(text, "CAP_IPC_LOCK %s", capabilities[found->capability]);
	if (found->capability == UNREADABLE)
		smi_text_add(text, " (errno %d)", found->capability_code);
}

/* ---- Remedies ------------------------------------------------------------ */

/* Append the remedy for a cause that only secret memory has. False if the cause
 * is another. */
static bool add_secret_remedy(struct smi_text *text,
                              const struct smi_need *need)
{
	if (need->code == ENOTSUP)
		smi_text_add(text, "the kernel has no memfd_secret: use "
		                   "Linux 5.14 or later (before 6.5, with "
		                   "secretmem.enable=1 on its command line), "
		                   "or choose SECMALLOC_BACKING_AUTO or "
		                   "_LOCKED");
	else if (need->code == EMFILE)
		smi_text_add(text, "memfd_secret briefly needs a file "
		                   "descriptor, and the process has none "
		                   "left: close one, or raise RLIMIT_NOFILE "
		                   "(LimitNOFILE= in systemd)");
	else if (need->code == ENFILE)
		smi_text_add(text,
		             "memfd_secret briefly needs a file descriptor, "
		             "and the system has none left: raise fs.file-max");
	else if (need->code == EFBIG)
		smi_text_add(text,
		             "RLIMIT_FSIZE is too low for memfd_secret: raise "
		             "it (LimitFSIZE=%zu in systemd)",
		             need->file_bytes);
	else
		return false;
	return true;
}

/* The kernel itself refuses a lock with EPERM only if the limit is 0. */
static bool is_forbidden(const struct findings *found,
                         const struct smi_need *need)
{
	return need->code == EPERM
	       && !(found->limit_binds == YES && found->limits.soft == 0);
}

static void add_memory_remedy(struct smi_text *text)
{
	smi_text_add(text, "memory or addresses are short: use fewer or "
	                   "smaller pools, or check RLIMIT_AS, RLIMIT_DATA and "
	                   "vm.max_map_count");
}

/* How to lock as much without changing the limit. */
static void add_other_way(struct smi_text *text, const struct findings *found,
                          const struct smi_need *need)
{
	if (found->capability == NOT_HONOURED)
		smi_text_add(text, "a security module may refuse ipc_lock: "
		                   "allow it there, or ");
	else if (need->field != NULL)
		smi_text_add(text, "let init lock more (%s %zu), or ",
		             need->field, need->field_value);
	else if (found->capability == EFFECTIVE
	         || need->moment == SMI_AT_GROWTH)
		return;
	else if (need->moment == SMI_AT_INIT)
		smi_text_add(
			text,
			"make this call while still root on the host, or ");
	else
		smi_text_add(text, "fork while still root on the host, or ");
}

static void add_limit_remedy(struct smi_text *text,
                             const struct findings *found,
                             const struct smi_need *need)
{
	size_t enough = need->enough_bytes;

	if (found->limits_code != 0)
		smi_text_add(text, "if the limit is less than %zu, ", enough);
	add_other_way(text, found, need);
	smi_text_add(text,
	             "set LimitMEMLOCK=%zu (systemd), memlock %zu "
	             "(limits.conf) or --ulimit memlock=%zu (container)",
	             enough, enough / 1024 + (enough % 1024 != 0), enough);
}

static void add_remedy(struct smi_text *text, const struct findings *found,
                       const struct smi_need *need)
{
	bool has_said = add_secret_remedy(text, need);

	if (need->code == EAGAIN) {
		smi_text_add(text,
		             "the limit counts addresses as well: make this "
		             "call before mlockall(MCL_FUTURE)");
		has_said = true;
	}
	if (!has_said && is_forbidden(found, need)) {
		smi_text_add(text,
		             "a system call filter or a security module "
		             "refuses a call that this needs: allow it (in "
		             "systemd, SystemCallFilter=@memlock madvise, and "
		             "for secret memory memfd_secret ftruncate "
		             "mremap)");
		has_said = true;
	}
	if (!has_said && found->limit_binds == NO) {
		add_memory_remedy(text);
		has_said = true;
	}
	if (found->limit_is_low) {
		smi_text_add(text, "%s", has_said ? "; also, " : "");
		add_limit_remedy(text, found, need);
	}
	if (!has_said && found->limit_binds == UNKNOWN) {
		smi_text_add(text, "; otherwise, ");
		add_memory_remedy(text);
	}
}

void smi_words_say_shortage(struct smi_text *text, const struct smi_need *need)
{
	struct findings found;

	find_out(&found, need);
	say_findings(text, &found);
	smi_text_add(text, ": ");
	add_remedy(text, &found, need);
}
