/*
 * secmem::string has the members of std::string in C++17, and they do the same.
 *
 * SPDX-License-Identifier: ISC
 */
#include "doctest_tap.hpp"

#include <secmalloc.hpp>

#include <algorithm>
#include <random>
#include <sstream>
#include <string>
#include <vector>

namespace
{

/* An arena for each test case that needs one. */
struct heap {
	secmem::arena arena;
};

std::string plain(const std::string &s)
{
	return s;
}
std::string plain(const secmem::string &s)
{
	return std::string(std::string_view(s));
}
std::string plain(const char *s)
{
	return s;
}
std::string plain(bool b)
{
	return b ? "yes" : "no";
}
std::string plain(std::size_t n)
{
	return std::to_string(n);
}
std::string plain(char c)
{
	return std::string(1, c);
}
std::string sign(int n)
{
	return n < 0 ? "-" : n > 0 ? "+" : "0";
}

/* The results of one way to call each member, for one type of string. */
class results
{
public:
	template <class T> void operator()(const T &what)
	{
		all.push_back(plain(what));
	}

	std::vector<std::string> all;
};

template <class S> void make(results &add)
{
	const S abc("abcdef");
	const std::string_view view = "a view";
	const char text[] = "some text";
	std::istringstream stream("from a stream");
	typename S::allocator_type allocator;

	add(S());
	add(S(allocator));
	add(S(5, 'x'));
	add(S(5, 'x', allocator));
	add(S(abc, 2));
	add(S(abc, 2, allocator));
	add(S(abc, 2, 3));
	add(S(abc, 2, 99, allocator));
	add(S(text, 4));
	add(S(text, 4, allocator));
	add(S(text));
	add(S(text, allocator));
	add(S(text, text + 3));
	add(S(abc.begin(), abc.end()));
	add(S(std::istreambuf_iterator<char>(stream),
	      std::istreambuf_iterator<char>()));
	add(S(abc));
	add(S(abc, allocator));
	add(S(S("moved")));
	add(S(S("moved"), allocator));
	add(S({'l', 'i', 's', 't'}));
	add(S({'l', 'i', 's', 't'}, allocator));
	add(S(view));
	add(S(view, allocator));
	add(S(view, 2, 3));
	add(S(view, 2, 3, allocator));
	add(S(abc.get_allocator()));

	S s;
	add(s = abc);
	add(s = S("moved"));
	add(s = "text");
	add(s = 'c');
	add(s = {'l', 'i', 's', 't'});
	add(s = view);
	s = "self";
	S &same = s;
	add(s = same);
}

template <class S> void assign(results &add)
{
	const S abc("abcdef");
	const std::string_view view = "a view";
	S s("before");

	add(s.assign(abc));
	add(s.assign(abc, 2, 3));
	add(s.assign(abc, 2));
	add(s.assign(S("moved")));
	add(s.assign("text", 2));
	add(s.assign("text"));
	add(s.assign(3, 'x'));
	add(s.assign(abc.begin(), abc.end()));
	add(s.assign({'l', 'i'}));
	add(s.assign(view));
	add(s.assign(view, 2, 3));
	add(s.assign(view, 2));
	add(s.assign(s, 1, 2));
	add(s.assign(s.data() + 1));
	S other("other");
	s.swap(other);
	add(s);
	swap(s, other);
	add(s);
	using std::swap;
	swap(s, other);
	add(other);
}

template <class S> void characters(results &add)
{
	S s("characters");
	const S fixed("fixed");

	add(s.at(3));
	add(fixed.at(4));
	s.at(0) = 'C';
	s[1] = 'H';
	add(fixed[1]);
	add(fixed[5]);
	s.front() = 'x';
	s.back() = 'y';
	add(s);
	add(fixed.front());
	add(fixed.back());
	add(fixed.c_str());
	add(fixed.data());
	s.data()[2] = '2';
	add(S(std::string_view(s)));
	add(S(s.begin() + 1, s.end() - 1));
	add(S(s.cbegin(), s.cend()));
	add(S(s.rbegin(), s.rend()));
	add(S(s.crbegin(), s.crend()));
	add(S(fixed.begin(), fixed.end()));
	add(S(fixed.rbegin(), fixed.rend()));
	std::sort(s.begin(), s.end());
	add(s);
	add(fixed.empty());
	add(S().empty());
	add(fixed.size());
	add(fixed.length());
	add(fixed.capacity() >= fixed.size());
	add(fixed.max_size() > 1u << 30);
	s.reserve(500);
	add(s.capacity() >= 500);
	s.shrink_to_fit();
	add(s);
	s.resize(3);
	add(s);
	s.resize(6);
	add(s);
	s.resize(8, 'z');
	add(s);
	s.clear();
	add(s);
	s.shrink_to_fit();
	add(s);
	for (char c : fixed)
		s.push_back(c);
	s.pop_back();
	add(s);
}

template <class S> void change(results &add)
{
	const S abc("abcdef");
	const std::string_view view = "a view";
	S s("start");

	add(s.append(abc));
	add(s.append(abc, 2, 3));
	add(s.append(abc, 4));
	add(s.append("text", 2));
	add(s.append("text"));
	add(s.append(3, 'x'));
	add(s.append(abc.begin(), abc.begin() + 2));
	add(s.append({'l', 'i'}));
	add(s.append(view));
	add(s.append(view, 2, 3));
	add(s.append(view, 4));
	add(s += abc);
	add(s += "text");
	add(s += 'c');
	add(s += {'l', 'i'});
	add(s += view);
	add(s += s);

	s = "0123456789";
	add(s.insert(0, abc));
	add(s.insert(2, abc, 1, 2));
	add(s.insert(2, abc, 4));
	add(s.insert(3, "text", 2));
	add(s.insert(0, "text"));
	add(s.insert(0, 3, 'x'));
	add(s.insert(4, view));
	add(s.insert(4, view, 2, 3));
	add(s.insert(4, view, 4));
	add(*s.insert(s.begin(), 'B'));
	add(*s.insert(s.cbegin() + 3, 2, 'D'));
	add(*s.insert(s.begin() + 2, abc.begin(), abc.end()));
	add(*s.insert(s.begin() + 1, {'l', 'i'}));
	add(s);
	add(s.insert(2, s));
	add(s.insert(5, s, 1, 4));
	add(s.insert(1, s.data() + 3, 6));

	add(s.erase(30));
	add(s.erase(1, 3));
	add(s.erase(20, 999));
	add(*s.erase(s.begin()));
	add(*s.erase(s.cbegin() + 2, s.cbegin() + 4));
	add(s);
	add(s.erase());

	s = "0123456789";
	add(s.replace(2, 3, abc));
	add(s.replace(s.begin(), s.begin() + 2, abc));
	add(s.replace(2, 1, abc, 1, 2));
	add(s.replace(2, 9, abc, 5));
	add(s.replace(1, 2, "text", 3));
	add(s.replace(s.cbegin(), s.cend() - 3, "text", 2));
	add(s.replace(0, 1, "text"));
	add(s.replace(s.begin(), s.begin() + 1, "TEXT"));
	add(s.replace(0, 2, 4, 'x'));
	add(s.replace(s.begin() + 1, s.begin() + 2, 3, 'y'));
	add(s.replace(s.begin(), s.begin() + 1, abc.rbegin(), abc.rend()));
	add(s.replace(s.begin(), s.begin() + 3, {'l', 'i'}));
	add(s.replace(0, 1, view));
	add(s.replace(s.begin(), s.begin() + 1, view));
	add(s.replace(0, 1, view, 2, 2));
	add(s.replace(0, 1, view, 4));
	add(s.replace(3, 2, s, 1, 5));
	add(s.replace(3, 6, s.data() + 1, 2));

	char buffer[8] = "";
	add(s.copy(buffer, 3, 2));
	add(buffer);
	add(s.copy(buffer, 99, s.size()));
	add(s.substr());
	add(s.substr(3));
	add(s.substr(3, 2));
}

template <class S> void compare(results &add)
{
	const S a("abcabc"), b("abd");
	const std::string_view view = "bc";

	add(sign(a.compare(b)));
	add(sign(a.compare(1, 2, b)));
	add(sign(a.compare(1, 2, b, 1, 1)));
	add(sign(a.compare(1, 2, b, 1)));
	add(sign(a.compare("abcabc")));
	add(sign(a.compare(1, 2, "bc")));
	add(sign(a.compare(1, 2, "bcd", 2)));
	add(sign(a.compare(view)));
	add(sign(a.compare(1, 2, view)));
	add(sign(a.compare(1, 2, view, 1, 1)));
	add(sign(a.compare(1, 2, view, 1)));

	add(a.find(b));
	add(a.find(S("ca"), 1));
	add(a.find("bcx", 2, 2));
	add(a.find("bc"));
	add(a.find("bc", 2));
	add(a.find('c'));
	add(a.find('c', 3));
	add(a.find(view, 2));
	add(a.rfind(S("bc")));
	add(a.rfind("bcx", 3, 2));
	add(a.rfind("bc", 3));
	add(a.rfind('a'));
	add(a.rfind('a', 2));
	add(a.rfind(view));
	add(a.find_first_of(S("xc")));
	add(a.find_first_of("xcb", 0, 2));
	add(a.find_first_of("xc", 3));
	add(a.find_first_of('c', 3));
	add(a.find_first_of(view));
	add(a.find_last_of(S("xb")));
	add(a.find_last_of("xbc", 9, 2));
	add(a.find_last_of("xb", 3));
	add(a.find_last_of('b', 3));
	add(a.find_last_of(view));
	add(a.find_first_not_of(S("ab")));
	add(a.find_first_not_of("abc", 0, 2));
	add(a.find_first_not_of("ab", 3));
	add(a.find_first_not_of('a', 3));
	add(a.find_first_not_of(view));
	add(a.find_last_not_of(S("cb")));
	add(a.find_last_not_of("cba", 9, 2));
	add(a.find_last_not_of("cb", 2));
	add(a.find_last_not_of('c', 2));
	add(a.find_last_not_of(view));

	add(a + b);
	add(S("a") + b);
	add(a + S("b"));
	add(S("a") + S("b"));
	add("text" + a);
	add('c' + a);
	add(a + "text");
	add(a + 'c');
	add(S("a") + "text");
	add(S("a") + 'c');
	add("text" + S("a"));
	add('c' + S("a"));
	for (const S &x : {a, b, S("abc"), S()})
		for (const S &y : {a, b, S("abc"), S()}) {
			const char *text = y.c_str();
			const std::string_view other = y;

			add(x == y);
			add(x != y);
			add(x < y);
			add(x > y);
			add(x <= y);
			add(x >= y);
			add(x == text);
			add(x != text);
			add(x < text);
			add(x > text);
			add(x <= text);
			add(x >= text);
			add(text == x);
			add(text != x);
			add(text < x);
			add(text > x);
			add(text <= x);
			add(text >= x);
			add(x == other);
			add(other < x);
		}
	add(std::hash<S>()(a) == std::hash<std::string_view>()("abcabc"));
	add(S::npos);
}

/* Whether the bytes after the string are zero, up to its capacity. */
bool rest_is_zero(const secmem::string &s)
{
	for (std::size_t i = s.size(); i <= s.capacity(); i++)
		if (s.data()[i] != '\0')
			return false;
	return true;
}

template <class S, class E> bool throws(void (*call)(S &))
{
	S s("text");

	try {
		call(s);
	} catch (const E &) {
		return s == "text";
	}
	return false;
}

} // namespace

#define SAME(part)                                                  \
	TEST_CASE("std::string and secmem::string agree on " #part) \
	{                                                           \
		heap arena;                                         \
		results std, ours;                                  \
                                                                    \
		part<std::string>(std);                             \
		part<secmem::string>(ours);                         \
		REQUIRE(std.all.size() == ours.all.size());         \
		for (std::size_t i = 0; i < std.all.size(); i++) {  \
			CAPTURE(i);                                 \
			CHECK(ours.all[i] == std.all[i]);           \
		}                                                   \
	}
SAME(make)
SAME(assign)
SAME(characters)
SAME(change)
SAME(compare)

TEST_CASE("random changes have the result that they have on std::string")
{
	heap arena;
	std::mt19937 random(std::random_device{}());
	std::string std;
	secmem::string ours;
	auto below = [&](std::size_t n) { return random() % (n + 1); };

	for (int i = 0; i < 20000; i++) {
		std::size_t pos = below(std.size()), gone = below(40);
		std::size_t from = below(std.size()), n = below(70);
		char c = static_cast<char>('a' + below(25));

		switch (below(7)) {
		case 0:
			std.replace(pos, gone, n, c);
			ours.replace(pos, gone, n, c);
			break;
		case 1:
			std.replace(pos, gone, std, from, n);
			ours.replace(pos, gone, ours, from, n);
			break;
		case 2:
			std.insert(pos, std.data() + from);
			ours.insert(pos, ours.data() + from);
			break;
		case 3:
			std.push_back(c);
			ours.push_back(c);
			break;
		case 4:
			std.erase(pos, gone);
			ours.erase(pos, gone);
			break;
		case 5:
			std.shrink_to_fit();
			ours.shrink_to_fit();
			break;
		case 6: {
			secmem::string other(ours);

			ours = std::move(other);
			break;
		}
		default:
			if (std.size() > 500) {
				std.resize(gone);
				ours.resize(gone);
			}
		}
		REQUIRE(std::string_view(ours) == std);
		REQUIRE(ours.c_str()[ours.size()] == '\0');
		REQUIRE(rest_is_zero(ours));
	}
	CHECK(secmalloc_audit() == 0);
}

TEST_CASE("the first chunk has room for 31 characters, and none is made before")
{
	secmem::string early; /* there is no arena yet */
	CHECK(early == "");
	CHECK(*early.c_str() == '\0');
	heap arena;
	secmem::string s;

	CHECK(secmem::stats().chunks == 0);
	s.push_back('x');
	CHECK(s.capacity() == 31);
	const char *at = s.data();
	while (s.size() < 31)
		s.push_back('x');
	CHECK(s.data() == at);
	s = secmem::string();
	CHECK(secmem::stats().chunks == 0);
}

TEST_CASE("an alias of a part of the string may be inserted where it grows")
{
	heap arena;

	for (std::size_t from = 0; from <= 31; from++) {
		secmem::string s("0123456789abcdefghijklmnopqrstu");
		std::string std(s.c_str());

		s.insert(5, s.data() + from, s.size() - from);
		std.insert(5, std.data() + from, std.size() - from);
		CHECK(plain(s) == std);
	}
}

TEST_CASE("positions and lengths that are too large throw, and change nothing")
{
	heap arena;
	using S = secmem::string;
	using std::out_of_range;

	CHECK(throws<S, out_of_range>([](S &s) { s.at(4); }));
	CHECK(throws<S, out_of_range>([](S &s) { s.insert(5, "x"); }));
	CHECK(throws<S, out_of_range>([](S &s) { s.erase(5); }));
	CHECK(throws<S, out_of_range>([](S &s) { s.replace(5, 0, "x"); }));
	CHECK(throws<S, out_of_range>([](S &s) { s.append(s, 5); }));
	CHECK(throws<S, out_of_range>(
		[](S &s) { s.assign(std::string_view("x"), 2, 1); }));
	CHECK(throws<S, out_of_range>([](S &s) { s.compare(5, 1, "x"); }));
	CHECK(throws<S, out_of_range>([](S &s) { s.compare(0, 1, s, 5); }));
	CHECK(throws<S, out_of_range>([](S &s) { s.substr(5); }));
	CHECK(throws<S, out_of_range>([](S &s) { s.copy(s.data(), 1, 5); }));
	CHECK(throws<S, out_of_range>([](S &s) { S(s, 5, 1); }));
	CHECK(throws<S, std::length_error>(
		[](S &s) { s.reserve(s.max_size() + 1); }));
	CHECK(throws<S, std::length_error>(
		[](S &s) { s.append(S::npos, 'x'); }));
	CHECK(throws<S, std::length_error>([](S &s) { s.resize(S::npos); }));
	CHECK(throws<S, secmem::error>([](S &s) { s.reserve(s.max_size()); }));
}

TEST_CASE("without an arena a string that needs room throws ENXIO")
{
	try {
		secmem::string s("x");
		CHECK(false);
	} catch (const secmem::error &e) {
		CHECK(e.code() == ENXIO);
	}
}
