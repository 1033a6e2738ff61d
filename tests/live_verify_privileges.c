/*
 * The checks of secmalloc_verify() that concern the process. Privileges that
 * can be regained are detected, in whichever thread. A process that has given
 * up all of them passes.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "machine.h"
#include "proc.h"
#include "verify.h"
#include "thread.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <pthread.h>
#include <sys/fsuid.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>

#define IDS             SECMALLOC_VERIFY_IDS
#define CAPABILITIES    SECMALLOC_VERIFY_CAPABILITIES
#define BIT(capability) ((uint64_t)1 << (capability))

/* ---- A process without privileges --------------------------------------- */

static bool good_daemon(void)
{
	struct secmalloc_config config = {
		.initial_pools = 4,
		.flags = SECMALLOC_NODUMP,
	};

	case_needs_file(CORE_PATTERN);
	return secmalloc_init(&config) == 0 && become_nobody()
	       && prctl(PR_SET_DUMPABLE, 0) == 0 && passes(0)
	       && passes(SECMALLOC_VERIFY_LOCKED | SECMALLOC_VERIFY_ADVICE)
	       && passes(IDS | CAPABILITIES)
	       && passes(SECMALLOC_VERIFY_DUMPABLE | SECMALLOC_VERIFY_CORE);
}

static bool bad_daemon(void)
{
	struct secmalloc_config config = {.initial_pools = 4};
	struct rlimit core = {4711, 4711};

	case_needs_file(CORE_PATTERN);
	setrlimit(RLIMIT_CORE, &core);
	return secmalloc_init(&config) == 0 && munlockall() == 0
	       && prctl(PR_SET_DUMPABLE, 1) == 0 && finds(0, "not locked")
	       && says("uid") && says("capabilit") && says("dumpable")
	       && says("RLIMIT_CORE is 4711");
}

static bool unknown_bits(void)
{
	return fails(0x80, EINVAL, "checks is 128, which has bits")
	       && fails(UINT_MAX, EINVAL, "checks is 4294967295")
	       && fails(IDS | 0x80000000u, EINVAL, "has bits");
}

/* ---- Ids ---------------------------------------------------------------- */

static bool root_is_kept(void)
{
	return finds(IDS, "the effective uid is 0: use setresuid to drop it")
	       && says("the effective gid is 0");
}

/* Set these ids and give up the others, as a daemon does, and check the
 * message. */
static bool with_uids(uid_t real, uid_t effective, uid_t saved,
                      const char *words)
{
	if (setgroups(0, NULL) != 0 || setresgid(NOBODY, NOBODY, NOBODY) != 0
	    || setresuid(real, effective, saved) != 0)
		return false;
	return finds(IDS, words) && !says(" gid");
}

static bool with_gids(gid_t real, gid_t effective, gid_t saved,
                      const char *words)
{
	if (setgroups(0, NULL) != 0 || setresgid(real, effective, saved) != 0
	    || setresuid(NOBODY, NOBODY, NOBODY) != 0)
		return false;
	return finds(IDS, words) && !says(" uid") && says("use setresgid");
}

static bool saved_uid(void)
{
	return with_uids(NOBODY, NOBODY, 0,
	                 "the saved uid is still 0 but the effective one is "
	                 "65534: use setresuid");
}

static bool real_uid(void)
{
	return with_uids(0, NOBODY, NOBODY, "the real uid is still 0");
}

static bool effective_uid(void)
{
	return with_uids(NOBODY, 0, NOBODY, "the effective uid is 0");
}

static bool other_uid(void)
{
	return with_uids(1, NOBODY, NOBODY,
	                 "the real uid is still 1 but the effective one is "
	                 "65534");
}

static bool by_seteuid(void)
{
	return setgroups(0, NULL) == 0 && setegid(NOBODY) == 0
	       && seteuid(NOBODY) == 0 && finds(IDS, "the real uid is still 0")
	       && says("the real gid is still 0");
}

static bool saved_gid(void)
{
	return with_gids(NOBODY, NOBODY, 0, "the saved gid is still 0");
}

static bool real_gid(void)
{
	return with_gids(0, NOBODY, NOBODY, "the real gid is still 0");
}

static bool gid_not_given_up(void)
{
	return with_gids(0, 0, 0,
	                 "the effective gid is 0: use setresgid to drop it");
}

/* Only a process with a capability can have a file system uid that differs. */
static bool file_system_uid(void)
{
	return setgroups(0, NULL) == 0 && setresgid(NOBODY, NOBODY, NOBODY) == 0
	       && setresuid(NOBODY, NOBODY, NOBODY) == 0 && passes(IDS)
	       && (setfsuid(0), passes(IDS));
}

/* The list of 300 groups is longer than the library's buffers, and group 0 is
 * in the middle. */
static bool groups_with(gid_t extra, bool found)
{
	gid_t groups[300];

	for (gid_t i = 0; i < 300; i++)
		groups[i] = 4000000000u + i;
	groups[150] = extra;
	return setgroups(300, groups) == 0
	       && setresgid(NOBODY, NOBODY, NOBODY) == 0
	       && setresuid(NOBODY, NOBODY, NOBODY) == 0
	       && (found ? finds(IDS, "the supplementary groups include 0: "
	                              "call setgroups before setresuid")
	                 : passes(IDS));
}

static bool group_0(void)
{
	return groups_with(0, true);
}

static bool other_groups(void)
{
	return groups_with(7, false);
}

/* ---- Capabilities ------------------------------------------------------- */

static bool set_capabilities(uint64_t permitted, uint64_t inheritable)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

	for (int i = 0; i < _LINUX_CAPABILITY_U32S_3; i++)
		data[i] = (struct __user_cap_data_struct){
			.permitted = (uint32_t)(permitted >> (32 * i)),
			.inheritable = (uint32_t)(inheritable >> (32 * i)),
		};
	return syscall(SYS_capset, &header, data) == 0;
}

static bool keep(uint64_t permitted, uint64_t inheritable)
{
	return prctl(PR_SET_KEEPCAPS, 1) == 0 && become_nobody()
	       && set_capabilities(permitted, inheritable);
}

static bool all_kept(void)
{
	return prctl(PR_SET_KEEPCAPS, 1) == 0 && become_nobody()
	       && finds(CAPABILITIES,
	                "capabilities cap_chown, "
	                "cap_dac_override, cap_dac_read_search and ")
	       && says(" more are still permitted: drop them")
	       && finds(IDS, ": capabilities cap_setgid, cap_setuid are still");
}

static bool one_kept(void)
{
	return keep(BIT(CAP_SYS_PTRACE), 0)
	       && finds(CAPABILITIES,
	                ": capability cap_sys_ptrace is still permitted: drop "
	                "it with capset")
	       && passes(IDS) && set_capabilities(0, 0) && passes(CAPABILITIES);
}

static bool two_kept(void)
{
	return keep(BIT(0) | BIT(39), 0)
	       && finds(CAPABILITIES, "capabilities cap_chown, cap_bpf are ");
}

static bool inheritable_kept(void)
{
	return keep(0, BIT(CAP_KILL))
	       && finds(CAPABILITIES,
	                ": capability cap_kill is still inheritable")
	       && !says("permitted");
}

static bool setuid_kept(void)
{
	return keep(BIT(CAP_SETUID), 0)
	       && finds(IDS, ": capability cap_setuid is still permitted")
	       && finds(IDS | CAPABILITIES, "cap_setuid") && !says(";");
}

/* ---- Threads ------------------------------------------------------------ */

static pthread_barrier_t barrier;
static size_t thread_number;

static void *wait_in_thread(void *unused)
{
	thread_number = (size_t)syscall(SYS_gettid);
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	return unused;
}

/* Start another thread whose number is known. */
static void start_threads(void)
{
	pthread_t thread;

	pthread_barrier_init(&barrier, NULL, 2);
	thread_begin(&thread, wait_in_thread, NULL);
	pthread_barrier_wait(&barrier);
}

static bool is_thread(void)
{
	char words[80];

	snprintf(words, sizeof(words),
	         " in 1 of 2 threads, the first of them %zu: ", thread_number);
	return says(words);
}

/* Only this thread changes its uid. The function of libc would change all
 * threads. */
static bool thread_keeps_uid(void)
{
	start_threads();
	return setgroups(0, NULL) == 0 && setresgid(NOBODY, NOBODY, NOBODY) == 0
	       && syscall(SYS_setresuid, NOBODY, NOBODY, NOBODY) == 0
	       && finds(IDS, "the effective uid is 0") && is_thread();
}

static bool thread_keeps_capability(void)
{
	if (!keep(BIT(CAP_CHOWN), 0))
		return false;
	start_threads();
	return finds(CAPABILITIES, "cap_chown is still permitted: ")
	       && set_capabilities(0, 0)
	       && finds(CAPABILITIES, "cap_chown is still permitted in")
	       && is_thread();
}

static bool threads_pass(void)
{
	start_threads();
	return become_nobody() && passes(IDS | CAPABILITIES);
}

static void *nothing(void *unused)
{
	return unused;
}

/* Give up root while threads end. libc does not change the ids of a thread that
 * is about to end. */
static bool drop_while_threads_end(void)
{
	pthread_attr_t detached;
	pthread_t thread;

	pthread_attr_init(&detached);
	pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
	for (int i = 0; i < 3; i++)
		if (pthread_create(&thread, &detached, nothing, NULL) != 0)
			return false;
	for (volatile int i = rand() % 20000; i > 0; i--)
		;
	return become_nobody() && secmalloc_verify(IDS) == 0;
}

static bool ending_threads_pass(void)
{
	int bad = 0, runs = 400;

	for (int i = 0; i < runs; i++) {
		int status = -1;
		pid_t child;

		srand((unsigned)i);
		child = fork();
		if (child == 0)
			_exit(drop_while_threads_end() ? 0 : 1);
		waitpid(child, &status, 0);
		bad += status != 0;
	}
	/* A thread may have to wait long for a processor. */
	tap_note("%d of %d have a finding", bad, runs);
	return bad < runs / 40;
}

/* pthread_join() may return before the kernel has ended the thread. */
static void *drop_in_thread(void *unused)
{
	const struct timespec moment = {.tv_nsec = 10000000};

	(void)unused;
	for (int i = 0; i < 1000 && proc_first_state() != 'Z'; i++)
		nanosleep(&moment, NULL);
	_exit(proc_first_state() == 'Z' && become_nobody()
	                      && passes(IDS | CAPABILITIES)
	              ? 0
	              : 1);
}

/* The first thread stays in the list until the others have ended, but can do
 * nothing more. */
static bool first_thread_ended(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, drop_in_thread, NULL) != 0)
		return false;
	pthread_exit(NULL);
}

/* ---- Workers of an io_uring --------------------------------------------- */

/* Whether a thread of this process has a name that begins like this. */
static bool has_thread_named(const char *start)
{
	DIR *list = opendir("/proc/self/task");
	char path[300], name[32];
	bool found = false;
	struct dirent *entry;
	FILE *file;

	while (list != NULL && !found && (entry = readdir(list)) != NULL) {
		snprintf(path, sizeof(path), "/proc/self/task/%s/comm",
		         entry->d_name);
		file = fopen(path, "r");
		found = file != NULL && fgets(name, sizeof(name), file) != NULL
		        && strncmp(name, start, strlen(start)) == 0;
		if (file != NULL)
			fclose(file);
	}
	if (list != NULL)
		closedir(list);
	return found;
}

/*
 * Make an io_uring whose submissions a thread of the kernel polls. The fields
 * of the structure are the numbers of entries, flags, a processor, and how long
 * the thread polls before it sleeps. The thread gets its name once it runs.
 */
static void make_io_uring(void)
{
#ifdef SYS_io_uring_setup
	const uint32_t sqpoll = 2;
	uint32_t parameters[30] = {0, 0, sqpoll, 0, 1};

	if (syscall(SYS_io_uring_setup, 4, parameters) < 0)
		case_skip("io_uring_setup: %s", strerror(errno));
	for (int i = 0; i < 10000 && !has_thread_named("iou-sqp-"); i++)
		usleep(1000);
#else
	case_skip("the headers have no io_uring_setup");
#endif
}

static bool io_uring_before_drop(void)
{
	make_io_uring();
	return become_nobody()
	       && finds(IDS | CAPABILITIES,
	                ": workers of an io_uring keep the privileges that its "
	                "maker had (effective uid 0, effective gid 0, ")
	       && says(" capabilities) in 1 of 2 threads, the first of them ")
	       && says(": make the io_uring after dropping privileges")
	       && !says("setresuid") && !says("capset");
}

static bool io_uring_after_drop(void)
{
	if (!become_nobody())
		return false;
	make_io_uring();
	return passes(IDS | CAPABILITIES);
}

/* A thread can give itself any name. */
static bool root_named_as_worker(void)
{
	prctl(PR_SET_NAME, "iou-sqp-1");
	return finds(IDS, "the effective uid is 0: use setresuid")
	       && !says("io_uring");
}

/* ---- A kernel that does not answer -------------------------------------- */

static char empty[] = "/tmp/secmalloc-empty-XXXXXX";

static bool without_proc(void)
{
	if (secmalloc_init(NULL) != 0)
		case_skip_init();
	if (chdir(empty) != 0 || chroot(".") != 0)
		case_skip("chroot: %s", strerror(errno));
	return fails(SECMALLOC_VERIFY_LOCKED, ENOTSUP,
	             "/proc/thread-self/smaps")
	       && fails(IDS, ENOTSUP, "/proc/self/task")
	       && fails(CAPABILITIES, ENOTSUP, "/proc/self/task")
	       && fails(SECMALLOC_VERIFY_CORE, ENOTSUP, "core_pattern")
	       && says("mount the /proc of") && prctl(PR_SET_DUMPABLE, 0) == 0
	       && passes(SECMALLOC_VERIFY_DUMPABLE)
	       && prctl(PR_SET_DUMPABLE, 1) == 0
	       && finds(0, "the process is dumpable (1)")
	       && says("/proc/thread-self/smaps");
}

static bool leaves_no_descriptor(void)
{
	int before = dup(0), after;

	close(before);
	secmalloc_init(NULL);
	secmalloc_verify(0);
	secmalloc_verify(IDS);
	after = dup(0);
	return before >= 0 && after == before;
}

int main(void)
{
	int code;

	tap_needs_plain_build();
	machine_lock(LOCK_SH);
	try_case("unknown bits are refused", unknown_bits);
	try_case("secmalloc_verify() leaves no descriptor open",
	         leaves_no_descriptor);
	if (geteuid() != 0) {
		tap_skip("all other checks of the process", "needs root");
		tap_done();
	}
	code = tap_setuid_fails();
	if (code != 0)
		tap_skip_rest("root is not allowed to become another user: %s",
		              strerror(code));
	try_case("a daemon that gave up all privileges passes", good_daemon);
	try_case("one message reports everything that is wrong", bad_daemon);

	try_case("a process that is still root is detected", root_is_kept);
	try_case("a saved uid that is still 0 is detected", saved_uid);
	try_case("a real uid that is still 0 is detected", real_uid);
	try_case("an effective uid that is still 0 is detected", effective_uid);
	try_case("a real uid that differs from the effective one is detected",
	         other_uid);
	try_case("seteuid() and setegid() alone are detected", by_seteuid);
	try_case("a saved gid that is still 0 is detected", saved_gid);
	try_case("a real gid that is still 0 is detected", real_gid);
	try_case("an effective gid that is still 0 is detected",
	         gid_not_given_up);
	try_case("the file system uid does not matter", file_system_uid);
	try_case("group 0 among 300 groups is detected", group_0);
	try_case("300 other groups pass", other_groups);

	try_case("capabilities that were all kept are detected", all_kept);
	try_case("one capability that was kept is detected", one_kept);
	try_case("two capabilities that were kept are detected", two_kept);
	try_case("an inheritable capability is detected", inheritable_kept);
	try_case("a capability that can regain any uid is detected",
	         setuid_kept);

	try_case("a uid that another thread has kept is detected",
	         thread_keeps_uid);
	try_case("a capability that another thread has kept is detected",
	         thread_keeps_capability);
	try_case("threads that all gave up their privileges pass",
	         threads_pass);
	try_case("threads that end while root is given up pass",
	         ending_threads_pass);
	try_case("an io_uring made before the privileges were dropped is named",
	         io_uring_before_drop);
	try_case("an io_uring made afterwards passes", io_uring_after_drop);
	try_case(
		"a thread that is named as a worker of an io_uring is not taken "
		"for one",
		root_named_as_worker);
#ifdef __GLIBC__
	try_case("a first thread that has ended does not matter",
	         first_thread_ended);
#else
	(void)first_thread_ended;
	tap_skip(
		"a first thread that has ended does not matter",
		"after that this libc may be unable to change the ids of other "
		"threads");
#endif
	if (mkdtemp(empty) != NULL) {
		try_case("without /proc no check passes", without_proc);
		rmdir(empty);
	} else {
		tap_skip("without /proc no check passes",
		         "cannot write in /tmp: %s", strerror(errno));
	}
	tap_done();
}
