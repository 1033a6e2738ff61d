/*
 * questions.h - the questions; bench/README.md says what each one measures
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef BENCH_QUESTIONS_H
#define BENCH_QUESTIONS_H

#ifdef __cplusplus
extern "C" {
#endif

/* The questions that a program can answer. The last one has no name. */
struct question {
	const char *name;
	void (*ask)(const char *cell);
};
extern const struct question questions[];

/* The cells are sizes, numbers of chunks, or limits; bench/run lists them. */
void question_pair(const char *cell);    /* ns for an allocation and its free */
void question_replace(const char *cell); /* ns for a free and an allocation */
void question_tail(const char *cell);    /* ns: p50, p99, p99.9, max */
void question_threads(const char *cell); /* million pairs a second */
void question_space(const char *cell);   /* chunks, or per cent of the limit */
void question_init(const char *cell);    /* ms */
void question_grow(const char *cell);    /* ns for a doubling */
void question_fork(const char *cell);    /* ms */
void question_guarded(const char *cell); /* ns */
void question_arena(const char *cell);   /* ns, in columns of their own */
void question_grow_steps(const char *cell); /* ms, MiB, and a factor */

#ifdef __cplusplus
}
#endif

#endif /* BENCH_QUESTIONS_H */
