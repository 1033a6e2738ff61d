/*
 * A program for tests/live_tls.sh, which loads the library with dlopen() and
 * has an allocator of its own.
 *
 *     live_tls_program libc                      whether this is glibc
 *     live_tls_program load LIBRARY...           load them in this order
 *     live_tls_program use LIBRARY [OTHER...]    load the others and then the
 *                                           library, and use it
 *     live_tls_program count CALL LIBRARY [OTHER...]
 *                                           print how often the first call of a
 *                                           thread allocates
 *     live_tls_program replace KEYS LIBRARY [OTHER...]
 *                                           malloc() is secmalloc(), in a
 *                                           process that has so many keys of
 *                                           thread-specific data already
 *
 * The exit status is 0 if everything is as it should be, and 77 if no memory
 * can be locked.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include <features.h>
#if !defined(__GLIBC__)
int main(void)
{
	return 1;
}
#else

#include "hide.h"
#include "watchdog.h"

#include <dlfcn.h>
#include <err.h>
#include <errno.h>
#include <pthread.h>
#include <secmalloc.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define THREADS 8

/* ---- The library -------------------------------------------------------- */

static struct {
	__typeof__(secmalloc_init) *init;
	__typeof__(secmalloc) *alloc;
	__typeof__(seccalloc) *zeroed;
	__typeof__(secrealloc) *resize;
	__typeof__(secfree) *give;
	__typeof__(secmalloc_error) *error;
	__typeof__(secmalloc_explain) *explain;
	__typeof__(secmalloc_owns) *owns;
	__typeof__(secmalloc_stats) *stats;
	__typeof__(secmalloc_fini) *fini;
} lib;

/* A function of one of the other libraries that uses dynamic TLS. */
static void (*use_dynamic)(void);

static void load(const char *path)
{
	if (dlopen(path, RTLD_NOW | RTLD_GLOBAL) == NULL)
		errx(1, "%s", dlerror());
}

/* POSIX lets a pointer to data from dlsym() be used as one to a function. */
static bool look_for(const char *name, void *function)
{
	void *at = dlsym(RTLD_DEFAULT, name);

	memcpy(function, &at, sizeof(at));
	return at != NULL;
}

static void find(const char *name, void *function)
{
	if (!look_for(name, function))
		errx(1, "%s", dlerror());
}

/* Load other libraries, and then the library. */
static void load_all(char **paths)
{
	for (char **other = paths + 1; *other != NULL; other++)
		load(*other);
	load(paths[0]);
	find("secmalloc_init", &lib.init);
	find("secmalloc", &lib.alloc);
	find("seccalloc", &lib.zeroed);
	find("secrealloc", &lib.resize);
	find("secfree", &lib.give);
	find("secmalloc_error", &lib.error);
	find("secmalloc_explain", &lib.explain);
	find("secmalloc_owns", &lib.owns);
	find("secmalloc_stats", &lib.stats);
	find("secmalloc_fini", &lib.fini);
	look_for("use_dynamic", &use_dynamic);
}

static void init(void)
{
	struct secmalloc_config config = {.initial_pools = 4, .max_pools = 4};

	if (lib.init(&config) != 0) {
		warnx("%s", lib.error());
		exit(77);
	}
}

/* ---- The allocator ------------------------------------------------------ */

/* The libc and the loader call these functions too. */
#pragma GCC visibility push(default)
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t size);
void *__libc_memalign(size_t align, size_t size);
void __libc_free(void *p);

static atomic_bool counting;
static atomic_uint counted;
static atomic_bool replaced;
static atomic_uint served; /* calls that the library served */

static void count(void)
{
	if (atomic_load(&counting))
		atomic_fetch_add(&counted, 1);
}

void *own_malloc(size_t size) __asm__("malloc");
void *own_malloc(size_t size)
{
	count();
	if (!atomic_load(&replaced))
		return __libc_malloc(size);
	atomic_fetch_add(&served, 1);
	return lib.alloc(size);
}

void *own_calloc(size_t n, size_t size) __asm__("calloc");
void *own_calloc(size_t n, size_t size)
{
	count();
	if (!atomic_load(&replaced))
		return __libc_calloc(n, size);
	atomic_fetch_add(&served, 1);
	return lib.zeroed(n, size);
}

/* Memory that is not a chunk was allocated before malloc() was replaced. */
static bool is_foreign(void *p)
{
	return atomic_load(&served) == 0 || !lib.owns(p);
}

void *own_realloc(void *p, size_t size) __asm__("realloc");
void *own_realloc(void *p, size_t size)
{
	if (p == NULL)
		return own_malloc(size);
	count();
	return is_foreign(p) ? __libc_realloc(p, size) : lib.resize(p, size);
}

void *own_memalign(size_t align, size_t size) __asm__("memalign");
void *own_memalign(size_t align, size_t size)
{
	count();
	return __libc_memalign(align, size);
}

void *own_aligned_alloc(size_t align, size_t size) __asm__("aligned_alloc");
void *own_aligned_alloc(size_t align, size_t size)
{
	return own_memalign(align, size);
}

int own_posix_memalign(void **p, size_t align,
                       size_t size) __asm__("posix_memalign");
int own_posix_memalign(void **p, size_t align, size_t size)
{
	*p = own_memalign(align, size);
	return *p != NULL ? 0 : ENOMEM;
}

void own_free(void *p) __asm__("free");
void own_free(void *p)
{
	count();
	if (p == NULL)
		return;
	if (is_foreign(p))
		__libc_free(p);
	else
		lib.give(p);
}
#pragma GCC visibility pop

/* ---- Calls -------------------------------------------------------------- */

static void *spare; /* a chunk to free or resize */
static void *ordinary;
static const char *said;

static void call_malloc(void)
{
	ordinary = hide(own_malloc(16));
}
static void call_dynamic(void)
{
	if (use_dynamic == NULL)
		errx(1, "no other library has use_dynamic()");
	use_dynamic();
}
static void call_alloc(void)
{
	hide(lib.alloc(16));
}
static void call_free(void)
{
	lib.give(spare);
}
static void call_realloc(void)
{
	spare = lib.resize(spare, 3000);
}
static void call_fail(void)
{
	hide(lib.alloc(hide_size(SIZE_MAX / 2)));
	said = lib.error();
}
static void call_error(void)
{
	said = lib.error();
}
static void call_explain(void)
{
	char words[120];

	lib.explain(spare, words, sizeof(words));
}

static const struct call {
	const char *name;
	void (*act)(void);
	bool without_arena; /* the call is made before secmalloc_init() */
	const char *error;  /* what the thread's message then contains */
} calls[] = {
	{"malloc", call_malloc, false, NULL},
	{"dynamic", call_dynamic, false, NULL},
	{"secmalloc", call_alloc, false, NULL},
	{"secfree", call_free, false, NULL},
	{"secrealloc", call_realloc, false, NULL},
	{"failure", call_fail, false, "secmalloc: "},
	{"early-failure", call_fail, true, "there is no arena"},
	{"secmalloc_error", call_error, false, ""},
	{"secmalloc_explain", call_explain, false, NULL},
	{"early-explain", call_explain, true, NULL},
};

/* ---- Counting ----------------------------------------------------------- */

static pthread_barrier_t loaded;

static void *act_counted(void *what)
{
	const struct call *call = what;

	said = NULL;
	atomic_store(&counting, true);
	call->act();
	atomic_store(&counting, false);
	if (call->error != NULL
	    && (said == NULL || strstr(said, call->error) == NULL))
		errx(1, "%s: the message is \"%s\"", call->name,
		     said != NULL ? said : "");
	return NULL;
}

static void *wait_and_act(void *what)
{
	pthread_barrier_wait(&loaded);
	return act_counted(what);
}

static void start(pthread_t *thread, void *(*work)(void *), void *what)
{
	int code = pthread_create(thread, NULL, work, what);

	if (code != 0) {
		warnx("a thread cannot be started: %s", strerror(code));
		exit(77);
	}
}

/* Count in a thread that is older than the library, and in one that is not. */
static unsigned count_call(const struct call *call, char **paths)
{
	unsigned older;
	pthread_t thread;

	pthread_barrier_init(&loaded, NULL, 2);
	start(&thread, wait_and_act, (void *)(uintptr_t)call);
	load_all(paths);
	if (!call->without_arena) {
		init();
		spare = lib.alloc(32);
	}
	pthread_barrier_wait(&loaded);
	pthread_join(thread, NULL);
	older = atomic_load(&counted);
	if (!call->without_arena)
		spare = lib.alloc(32);
	start(&thread, act_counted, (void *)(uintptr_t)call);
	pthread_join(thread, NULL);
	printf("%s: %u in a thread that is older than the library, %u in a new "
	       "one\n",
	       call->name, older, atomic_load(&counted) - older);
	return atomic_load(&counted);
}

static int count_named(const char *name, char **paths)
{
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		if (strcmp(calls[i].name, name) == 0)
			return count_call(&calls[i], paths) != 0;
	errx(2, "no call %s", name);
}

/* ---- Replacing malloc() ------------------------------------------------- */

static void *use_malloc(void *good)
{
	static const size_t sizes[] = {16, 240, 1200, 9000};
	static void *chunks[4];

	for (int i = 0; i < 4; i++) {
		chunks[i] = own_malloc(sizes[i]);
		if (chunks[i] == NULL || is_foreign(chunks[i]))
			return NULL;
		memset(chunks[i], 1, sizes[i]);
	}
	for (int i = 0; i < 4; i++)
		free(chunks[i]);
	if (malloc(hide_size(SIZE_MAX / 2)) != NULL
	    || strstr(lib.error(), "secmalloc: ") == NULL)
		return NULL;
	return good;
}

static int replace(unsigned keys, char **paths)
{
	pthread_t threads[THREADS];
	void *good = NULL;
	pthread_key_t key;
	int bad = 0;

	while (keys-- > 0)
		if (pthread_key_create(&key, NULL) != 0)
			errx(1, "no key of thread-specific data");
	load_all(paths);
	init();
	for (int i = 0; i < THREADS; i++) {
		atomic_store(&replaced, true);
		start(&threads[i], use_malloc, &bad);
		pthread_join(threads[i], &good);
		atomic_store(&replaced, false);
		if (good == NULL)
			bad = 1;
	}
	printf("the library served %u calls\n", atomic_load(&served));
	return bad;
}

/* ---- Using -------------------------------------------------------------- */

static int use(char **paths)
{
	struct secmalloc_stats stats;
	void *chunk;

	load_all(paths);
	if (lib.alloc(16) != NULL || strstr(lib.error(), "no arena") == NULL)
		errx(1, "without an arena: %s", lib.error());
	init();
	chunk = lib.alloc(100);
	lib.give(chunk);
	if (chunk == NULL || lib.stats(&stats) != 0 || stats.frees != 1)
		errx(1, "%s", lib.error());
	lib.fini();
	return 0;
}

int main(int argc, char **argv)
{
	watchdog_start(60);
	if (argc > 2 && strcmp(argv[1], "load") == 0) {
		for (int i = 2; i < argc; i++)
			load(argv[i]);
		return 0;
	}
	if (argc > 2 && strcmp(argv[1], "use") == 0)
		return use(argv + 2);
	if (argc > 3 && strcmp(argv[1], "count") == 0)
		return count_named(argv[2], argv + 3);
	if (argc > 3 && strcmp(argv[1], "replace") == 0)
		return replace((unsigned)strtoul(argv[2], NULL, 10), argv + 3);
	if (argc == 2 && strcmp(argv[1], "libc") == 0)
		return 0;
	errx(2, "usage: live_tls_program libc|load|use|count|replace ...");
}
#endif
