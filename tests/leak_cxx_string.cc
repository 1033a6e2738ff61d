/*
 * A password of 8 characters in a secmem::string is in locked memory only, and
 * nowhere once the string has lost it. With std::basic_string and our
 * allocator, or with std::pmr::string and our resource, it is on the stack.
 *
 * The process searches all of its own memory. It computes each character of the
 * password where it needs it, so that the only copies are those of the strings.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#ifdef SECMALLOC_SANITIZED
#define TAP_SKIP_ALL "a build with sanitizers locks nothing"
#endif
#include "doctest_tap.hpp"

#include <secmalloc.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>

namespace
{

constexpr std::size_t length = 8;

/* Each test case has a password of its own, so that it does not find that of an
 * earlier one. */
volatile unsigned seed;

/* Character i of the password, which no register or variable has as a whole. */
char character(std::size_t i)
{
	std::uint32_t x = (seed + static_cast<unsigned>(i) * 77) * 0x85ebca6b;

	return static_cast<char>('!' + (x ^ x >> 15) % 90);
}

template <class S> __attribute__((noinline)) void put_password(S &s)
{
	for (std::size_t i = 0; i < length; i++)
		s.push_back(character(i));
}

struct places {
	int locked, other;
};

std::string words(const places &p)
{
	return std::to_string(p.locked) + " locked, " + std::to_string(p.other)
	       + " others";
}

constexpr std::size_t page_bytes = 4096;

/* The page that is being searched, with the start of the next one. Copies of
 * the password in here do not count. */
unsigned char page[2 * page_bytes];

bool is_own(std::uintptr_t at)
{
	std::uintptr_t own = reinterpret_cast<std::uintptr_t>(page);

	return at + length > own && at < own + sizeof(page);
}

int count_in_page(std::uintptr_t at, std::size_t bytes)
{
	int found = 0;

	for (std::size_t i = 0; i < page_bytes && i + length <= bytes; i++) {
		std::size_t same = 0;

		while (same < length
		       && static_cast<char>(page[i + same]) == character(same))
			same++;
		found += same == length && !is_own(at + i);
	}
	return found;
}

/* How often it is in [start, end). Pages that were never touched are left
 * out. */
int count(std::uintptr_t start, std::uintptr_t end, int memory, int pagemap)
{
	static std::uint64_t entries[8192];
	int found = 0;

	for (std::uintptr_t at = start; at < end;) {
		ssize_t read = pread(pagemap, entries, sizeof(entries),
		                     static_cast<off_t>(at / page_bytes
		                                        * sizeof(entries[0])));

		REQUIRE(read > 0);
		for (ssize_t i = 0;
		     at < end
		     && i < read / static_cast<ssize_t>(sizeof(entries[0]));
		     i++, at += page_bytes) {
			ssize_t n;

			if (entries[i] >> 62 == 0)
				continue;
			n = pread(memory, page,
			          end - at < sizeof(page) ? end - at
			                                  : sizeof(page),
			          static_cast<off_t>(at));
			if (n > 0)
				found += count_in_page(at,
				                       static_cast<std::size_t>(
							       n));
		}
	}
	std::memset(page, 0, sizeof(page));
	return found;
}

/* Where the password is in this process's writable memory. */
__attribute__((noinline)) places search()
{
	places result = {0, 0};
	int memory = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
	int pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	std::FILE *maps = std::fopen("/proc/self/smaps", "re");
	unsigned long start = 0, end = 0;
	bool writable = false;
	char line[512], access[5];

	REQUIRE(memory >= 0);
	REQUIRE(pagemap >= 0);
	REQUIRE(maps != nullptr);
	while (std::fgets(line, sizeof(line), maps) != nullptr) {
		unsigned long from, to;

		if (std::sscanf(line, "%lx-%lx %4s", &from, &to, access) == 3) {
			start = from;
			end = to;
			writable = access[1] == 'w';
		} else if (writable && std::strncmp(line, "VmFlags:", 8) == 0) {
			int n = count(start, end, memory, pagemap);

			(std::strstr(line, " lo") ? result.locked
			                          : result.other) += n;
		}
	}
	std::fclose(maps);
	close(pagemap);
	close(memory);
	return result;
}

/* Choose another password. */
void begin()
{
	seed = seed + 0x9e3779b9;
}

/* Overwrite what earlier calls left below on the stack. */
__attribute__((noinline)) void clear_stack()
{
	volatile char below[65536];

	for (std::size_t i = 0; i < sizeof(below); i++)
		below[i] = 0;
}

bool is_at(int locked, int other)
{
	places found = search();

	if (found.locked == locked && found.other == other)
		return true;
	MESSAGE(words(found));
	return false;
}

/* Where a password in a string of this type is, while the string lives, and
 * what is left of it in the string's object. */
template <class S>
__attribute__((noinline)) void show_control(S &s, places &alive, places &grown)
{
	begin();
	put_password(s);
	clear_stack();
	alive = search();
	s.append(100, 'x');
	grown = search();
}

} // namespace

TEST_CASE("control: std::basic_string with our allocator has it on the stack")
{
	secmem::arena arena;
	std::basic_string<char, std::char_traits<char>, secmem::allocator<char>>
		s;
	places alive, grown;

	show_control(s, alive, grown);
	CHECK(alive.other > 0);
	CHECK(alive.locked == 0);
	CHECK(grown.locked == 1);
}

#ifdef __cpp_lib_memory_resource
TEST_CASE("control: std::pmr::string with our resource has it on the stack")
{
	secmem::arena arena;
	std::pmr::string s(secmem::get_resource());
	places alive, grown;

	show_control(s, alive, grown);
	CHECK(alive.other > 0);
	CHECK(alive.locked == 0);
}
#endif

TEST_CASE("control: std::string leaves it in malloc's memory when it is freed")
{
	places after;

	begin();
	{
		std::string s(40, ' ');

		put_password(s);
	}
	after = search();
	CHECK(after.other > 0);
	CHECK(after.locked == 0);
}

TEST_CASE("while the string lives, the password is once, in locked memory")
{
	secmem::arena arena;
	secmem::string s;

	begin();
	put_password(s);
	CHECK(is_at(1, 0));
}

TEST_CASE("growth, copies and moves leave none behind")
{
	secmem::arena arena;
	secmem::string s, other;

	begin();
	put_password(s);
	s.append(1000, 'x');
	CHECK(is_at(1, 0));
	s.insert(0, 5000, 'y');
	CHECK(is_at(1, 0));
	other = s;
	CHECK(is_at(2, 0));
	other = "another";
	CHECK(is_at(1, 0));
	other = std::move(s);
	CHECK(is_at(1, 0));
	swap(other, s);
	CHECK(is_at(1, 0));
	s.shrink_to_fit();
	CHECK(is_at(1, 0));
	other.swap(s);
	other.assign(3, 'z');
	CHECK(is_at(0, 0));
}

TEST_CASE("what a call removes is wiped")
{
	secmem::arena arena;
	secmem::string s;

	begin();
	put_password(s);
	s.erase(2, 3);
	s.insert(2, "abc");
	CHECK(is_at(0, 0));
	s.clear();
	put_password(s);
	CHECK(is_at(1, 0));
	s.clear();
	CHECK(is_at(0, 0));
	put_password(s);
	s.pop_back();
	CHECK(is_at(0, 0));
	s.clear();
	s.append(20, 'x');
	put_password(s);
	CHECK(is_at(1, 0));
	s.resize(20);
	CHECK(is_at(0, 0));
	put_password(s);
	s.replace(20, length, "short");
	CHECK(is_at(0, 0));
	s.erase(20);
	put_password(s);
	s.erase(s.begin(), s.begin() + 20);
	CHECK(is_at(1, 0));
	s = 'x';
	CHECK(is_at(0, 0));
}

TEST_CASE("parts, sums and comparisons leave none behind")
{
	secmem::arena arena;
	secmem::string s;

	begin();
	put_password(s);
	CHECK((s + "x").substr(0, length) == s);
	CHECK(is_at(1, 0));
	s.append(s);
	CHECK(is_at(2, 0));
	s.replace(1, 1, s, 0, 4);
	s.assign(s, 3, 2);
	CHECK(is_at(0, 0));
}

TEST_CASE("destruction leaves none behind")
{
	secmem::arena arena;

	begin();
	{
		secmem::string s;

		put_password(s);
	}
	{
		secmem::vector<secmem::string> all(3);

		put_password(all[1]);
		all.resize(50);
		CHECK(is_at(1, 0));
	}
	CHECK(is_at(0, 0));
}
