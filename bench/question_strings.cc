/*
 * question_strings.cc - what does a string cost that never leaves locked
 * memory?
 *
 * Cells "8" and "40": ns to make a string of that many characters, and to
 * destroy it. Cell "push-40": ns to make an empty string, add 40 characters
 * with push_back(), and destroy it. The result is the best of many slices.
 * secmem::string is made with -DBENCH_SECMEM, std::string without.
 *
 * SPDX-License-Identifier: ISC
 */
#include "bench.h"
#include "questions.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <string>

#ifdef BENCH_SECMEM
#include <secmalloc.hpp>
#endif

namespace
{

constexpr std::int64_t slice_ns = 2000000;
constexpr int slices = 70;
constexpr char text[] = "correct horse battery staple, as they say";

#ifdef BENCH_SECMEM
using string = secmem::string;
#else
using string = std::string;
#endif

void make(std::size_t length)
{
	string s(text, length);

	bench_touch(s.data());
}

void push(std::size_t length)
{
	string s;

	for (std::size_t i = 0; i < length; i++)
		s.push_back(text[i]);
	bench_touch(s.data());
}

/* The time in ns of a number of strings. */
std::int64_t slice(void (*one)(std::size_t), std::size_t length, long strings)
{
	std::int64_t start = bench_now();

	for (long i = 0; i < strings; i++)
		one(length);
	return bench_now() - start;
}

void question_strings(const char *cell)
{
	constexpr char pushed[] = "push-";
	bool pushes = std::strncmp(cell, pushed, sizeof(pushed) - 1) == 0;
	std::size_t length = std::strtoul(pushes ? cell + sizeof(pushed) - 1
	                                         : cell,
	                                  nullptr, 10);
	void (*one)(std::size_t) = pushes ? push : make;
	std::int64_t best = INT64_MAX;
	long strings = 64;

	if (length >= sizeof(text))
		bench_give_up("has no text of that length");
#ifdef BENCH_SECMEM
	if (secmalloc_init(nullptr) != 0)
		bench_give_up(secmalloc_error());
#endif
	/* Warm up, and find out how many strings fill a slice. */
	do
		strings *= 2;
	while (slice(one, length, strings) < slice_ns);
	for (int i = 0; i < slices; i++)
		best = std::min(best, slice(one, length, strings));
	bench_result(cell,
	             static_cast<double>(best) / static_cast<double>(strings));
}

} // namespace

#ifdef BENCH_SECMEM
extern const char peer_name[] = "secmem::string";
#else
extern const char peer_name[] = "std::string";
#endif

extern const struct question questions[] = {
	{"strings", question_strings},
	{nullptr, nullptr},
};
