/*
 * api.c - the public functions, and the only symbols that are exported
 *
 * Each function validates its arguments, enters the arena, and calls the module
 * that does the work. The contracts are in secmalloc.h.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "api/fast_path.h"
#include "api/guarded_path.h"
#include "arena/allocate.h"
#include "arena/audit.h"
#include "arena/cached.h"
#include "arena/guarded_chunks.h"
#include "arena/trim.h"
#include "base/wipe.h"
#include "os/os.h"
#include "process/current.h"
#include "process/daemon.h"
#include "process/fault_handler.h"
#include "process/hooks.h"
#include "process/settings.h"
#include "report/last_error.h"
#include "verify/verify.h"

#include <errno.h>
#include <secmalloc.h>
#include <string.h>

/* ---- The arena ---------------------------------------------------------- */

int secmalloc_init(const struct secmalloc_config *config)
{
	struct smi_arena_plan plan;

	if (smi_settings_plan(&plan, config) != 0 || smi_hooks_register() != 0
	    || smi_current_init(&plan) != 0)
		return -1;
	if (config != NULL && (config->flags & SECMALLOC_EXPLAIN_FAULTS) != 0)
		smi_fault_handler_install();
	return 0;
}

void secmalloc_fini(void)
{
	smi_fault_handler_remove();
	smi_current_fini();
}

int secmalloc_daemon(int nochdir, int noclose)
{
	return smi_daemon_become(nochdir == 0, noclose == 0);
}

const char *secmalloc_error(void)
{
	return smi_last_error_words();
}

const char *secmalloc_version(void)
{
	return PACKAGE_VERSION;
}

/* ---- Chunks ------------------------------------------------------------- */

void *secmalloc(size_t size)
{
	return smi_fast_path_take(__func__, size);
}

void *seccalloc(size_t nmemb, size_t size)
{
	size_t bytes;

	/* A fresh chunk is zero, so there is nothing to clear. */
	if (!smi_mul_overflows(nmemb, size, &bytes))
		return smi_fast_path_take(__func__, bytes);
	smi_last_error_set(ENOMEM,
	                   "%s: %zu times %zu bytes is larger than any object "
	                   "can be",
	                   __func__, nmemb, size);
	return NULL;
}

void *secrealloc(void *ptr, size_t size)
{
	return ptr != NULL ? smi_fast_path_resize(__func__, ptr, size)
	                   : smi_fast_path_take(__func__, size);
}

void secfree(void *ptr)
{
	smi_fast_path_give(__func__, ptr);
}

void *secaligned_alloc(size_t alignment, size_t size)
{
	if (smi_is_pow2(alignment))
		return smi_fast_path_take_aligned(__func__, alignment, size);
	smi_last_error_set(EINVAL, "%s: alignment %zu is not a power of two",
	                   __func__, alignment);
	return NULL;
}

static void *duplicate(const char *call, const void *from, size_t size)
{
	void *chunk = smi_fast_path_take(call, size);

	if (chunk != NULL && size > 0)
		memcpy(chunk, from, size);
	return chunk;
}

char *secstrdup(const char *s)
{
	if (s != NULL)
		return duplicate(__func__, s, strlen(s) + 1);
	smi_last_error_set(EINVAL, "%s: the string is NULL", __func__);
	return NULL;
}

void *secmemdup(const void *p, size_t size)
{
	if (p != NULL || size == 0)
		return duplicate(__func__, p, size);
	smi_last_error_set(EINVAL, "%s: the source is NULL but the size is %zu",
	                   __func__, size);
	return NULL;
}

size_t secmalloc_usable_size(const void *ptr)
{
	struct smi_arena *arena;
	size_t size = 0;

	if (ptr == NULL)
		return 0;
	arena = smi_current_enter(__func__);
	if (arena == NULL)
		return 0;
	if (!smi_arena_size(arena, ptr, &size))
		smi_last_error_set(EINVAL, "%s: no live chunk starts at %p",
		                   __func__, ptr);
	smi_current_leave(arena);
	return size;
}

int secmalloc_owns(const void *ptr)
{
	struct smi_arena *arena = smi_current_enter_quietly(__func__);
	bool owns;

	if (arena == NULL)
		return 0;
	owns = smi_arena_owns(arena, ptr);
	smi_current_leave(arena);
	return owns;
}

/* ---- Guarded chunks ----------------------------------------------------- */

void *secmalloc_guarded(size_t size)
{
	return smi_guarded_path_take(__func__, size);
}

static int change_guarded(const char *call, void *ptr,
                          smi_cell_access_change *change, int access, int least)
{
	struct smi_arena *arena;
	int result;

	if (access < least || access > SECMALLOC_READWRITE)
		return smi_last_error_set(EINVAL,
		                          "%s: access is %zu, which this call "
		                          "does not accept",
		                          call, (size_t)access);
	arena = smi_current_enter(call);
	if (arena == NULL)
		return -1;
	result = smi_guarded_chunks_change(arena, ptr, change,
	                                   (enum secmalloc_access)access);
	smi_current_leave(arena);
	return result;
}

int secmalloc_protect(void *ptr, enum secmalloc_access access)
{
	return change_guarded(__func__, ptr, smi_cell_access_protect,
	                      (int)access, SECMALLOC_NOACCESS);
}

int secmalloc_open(void *ptr, enum secmalloc_access access)
{
	return change_guarded(__func__, ptr, smi_cell_access_open, (int)access,
	                      SECMALLOC_READONLY);
}

int secmalloc_close(void *ptr)
{
	return change_guarded(__func__, ptr, smi_cell_access_close,
	                      SECMALLOC_NOACCESS, SECMALLOC_NOACCESS);
}

/* ---- Locking more, and giving it back ----------------------------------- */

int secmalloc_reserve(size_t bytes)
{
	struct smi_arena *arena = smi_current_enter(__func__);
	int result = 0;

	if (arena == NULL)
		return -1;
	if (bytes > PTRDIFF_MAX)
		result = smi_last_error_set(
			ENOMEM,
			"%s: %zu bytes is larger than any object can be",
			__func__, bytes);
	else if (bytes > 0)
		result = smi_trim_reserve(arena, bytes);
	smi_current_leave(arena);
	return result;
}

size_t secmalloc_trim(void)
{
	struct smi_arena *arena = smi_current_enter_quietly(__func__);
	int code = errno;
	size_t bytes;

	if (arena == NULL)
		return 0;
	bytes = smi_trim_all(arena, smi_current_cache());
	errno = code;
	smi_current_leave(arena);
	return bytes;
}

/* ---- Bytes of any memory ------------------------------------------------ */

void secmalloc_wipe(void *p, size_t size)
{
	if (p != NULL)
		smi_wipe_bytes(p, size);
}

int secmalloc_equal(const void *a, const void *b, size_t size)
{
	if (size > 0 && (a == NULL || b == NULL))
		return 0;
	return smi_wipe_equal(a, b, size);
}

/* ---- Looking at the arena ----------------------------------------------- */

int secmalloc_stats(struct secmalloc_stats *stats)
{
	struct smi_arena_counts counts;
	struct smi_arena *arena;
	size_t held;

	if (stats == NULL)
		return smi_last_error_set(EINVAL, "%s: stats is NULL",
		                          __func__);
	arena = smi_current_enter(__func__);
	if (arena == NULL)
		return -1;
	counts = smi_cached_snapshot(arena, smi_current_cache(), &held);
	*stats = (struct secmalloc_stats){
		.pools = arena->pools.count,
		.pools_initial = arena->initial_pools,
		.pools_max = arena->pools.geometry.max_pools,
		.pool_bytes = arena->pools.bytes,
		.locked_bytes = smi_arena_locked_bytes(arena),
		.free_bytes = arena->pools.bytes - arena->slabs.taken_bytes
	                      + held,
		.cached_bytes = held,
		.used_bytes_peak = arena->slabs.taken_peak,
		.chunks = counts.allocations - counts.frees,
		.chunk_bytes = counts.chunk_bytes + arena->guarded.chunk_bytes,
		.allocations = counts.allocations,
		.frees = counts.frees,
		.failures = counts.failures,
		.advice_missing = arena->pools.advice_missing,
		.guarded_chunks = arena->guarded.chunks,
		.guarded_peak = arena->guarded.chunks_peak,
		.guarded_free = arena->guarded.free.count,
		.guarded_bytes = arena->guarded.pools.bytes,
		.backing = arena->pools.secret ? SECMALLOC_BACKING_SECRET
	                                       : SECMALLOC_BACKING_LOCKED,
		.low_crossings = arena->low_crossings,
		.sizing_bytes = smi_arena_sizing_bytes(arena),
		.largest_free = smi_arena_largest_free(arena),
		.grown_bytes = smi_arena_grown_bytes(arena),
		.trimmed_bytes = arena->trimmed_bytes,
	};
	smi_current_leave(arena);
	return 0;
}

int secmalloc_audit(void)
{
	struct smi_arena *arena = smi_current_enter(__func__);
	struct smi_misuse misuse;
	bool sound;

	if (arena == NULL)
		return -1;
	sound = smi_audit_arena(arena, smi_current_cache(), &misuse);
	smi_current_leave(arena);
	if (sound)
		return 0;
	smi_last_error_set(EBADMSG, "%s: ", __func__);
	smi_misuse_words(&misuse, smi_last_error_more());
	return -1;
}

int secmalloc_explain(const void *addr, char *buf, size_t n)
{
	struct smi_text text;

	/* A signal handler may have interrupted a call that writes words, so
	 * this one writes none. */
	if (buf == NULL || n == 0) {
		errno = EINVAL;
		return -1;
	}
	smi_text_start(&text, buf, n);
	if (!smi_fault_handler_explain(addr, &text))
		smi_text_add(&text, "not an address of this library");
	return 0;
}

int secmalloc_verify(unsigned checks)
{
	return smi_verify_arena(checks);
}

/* ---- Memory that the caller owns ---------------------------------------- */

/* Widen a range to whole pages. -1 with EINVAL and words. */
static int widen(const char *call, const void **addr, size_t *size)
{
	size_t page = smi_os_page_bytes(), end;
	uintptr_t at = (uintptr_t)*addr;

	if (smi_add_overflows(at, *size, &end) || end > SIZE_MAX - page)
		return smi_last_error_set(EINVAL,
		                          "%s: %zu bytes at %p extend past "
		                          "the end of the address space",
		                          call, *size, *addr);
	at = smi_round_down(at, page);
	*size = smi_round_up(end, page) - at;
	*addr = (const void *)at;
	if (smi_current_touches(*addr, *size))
		return smi_last_error_set(EINVAL,
		                          "%s: the range overlaps the arena, "
		                          "which manages its own locks",
		                          call);
	return 0;
}

/* Call `act` with the whole pages of a range. -1 with errno and words. */
static int on_pages(const char *call, const void *addr, size_t size,
                    int (*act)(const void *at, size_t bytes))
{
	if (size == 0)
		return 0;
	if (widen(call, &addr, &size) != 0)
		return -1;
	if (act(addr, size) == 0)
		return 0;
	if (errno == ENOTSUP)
		return smi_last_error_set(ENOTSUP,
		                          "%s: not supported on this system",
		                          call);
	return smi_last_error_set(errno,
	                          "%s: the kernel refused %zu bytes at %p "
	                          "(errno %d)",
	                          call, size, addr, errno);
}

int secmalloc_mlock(const void *addr, size_t size)
{
	return on_pages(__func__, addr, size, smi_os_lock);
}

int secmalloc_munlock(const void *addr, size_t size)
{
	return on_pages(__func__, addr, size, smi_os_unlock);
}

int secmalloc_dontdump(const void *addr, size_t size)
{
	return on_pages(__func__, addr, size, smi_os_dont_dump);
}
