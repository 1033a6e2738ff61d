/*
 * bsd.c - everything that the library asks of the kernel: FreeBSD, OpenBSD,
 * NetBSD and macOS
 *
 * Written from the manuals of these systems, and compiled against declarations
 * made from the manuals. It has never been run.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "os/bsd.h"

#include "os/os.h"
#include "os/posix.h"
#include "os/words.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>
/* macOS declares getentropy() here. */
#if __has_include(<sys/random.h>)
#include <sys/random.h>
#endif

/* ---- Memory ------------------------------------------------------------- */

/* MADV_FREE may keep the pages for a while, which does no harm: nothing was
 * written to them. */
void smi_os_close(void *at, size_t bytes)
{
	munlock(at, bytes);
	madvise(at, bytes, MADV_FREE);
	mprotect(at, bytes, PROT_NONE);
}

/* Wired pages cannot be shared copy-on-write, so fork() copies them. */
bool smi_os_fork_copies(void)
{
	return true;
}

static int documented(int result)
{
	if (result != 0 && errno != ENOTSUP && errno != ENOMEM)
		errno = EPERM;
	return result;
}

int smi_os_advise(const void *at, size_t bytes, unsigned advice)
{
	void *pages = (void *)(uintptr_t)at;

	switch (advice) {
	case SECMALLOC_ADVICE_DONTDUMP:
		return documented(smi_bsd_dont_dump(at, bytes, true));
	case SECMALLOC_ADVICE_DONTFORK:
		return documented(minherit(pages, bytes, smi_bsd_inherit_none));
	case SMI_ADVICE_DOFORK:
		return documented(minherit(pages, bytes, smi_bsd_inherit_copy));
	default:
		/* These systems do not merge equal pages, and have no advice
		 * about huge pages. */
		errno = ENOTSUP;
		return -1;
	}
}

int smi_os_dont_dump(const void *at, size_t bytes)
{
	return documented(smi_bsd_dont_dump(at, bytes, false));
}

int smi_os_open_secret(void *at, size_t bytes, bool in_children)
{
	(void)at, (void)bytes, (void)in_children;
	errno = ENOTSUP;
	return -1;
}

int smi_os_copy_secret(void *at, size_t bytes, bool in_children)
{
	return smi_os_open_secret(at, bytes, in_children);
}

/* Only needed to discard secret memory. */
int smi_os_move(void *from, size_t bytes, void *to)
{
	(void)from, (void)bytes, (void)to;
	errno = ENOTSUP;
	return -1;
}

void smi_os_fork_begin(void)
{
}

void smi_os_fork_end(void)
{
}

/* ---- Limits ------------------------------------------------------------- */

const rlim_t smi_posix_no_core_bytes = 0;

/* The limits bind root too. */
bool smi_os_lock_limit_is_lifted(bool secret)
{
	(void)secret;
	return false;
}

void smi_words_say_shortage(struct smi_text *text, const struct smi_need *need)
{
	struct smi_lock_limits limits;
	size_t enough = need->enough_bytes;
	int code = smi_os_lock_limits(&limits) == 0 ? 0 : errno;

	if (need->code == ENOTSUP) {
		smi_text_add(text, "but this system has no secret memory: "
		                   "choose SECMALLOC_BACKING_AUTO or _LOCKED");
		return;
	}
	smi_posix_say_lock_limits(text, &limits, code);
	smi_text_add(text, ": ");
	if (code != 0 || enough > limits.soft)
		smi_text_add(text,
		             "raise it to %zu bytes%s, for root too, with "
		             "ulimit -l %zu or, where it exists, in login.conf",
		             enough,
		             need->moment == SMI_AT_FORK
		                             || need->moment
		                                        == SMI_AT_INIT_IN_CHILD
		                     ? " before the fork"
		                     : "",
		             enough / 1024 + (enough % 1024 != 0));
	else if (need->code == EPERM)
		smi_text_add(text, "this user may not lock memory: let root "
		                   "lock it");
	else
		smi_text_add(text,
		             "the system's limit on locked memory, the "
		             "memory or the address space is too small: "
		             "check the vm sysctls and RLIMIT_DATA, or use "
		             "fewer or smaller pools");
}

/* ---- Random bytes, barriers and locks ----------------------------------- */

/* The most that one call of getentropy() returns. */
#define ENTROPY_BYTES ((size_t)256)

int smi_os_entropy(void *to, size_t bytes)
{
	unsigned char *at = to;

	while (bytes > 0) {
		size_t n = bytes < ENTROPY_BYTES ? bytes : ENTROPY_BYTES;

		if (getentropy(at, n) != 0) {
			errno = ENOSYS;
			return -1;
		}
		at += n;
		bytes -= n;
	}
	return 0;
}

/* ENOTSUP: the library then makes each thread issue a barrier of its own. */
int smi_os_barrier_prepare(void)
{
	errno = ENOTSUP;
	return -1;
}

int smi_os_barrier(void)
{
	errno = ENOTSUP;
	return -1;
}

void smi_os_start_lock(pthread_mutex_t *lock)
{
	pthread_mutex_init(lock, NULL);
}

/* Destructors and the functions of atexit() run in an order that depends on the
 * system. */
int smi_os_at_exit(void (*act)(void))
{
	(void)act;
	errno = ENOTSUP;
	return -1;
}

/* ---- Signals ------------------------------------------------------------ */

/* A signal that was sent has an si_code of 0 or less, or of 64 Ki and more. */
bool smi_os_signal_has_address(const siginfo_t *info)
{
	return info->si_code > 0 && info->si_code < 0x10000;
}

bool smi_os_signal_is_sent(int signal, const siginfo_t *info)
{
	(void)signal;
	return !smi_os_signal_has_address(info);
}

/* Not all of these systems have sigtimedwait(). */
void smi_os_drop_signal(int signal)
{
	sigset_t set;
	int got;

	sigpending(&set);
	if (sigismember(&set, signal) != 1)
		return;
	sigemptyset(&set);
	sigaddset(&set, signal);
	sigwait(&set, &got);
}
