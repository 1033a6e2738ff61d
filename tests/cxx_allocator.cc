/*
 * secmem::allocator, memory_resource and unique_ptr do what the standard
 * requires of their kind, in locked memory.
 *
 * SPDX-License-Identifier: ISC
 */
#include "doctest_tap.hpp"

#include <secmalloc.hpp>

#include <array>
#include <deque>
#include <forward_list>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <type_traits>
#include <unordered_map>
#include <vector>

namespace
{

struct heap {
	secmem::arena arena;
};

template <class T> bool is_ours(const T *p)
{
	return secmalloc_owns(p) == 1;
}

struct alignas(64) wide {
	char bytes[64];
};
struct alignas(4096) widest {
	char bytes[4096];
};

/* Counts its objects. */
struct counted {
	counted() { ++live; }
	counted(const counted &) { ++live; }
	~counted() { --live; }
	static int live;
	int value = 7;
};
int counted::live;

struct throws_at_third {
	throws_at_third()
	{
		if (++made == 3) {
			made = 0;
			throw 3;
		}
	}
	static int made;
	counted part;
};
int throws_at_third::made;

using traits = std::allocator_traits<secmem::allocator<int>>;
static_assert(std::is_same_v<traits::value_type, int>);
static_assert(std::is_same_v<traits::pointer, int *>);
static_assert(std::is_same_v<traits::size_type, std::size_t>);
static_assert(
	std::is_same_v<traits::rebind_alloc<char>, secmem::allocator<char>>);
static_assert(traits::is_always_equal::value);
static_assert(traits::propagate_on_container_copy_assignment::value);
static_assert(traits::propagate_on_container_move_assignment::value);
static_assert(traits::propagate_on_container_swap::value);
static_assert(std::is_empty_v<secmem::allocator<int>>);
static_assert(std::is_nothrow_default_constructible_v<secmem::allocator<int>>);
static_assert(std::is_nothrow_copy_constructible_v<secmem::allocator<int>>);
static_assert(std::is_base_of_v<std::bad_alloc, secmem::error>);
static_assert(std::is_nothrow_copy_constructible_v<secmem::error>);
static_assert(std::is_nothrow_move_assignable_v<
	      std::vector<int, secmem::allocator<int>>>);

} // namespace

TEST_CASE("the allocator meets the requirements on allocators")
{
	heap arena;
	secmem::allocator<int> a;
	secmem::allocator<int> b(a), c(secmem::allocator<char>{});
	int *p = traits::allocate(a, 10);

	CHECK(a == b);
	CHECK_FALSE(a != c);
	CHECK(a == secmem::allocator<double>());
	CHECK(is_ours(p));
	CHECK(secmalloc_usable_size(p) == 10 * sizeof(int));
	traits::construct(a, p, 5);
	CHECK(*p == 5);
	traits::destroy(a, p);
	traits::deallocate(b, p, 10);
	CHECK(traits::max_size(a) > 1u << 20);
	p = a.allocate(0);
	CHECK(p != nullptr);
	a.deallocate(p, 0);
	CHECK(traits::select_on_container_copy_construction(a) == a);
	CHECK(secmem::stats().chunks == 0);
}

TEST_CASE("every container of the standard library works with it")
{
	heap arena;
	using pair = std::pair<const int, int>;
	{
		secmem::vector<int> v{1, 2, 3};
		std::vector<bool, secmem::allocator<bool>> bits(100, true);
		std::deque<int, secmem::allocator<int>> d(1000, 4);
		std::list<int, secmem::allocator<int>> l{1, 2, 3};
		std::forward_list<int, secmem::allocator<int>> f{1, 2};
		std::set<int, std::less<int>, secmem::allocator<int>> s{3, 1};
		std::map<int, int, std::less<int>, secmem::allocator<pair>> m;
		std::unordered_map<int, int, std::hash<int>, std::equal_to<int>,
		                   secmem::allocator<pair>>
			u;

		for (int i = 0; i < 500; i++) {
			v.push_back(i);
			m[i] = u[i] = -i;
		}
		CHECK(is_ours(v.data()));
		CHECK(is_ours(&d.front()));
		CHECK(is_ours(&d.back()));
		CHECK(is_ours(&l.front()));
		CHECK(is_ours(&f.front()));
		CHECK(is_ours(&*s.begin()));
		CHECK(is_ours(&m[3]));
		CHECK(is_ours(&u[3]));
		CHECK(bits[99]);
		auto node = m.extract(5);
		m.insert(std::move(node));
		l.splice(l.begin(), decltype(l){7, 8});
		CHECK(l.size() == 5);
		CHECK(secmalloc_audit() == 0);
	}
	CHECK(secmem::stats().chunks == 0);
	CHECK(secmem::stats().chunk_bytes == 0);
}

TEST_CASE("it goes along when containers are assigned, moved and swapped")
{
	heap arena;
	secmem::vector<int> a{1, 2, 3}, b{4};
	const int *at = a.data();

	b = std::move(a);
	CHECK(b.data() == at);
	a = b;
	CHECK(a == b);
	CHECK(a.data() != at);
	std::swap(a, b);
	CHECK(a.data() == at);
	secmem::vector<int> c(std::move(a));
	CHECK(c.data() == at);
	std::vector<int, secmem::allocator<int>> d(b, b.get_allocator());
	CHECK(d == c);
}

TEST_CASE("a type with a large alignment is aligned")
{
	heap arena;
	secmem::vector<wide> w(3);
	auto one = secmem::make_unique<widest>();
	secmem::allocator<widest> a;
	widest *p = a.allocate(2);

	CHECK(reinterpret_cast<std::uintptr_t>(w.data()) % 64 == 0);
	CHECK(reinterpret_cast<std::uintptr_t>(one.get()) % 4096 == 0);
	CHECK(reinterpret_cast<std::uintptr_t>(p) % 4096 == 0);
	a.deallocate(p, 2);
}

TEST_CASE("what the library refuses is thrown, with its words and errno")
{
	secmem::config config;

	config.initial_pools = config.max_pools = 1;
	config.pool_size = 4096;
	secmem::arena arena(config);
	secmem::allocator<char> a;
	bool thrown = false;

	try {
		a.deallocate(a.allocate(100000), 100000);
	} catch (const std::bad_alloc &e) {
		std::string words = e.what();

		thrown = true;
		CHECK(words == secmalloc_error());
		CHECK(words.find("secmalloc: ") == 0);
		/* The thread's words change; the copy does not. */
		CHECK(secmalloc_protect(nullptr, SECMALLOC_NOACCESS) == -1);
		CHECK(words != secmalloc_error());
		CHECK(words == e.what());
		CHECK(static_cast<const secmem::error &>(e).code() == ENOMEM);
	}
	CHECK(thrown);
	CHECK_THROWS_AS(static_cast<void>(
				secmem::allocator<widest>().allocate(1)),
	                secmem::error);
	CHECK_THROWS_AS(static_cast<void>(secmem::allocator<int>().allocate(
				SIZE_MAX / 2)),
	                secmem::error);
	try {
		static_cast<void>(secmem::allocator<int>().allocate(SIZE_MAX));
		CHECK(false);
	} catch (const secmem::error &e) {
		CHECK(e.code() == ENOMEM);
		CHECK(std::string(e.what()).find("secmem::allocator: ") == 0);
	}
	CHECK(secmem::stats().chunks == 0);
}

TEST_CASE("an error of the greatest length is a copy that is cut")
{
	std::string words(5000, 'x');
	secmem::error e(7, words.c_str());
	secmem::error copy(e);

	CHECK(e.code() == 7);
	CHECK(std::string(copy.what()).size() < 5000);
	CHECK(words.find(copy.what()) == 0);
}

#ifdef __cpp_lib_memory_resource
TEST_CASE("the memory resource serves polymorphic containers")
{
	heap arena;
	secmem::memory_resource other;
	{
		std::pmr::vector<std::pmr::vector<int>> v(
			secmem::get_resource());

		v.resize(3);
		v[1].assign(100, 5);
		CHECK(is_ours(v.data()));
		CHECK(is_ours(v[1].data()));
		CHECK(v[1].get_allocator().resource()
		      == secmem::get_resource());
	}
	CHECK(secmem::stats().chunks == 0);
	void *p = secmem::get_resource()->allocate(100, 256);
	CHECK(reinterpret_cast<std::uintptr_t>(p) % 256 == 0);
	secmem::get_resource()->deallocate(p, 100, 256);
	CHECK(*secmem::get_resource() == *secmem::get_resource());
	CHECK(*secmem::get_resource() != other);
	CHECK(*secmem::get_resource() != *std::pmr::new_delete_resource());
	CHECK_THROWS_AS(static_cast<void>(other.allocate(SIZE_MAX / 2, 16)),
	                secmem::error);
}
#endif

TEST_CASE("make_unique makes objects and arrays in place, and frees them")
{
	heap arena;
	{
		auto one = secmem::make_unique<counted>();
		auto text = secmem::make_unique<std::array<char, 32>>();
		auto many = secmem::make_unique<counted[]>(5);
		secmem::unique_ptr<counted> moved = std::move(one);

		CHECK(counted::live == 6);
		CHECK(is_ours(moved.get()));
		CHECK(is_ours(many.get() + 4));
		CHECK(many[4].value == 7);
		CHECK((*text)[31] == 0);
		CHECK(secmem::stats().chunks == 3);
	}
	CHECK(counted::live == 0);
	CHECK(secmem::stats().chunks == 0);
	auto none = secmem::make_unique<int[]>(0);
	CHECK(none.get() != nullptr);
}

TEST_CASE("an object that throws while it is made leaves no chunk behind")
{
	heap arena;

	CHECK_THROWS_AS(static_cast<void>(
				secmem::make_unique<throws_at_third[]>(5)),
	                int);
	CHECK(counted::live == 0);
	CHECK(secmem::stats().chunks == 0);
	throws_at_third::made = 2;
	CHECK_THROWS_AS(static_cast<void>(
				secmem::make_unique<throws_at_third>()),
	                int);
	throws_at_third::made = 2;
	CHECK_THROWS_AS(secmem::guarded<throws_at_third>(), int);
	CHECK(secmem::stats().chunks == 0);
}
