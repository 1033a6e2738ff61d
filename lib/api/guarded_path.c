/*
 * guarded_path.c - taking and giving guarded chunks
 *
 * SPDX-License-Identifier: ISC
 */
#include "api/guarded_path.h"

#include "arena/guarded_chunks.h"
#include "process/current.h"

/* Abort because of misuse that was found without the arena's lock. */
static _Noreturn void die(const char *call, struct smi_arena *arena,
                          const void *ptr, size_t size,
                          const struct smi_misuse *misuse)
{
	smi_current_retake(arena, call);
	smi_arena_die(arena, ptr, size, misuse);
}

void *smi_guarded_path_take(const char *call, size_t size)
{
	struct smi_arena *arena = smi_current_enter(call);
	struct smi_misuse misuse;
	uint32_t cell;
	void *chunk;

	if (arena == NULL)
		return NULL;
	cell = smi_guarded_chunks_take(arena, size);
	if (cell == SMI_NONE) {
		smi_current_leave(arena);
		return NULL;
	}
	smi_current_release(arena);
	chunk = smi_guarded_make(&arena->guarded, cell, size, &misuse);
	if (chunk == NULL)
		die(call, arena, NULL, size, &misuse);
	smi_current_end();
	return chunk;
}

void smi_guarded_path_give(const char *call, struct smi_arena *arena, void *ptr)
{
	struct smi_misuse misuse;
	uint32_t cell = smi_guarded_chunks_give(arena, ptr);

	smi_current_release(arena);
	if (!smi_guarded_end(&arena->guarded, cell, &misuse))
		die(call, arena, ptr, 0, &misuse);
	smi_current_end();
}
