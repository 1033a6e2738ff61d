/*
 * A module that has a copy of the library of its own can be unloaded with
 * dlclose(): its arena is wiped and unmapped, and nothing of the library
 * remains in the process. When the process exits, the module's arena stays
 * until the end. The shared library is never unloaded.
 *
 * SPDX-License-Identifier: ISC
 */
#include "case.h"
#include "live_dlclose_module.h"
#include "proc.h"
#include "thread.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <secmalloc.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/uio.h>

static const char secret[] = "a secret of the module";

/* ---- The module ---------------------------------------------------------- */

/* The paths of the modules that have their own copy of the library, or use the
 * shared one. */
static char own[PATH_MAX], shared[PATH_MAX];

/* libtool puts the modules beside this program. */
static void set_path(char *path, const char *name)
{
	char self[PATH_MAX - 64] = "";
	char *slash;

	if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
		tap_skip_all("cannot read /proc/self/exe: %s", strerror(errno));
	slash = strrchr(self, '/');
	if (slash != NULL)
		*slash = '\0';
	snprintf(path, PATH_MAX, "%s/.libs/%s", self, name);
}

/* The functions of the module's copy of the library. */
static struct {
	void *handle;
	int (*init)(const struct secmalloc_config *config);
	void (*fini)(void);
	void *(*take)(size_t size);
	void (*give)(void *ptr);
	int (*audit)(void);
	const char *(*error)(void);
	void (*watch)(struct module_late *late);
} module;

static void find(const char *name, void *function)
{
	void *found = dlsym(module.handle, name);

	if (found == NULL)
		abort();
	memcpy(function, &found, sizeof(found));
}

static void find_all(void)
{
	if (module.handle == NULL)
		case_skip("the module cannot be loaded: %s", dlerror());
	find("secmalloc_init", &module.init);
	find("secmalloc_fini", &module.fini);
	find("secmalloc", &module.take);
	find("secfree", &module.give);
	find("secmalloc_audit", &module.audit);
	find("secmalloc_error", &module.error);
	find("module_watch", &module.watch);
}

static void load(const char *path)
{
	module.handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	find_all();
}

static void start_with(struct secmalloc_config config)
{
	config.initial_pools = 1;
	if (module.init(&config) != 0)
		case_skip("%s", module.error());
}

static void start(void)
{
	start_with((struct secmalloc_config){0});
}

static char *take_secret(void)
{
	char *chunk = module.take(sizeof(secret));

	if (chunk == NULL)
		case_skip("%s", module.error());
	memcpy(chunk, secret, sizeof(secret));
	return chunk;
}

static void load_and_start(void)
{
	load(own);
	start();
}

static void unload(void)
{
	dlclose(module.handle);
	module.handle = NULL;
}

static bool is_mapped(const void *address)
{
	struct proc_mapping mapping;

	return proc_mapping_of(address, &mapping);
}

/* The loader may have mapped something else at the same addresses since. */
static bool is_unloaded(void)
{
	Dl_info info;

	return dladdr((const void *)(uintptr_t)module.init, &info) == 0;
}

static int how_it_ends(void (*act)(void))
{
	int status = -1;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		watchdog_start(60);
		act();
		_exit(0);
	}
	waitpid(pid, &status, 0);
	return status;
}

/* ---- Threads --------------------------------------------------------------
 */

static pthread_barrier_t used, gone;

static void *use_and_outlive(void *unused)
{
	for (int i = 0; i < 100; i++)
		module.give(module.take(48));
	pthread_barrier_wait(&used);
	pthread_barrier_wait(&gone);
	return unused;
}

static pthread_t begin_outliving(void)
{
	pthread_t thread;

	pthread_barrier_init(&used, NULL, 2);
	pthread_barrier_init(&gone, NULL, 2);
	thread_begin(&thread, use_and_outlive, NULL);
	pthread_barrier_wait(&used);
	return thread;
}

static bool a_thread_outlives_the_module(void)
{
	pthread_t thread;
	bool good;

	load_and_start();
	thread = begin_outliving();
	unload();
	good = is_unloaded();
	pthread_barrier_wait(&gone);
	pthread_join(thread, NULL);
	return good;
}

/* The thread's cache was in an arena that is gone. */
static void *use_each_time(void *unused)
{
	for (int i = 0; i < 3; i++) {
		pthread_barrier_wait(&used);
		for (int j = 0; j < 100; j++)
			module.give(module.take(48));
		pthread_barrier_wait(&gone);
	}
	/* It must not end just while the module is being unloaded. */
	pthread_barrier_wait(&used);
	return unused;
}

static bool a_thread_uses_the_module_each_time_it_is_loaded(void)
{
	pthread_t thread;
	bool good = true;

	pthread_barrier_init(&used, NULL, 2);
	pthread_barrier_init(&gone, NULL, 2);
	thread_begin(&thread, use_each_time, NULL);
	for (int i = 0; i < 3; i++) {
		load_and_start();
		pthread_barrier_wait(&used);
		pthread_barrier_wait(&gone);
		good = good && module.audit() == 0;
		unload();
	}
	pthread_barrier_wait(&used);
	pthread_join(thread, NULL);
	return good;
}

static struct module_late late;

/* ---- What is left ---------------------------------------------------------
 */

#define KEYS_MOST 4096

static size_t keys_left(void)
{
	static pthread_key_t keys[KEYS_MOST];
	size_t count = 0;

	while (count < KEYS_MOST && pthread_key_create(&keys[count], NULL) == 0)
		count++;
	for (size_t i = 0; i < count; i++)
		pthread_key_delete(keys[i]);
	return count;
}

static bool reloads_leave_nothing(bool fini)
{
	size_t keys = keys_left(), mappings = 0;
	long locked = proc_status_kb("VmLck");

	for (int i = 0; i < 1200; i++) {
		load_and_start();
		module.give(module.take(48));
		take_secret();
		if (i == 0 && proc_status_kb("VmLck") <= locked)
			return false;
		if (fini)
			module.fini();
		unload();
		if (i == 0)
			mappings = proc_mappings();
	}
	tap_note("%ld kB are locked, %zu keys and %zu mappings are left",
	         proc_status_kb("VmLck"), keys_left(), proc_mappings());
	return proc_status_kb("VmLck") == locked && keys_left() == keys
	       && proc_mappings() <= mappings + 1 && is_unloaded();
}

static bool reloads_without_fini_leave_nothing(void)
{
	return reloads_leave_nothing(false);
}

static bool reloads_with_fini_leave_nothing(void)
{
	return reloads_leave_nothing(true);
}

#define FAILING_THREADS 300

static void *fail(void *barrier)
{
	module.take(SIZE_MAX);
	pthread_barrier_wait(barrier);
	return NULL;
}

/* Each thread that fails has a message until it ends. */
static bool messages_of_threads_are_unmapped(void)
{
	static pthread_t threads[FAILING_THREADS];
	size_t keys, mappings = 0;
	pthread_barrier_t all;

	pthread_barrier_init(&all, NULL, FAILING_THREADS);
	keys = keys_left();
	for (int round = 0; round < 4; round++) {
		load_and_start();
		for (int i = 0; i < FAILING_THREADS; i++)
			thread_begin(&threads[i], fail, &all);
		for (int i = 0; i < FAILING_THREADS; i++)
			pthread_join(threads[i], NULL);
		unload();
		/* libc keeps some stacks of threads. */
		if (round == 1)
			mappings = proc_mappings();
	}
	return keys_left() == keys && proc_mappings() <= mappings;
}

static void *unload_here(void *unused)
{
	unload();
	return unused;
}

/* The first calls of a thread come from the module's destructors. */
static bool a_thread_that_only_unloads_ends(void)
{
	size_t keys = keys_left();
	pthread_t thread;

	load_and_start();
	late = (struct module_late){.chunk = take_secret(),
	                            .other = take_secret()};
	module.watch(&late);
	thread_begin(&thread, unload_here, NULL);
	pthread_join(thread, NULL);
	return is_unloaded() && late.destructor_could_use
	       && keys_left() == keys;
}

/* Put a page into a pipe, which keeps it, and its content, when it is unmapped.
 */
static void keep_page(int ends[2], void *at)
{
	struct iovec range = {at, sizeof(secret)};

	if (pipe(ends) != 0
	    || vmsplice(ends[1], &range, 1, 0) != (ssize_t)sizeof(secret))
		case_skip("vmsplice() failed: %s", strerror(errno));
}

static bool reads(int end, const char *expected)
{
	char got[sizeof(secret)];

	return read(end, got, sizeof(got)) == (ssize_t)sizeof(got)
	       && memcmp(got, expected, sizeof(got)) == 0;
}

static bool the_secret_is_wiped(void)
{
	static const char zeros[sizeof(secret)];
	char *plain = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
	                   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int kept[2], plainly_kept[2];
	char *chunk;

	if (plain == MAP_FAILED)
		case_skip("mmap() failed: %s", strerror(errno));
	memcpy(plain, secret, sizeof(secret));
	keep_page(plainly_kept, plain);
	munmap(plain, 4096);
	load_and_start();
	chunk = take_secret();
	keep_page(kept, chunk);
	unload();
	return reads(plainly_kept[0], secret) && reads(kept[0], zeros)
	       && !is_mapped(chunk);
}

static bool forks_work(void)
{
	int status = -1;
	pid_t pid;

	load_and_start();
	unload();
	pid = fork();
	if (pid == 0)
		_exit(0);
	waitpid(pid, &status, 0);
	return status == 0;
}

static pthread_t unloader;

static void *unload_in_thread(void *none)
{
	unload();
	return none;
}

/* This fork handler runs after the module's, as it was registered before. */
static void unload_beside(void)
{
	if (module.handle == NULL)
		return;
	thread_begin(&unloader, unload_in_thread, NULL);
	usleep(100000);
}

/* The C library removes the module's fork handlers between those that run
 * before the fork and those that run after it. */
static bool a_fork_in_progress_ends(void)
{
	struct timespec until;
	sigset_t mask;
	pid_t pid;

	pthread_atfork(unload_beside, NULL, NULL);
	load_and_start();
	pid = fork();
	if (pid == 0)
		_exit(0);
	waitpid(pid, NULL, 0);
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 30;
	if (pthread_timedjoin_np(unloader, NULL, &until) != 0)
		return false;
	pthread_sigmask(SIG_BLOCK, NULL, &mask);
	return sigismember(&mask, SIGTERM) == 0 && is_unloaded();
}

/* The library keeps a few records in itself, and more in a page of its own. */
#define ARENAS_MOST 40

static char *left_behind[ARENAS_MOST];
static size_t mappings_without;

static bool all_are_mapped(size_t count, bool expected)
{
	for (size_t i = 0; i < count; i++)
		if (is_mapped(left_behind[i]) != expected)
			return false;
	return true;
}

/* Make an arena, leave it behind in this process, and go on in the child, until
 * there are enough. The last child unloads the module. */
static bool releases_in_child(size_t enough)
{
	pid_t self = getpid();
	bool good;

	for (size_t i = 0; i < enough; i++) {
		int status = -1;
		pid_t pid;

		start();
		left_behind[i] = take_secret();
		pid = fork();
		if (pid == 0)
			continue;
		waitpid(pid, &status, 0);
		if (getpid() == self)
			return status == 0;
		_exit(status == 0 ? 0 : 1);
	}
	good = all_are_mapped(enough, true);
	unload();
	good = good && all_are_mapped(enough, false)
	       && proc_mappings() == mappings_without;
	_exit(good ? 0 : 1);
}

static void load_after_counting(void)
{
	load(own);
	unload();
	proc_settle();
	mappings_without = proc_mappings();
	load(own);
}

static bool addresses_left_behind_are_released(void)
{
	load_after_counting();
	return releases_in_child(1);
}

static bool addresses_left_behind_often_are_released(void)
{
	load_after_counting();
	return releases_in_child(ARENAS_MOST);
}

static void handle(int number)
{
	_exit(number);
}

static bool handlers_are(void (*expected)(int))
{
	struct sigaction is[2];

	sigaction(SIGSEGV, NULL, &is[0]);
	sigaction(SIGBUS, NULL, &is[1]);
	return is[0].sa_handler == expected && is[1].sa_handler == expected;
}

static bool the_fault_handlers_are_removed(void)
{
	load(own);
	signal(SIGSEGV, handle);
	signal(SIGBUS, handle);
	start_with(
		(struct secmalloc_config){.flags = SECMALLOC_EXPLAIN_FAULTS});
	if (handlers_are(handle))
		return false;
	unload();
	return handlers_are(handle);
}

static bool handlers_of_others_stay(void)
{
	load(own);
	start_with(
		(struct secmalloc_config){.flags = SECMALLOC_EXPLAIN_FAULTS});
	signal(SIGSEGV, handle);
	signal(SIGBUS, handle);
	unload();
	return handlers_are(handle);
}

/* ---- Destructors of the module --------------------------------------------
 */

static bool destructors_may_use_chunks(void)
{
	load_and_start();
	late = (struct module_late){.chunk = take_secret(),
	                            .other = take_secret()};
	module.watch(&late);
	unload();
	return late.destructor_could_use && late.cxx_object_could_use
	       && is_unloaded() && !is_mapped(late.chunk);
}

static bool a_destructor_may_call_fini(void)
{
	char *chunk;

	load_and_start();
	late = (struct module_late){.fini_first = true};
	module.watch(&late);
	chunk = take_secret();
	unload();
	return is_unloaded() && !is_mapped(chunk);
}

/* ---- Two copies -----------------------------------------------------------
 */

static bool the_hosts_own_copy_goes_on(void)
{
	struct secmalloc_config config = {.initial_pools = 1};
	struct secmalloc_stats stats;
	char *ours, *theirs;
	bool good;

	if (secmalloc_init(&config) != 0)
		case_skip_init();
	ours = secstrdup("ours");
	load_and_start();
	theirs = take_secret();
	good = secmalloc_owns(ours) && !secmalloc_owns(theirs)
	       && module.audit() == 0;
	unload();
	secfree(secmalloc(32));
	return good && strcmp(ours, "ours") == 0 && secmalloc_audit() == 0
	       && secmalloc_stats(&stats) == 0 && stats.cached_bytes > 0;
}

static bool a_copy_in_another_namespace_works(void)
{
#ifdef LM_ID_NEWLM
	char *chunk;
	bool good;

	module.handle = dlmopen(LM_ID_NEWLM, own, RTLD_NOW);
	find_all();
	start();
	chunk = take_secret();
	good = module.audit() == 0 && strcmp(chunk, secret) == 0;
	unload();
	return good && !is_mapped(chunk);
#else
	case_skip("this libc has no dlmopen()");
#endif
}

/* The program has an arena in its copy of the library, and the shared library
 * has another one. A child has both. */
static bool a_copy_and_the_shared_library_work_together(void)
{
	struct secmalloc_config config = {
		.initial_pools = 1,
		.fork = SECMALLOC_FORK_KEEP,
	};
	char *ours, *theirs;
	int status = -1;
	pid_t pid;

	if (secmalloc_init(&config) != 0)
		case_skip_init();
	ours = secstrdup("ours");
	load(shared);
	start_with(config);
	theirs = take_secret();
	pid = fork();
	if (pid == 0)
		_exit(strcmp(ours, "ours") == 0 && strcmp(theirs, secret) == 0
		                      && secmalloc_audit() == 0
		                      && module.audit() == 0
		              ? 0
		              : 1);
	waitpid(pid, &status, 0);
	module.give(theirs);
	module.fini();
	return status == 0 && strcmp(ours, "ours") == 0
	       && secmalloc_audit() == 0;
}

/* The shared library stays, and so does its arena. */
static bool the_shared_library_stays(void)
{
	char *chunk;

	load(shared);
	start();
	chunk = take_secret();
	unload();
	load(shared);
	return strcmp(chunk, secret) == 0 && module.audit() == 0
	       && module.init(NULL) == -1 && errno == EALREADY;
}

/* ---- Exit -----------------------------------------------------------------
 */

static char *late_chunk;

static void use_late(void)
{
	if (strcmp(late_chunk, secret) != 0 || module.audit() != 0)
		_exit(3);
	module.give(late_chunk);
	module.give(module.take(48));
	_exit(0);
}

static void exit_and_use_in_the_last_destructor(void)
{
	load_and_start();
	late = (struct module_late){.chunk = take_secret(),
	                            .ends_process = true};
	module.watch(&late);
	exit(2);
}

static void exit_and_use_in_a_handler(void)
{
	atexit(use_late);
	load_and_start();
	late_chunk = take_secret();
	exit(2);
}

static bool the_arena_stays_at_exit(void)
{
	return how_it_ends(exit_and_use_in_the_last_destructor) == 0
	       && how_it_ends(exit_and_use_in_a_handler) == 0;
}

static bool must_be_gone;
static pthread_t outliving;

static void unload_late(void)
{
	char *chunk = take_secret();

	unload();
	if (!is_unloaded() || (must_be_gone && is_mapped(chunk)))
		_exit(3);
	pthread_barrier_wait(&gone);
	pthread_join(outliving, NULL);
	_exit(0);
}

/* The module is unloaded before the library knows of the exit. */
static void exit_and_unload_first(void)
{
	load_and_start();
	outliving = begin_outliving();
	must_be_gone = true;
	atexit(unload_late);
	exit(2);
}

static void exit_and_unload_later(void)
{
	atexit(unload_late);
	load_and_start();
	outliving = begin_outliving();
	exit(2);
}

static bool exit_handlers_may_unload(void)
{
	return how_it_ends(exit_and_unload_first) == 0
	       && how_it_ends(exit_and_unload_later) == 0;
}

int main(void)
{
	tap_needs_plain_build();
#if !defined(__GLIBC__)
	tap_skip_all("this libc never unloads a module");
#endif
	tap_needs_lock(512);
	set_path(own, "dlclose_own.so");
	set_path(shared, "dlclose_shared.so");
	if (access(own, R_OK) != 0)
		tap_skip_all("no module was built: %s", own);
	try_case("a thread that outlives the module ends as usual",
	         a_thread_outlives_the_module);
	try_case("a thread can use the module each time it is loaded",
	         a_thread_uses_the_module_each_time_it_is_loaded);
	try_case("after 1,200 reloads nothing is locked, and no key is used up",
	         reloads_without_fini_leave_nothing);
	try_case("the same if the module calls secmalloc_fini()",
	         reloads_with_fini_leave_nothing);
	try_case("the messages of 300 threads are unmapped",
	         messages_of_threads_are_unmapped);
	try_case("a thread that only unloads the module ends as usual",
	         a_thread_that_only_unloads_ends);
	try_case("the arena is wiped before it is unmapped",
	         the_secret_is_wiped);
	try_case("fork() works after the module was unloaded", forks_work);
	try_case("a fork by another thread comes to its end first",
	         a_fork_in_progress_ends);
	try_case("in a child, the addresses of the parent's arena are released",
	         addresses_left_behind_are_released);
	try_case(
		"after 40 generations, the addresses of all arenas are released",
		addresses_left_behind_often_are_released);
	try_case("the previous signal handlers are restored",
	         the_fault_handlers_are_removed);
	try_case("signal handlers that were installed later stay",
	         handlers_of_others_stay);
	try_case("the module's destructors and C++ objects may use chunks",
	         destructors_may_use_chunks);
	try_case("the module's destructor may call secmalloc_fini()",
	         a_destructor_may_call_fini);
	try_case("the program's own copy of the library goes on working",
	         the_hosts_own_copy_goes_on);
	try_case("a program's copy and the shared library work side by side",
	         a_copy_and_the_shared_library_work_together);
	try_case("a copy in a namespace of its own works, and is unloaded",
	         a_copy_in_another_namespace_works);
	try_case("the shared library, and its arena, stay when the module that "
	         "uses it is unloaded",
	         the_shared_library_stays);
	try_case("at an exit the module's arena stays until the end",
	         the_arena_stays_at_exit);
	try_case("functions of atexit() may unload the module while a thread "
	         "lives",
	         exit_handlers_may_unload);
	tap_done();
}
