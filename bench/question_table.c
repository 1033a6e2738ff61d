/*
 * question_table.c - the questions for allocators
 *
 * SPDX-License-Identifier: ISC
 */
#include "questions.h"

#include <stddef.h>

const struct question questions[] = {
	{"pair", question_pair},
	{"replace", question_replace},
	{"tail", question_tail},
	{"threads", question_threads},
	{"space", question_space},
	{"init", question_init},
	{"grow", question_grow},
	{"fork", question_fork},
	{"guarded", question_guarded},
	{"arena", question_arena},
	{"grow-steps", question_grow_steps},
	{NULL, NULL},
};
