/*
 * secmem::guarded gives access through windows only, for as long as there is
 * one.
 *
 * SPDX-License-Identifier: ISC
 */
#include "doctest_tap.hpp"

#include <secmalloc.hpp>

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <type_traits>
#include <utility>

namespace
{

struct heap {
	secmem::arena arena;
};

struct key {
	unsigned char bytes[32] = {};
};
struct alignas(64) vector_key {
	float lanes[16] = {};
};
struct alignas(4096) page_key {
	char bytes[4096] = {};
};
struct odd {
	char bytes[5] = {'o', 'd', 'd'};
};

static_assert(!std::is_copy_constructible_v<secmem::guarded<key>>);
static_assert(std::is_nothrow_move_constructible_v<secmem::guarded<key>>);
static_assert(std::is_same_v<
	      decltype(*std::declval<secmem::guarded<key>::read_window>()),
	      const key &>);

/* Whether a child that does this dies of SIGSEGV. The arena goes along. */
template <class F> bool faults(F access)
{
	int status = 0;
	pid_t child;

	std::fflush(stdout);
	child = fork();
	if (child == 0) {
		std::signal(SIGSEGV, SIG_DFL);
		access();
		_exit(0);
	}
	waitpid(child, &status, 0);
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV;
}

struct counted {
	~counted() { --*live; }
	int *live;
};

secmem::config kept_in_children()
{
	secmem::config config;

	config.fork = SECMALLOC_FORK_KEEP;
	config.guarded_chunks = 4;
	return config;
}

} // namespace

TEST_CASE("without a window every access faults")
{
	secmem::arena arena(kept_in_children());
	secmem::guarded<key> secret;
	const volatile unsigned char *at;

	{
		auto w = secret.open_write();

		w->bytes[3] = 3;
		at = w->bytes;
		CHECK_FALSE(faults([at] { static_cast<void>(at[3]); }));
	}
	CHECK(faults([at] { static_cast<void>(at[3]); }));
	auto r = secret.open_read();
	CHECK(r->bytes[3] == 3);
	CHECK((*r).bytes[3] == 3);
	CHECK(r.get()->bytes[4] == 0);
	CHECK(faults([&r] {
		const_cast<volatile unsigned char &>(r->bytes[3]) = 4;
	}));
	CHECK_FALSE(faults([&r] { static_cast<void>(r->bytes[3]); }));
}

TEST_CASE("the chunk is closed with the last of several windows")
{
	secmem::arena arena(kept_in_children());
	secmem::guarded<key> secret;
	const volatile unsigned char *at;

	{
		auto a = secret.open_read();
		{
			auto b = secret.open_read();
			auto c = std::move(b);

			at = c->bytes;
		}
		CHECK_FALSE(faults([at] { static_cast<void>(*at); }));
		a = secret.open_read();
		CHECK_FALSE(faults([at] { static_cast<void>(*at); }));
	}
	CHECK(faults([at] { static_cast<void>(*at); }));
}

TEST_CASE("an object of any size and alignment is aligned")
{
	heap arena;
	secmem::guarded<vector_key> wide;
	secmem::guarded<page_key> page;
	secmem::guarded<odd> small;

	CHECK(reinterpret_cast<std::uintptr_t>(wide.open_read().get()) % 64
	      == 0);
	CHECK(reinterpret_cast<std::uintptr_t>(page.open_read().get()) % 4096
	      == 0);
	CHECK(std::strcmp(small.open_read()->bytes, "odd") == 0);
}

TEST_CASE("the object is made with arguments, moved, and destroyed once")
{
	heap arena;
	int live = 1;
	{
		secmem::guarded<counted> a(counted{&live});
		/* The temporary argument is gone. */
		CHECK(live == 0);
		live = 1;
		secmem::guarded<counted> b(std::move(a));
		secmem::guarded<counted> c(counted{&live});
		live = 2;
		c = std::move(b);
		CHECK(live == 2);
		CHECK(c.open_read()->live == &live);
	}
	CHECK(live == 0);
	CHECK(secmem::stats().guarded_chunks == 0);
	secmem::guarded<int> number(42);
	CHECK(*number.open_read() == 42);
}

TEST_CASE("an object that was moved away cannot be opened")
{
	heap arena;
	secmem::guarded<int> a(1), b(std::move(a));

	try {
		auto w = a.open_read();
		CHECK(false);
	} catch (const secmem::error &e) {
		CHECK(e.code() == EINVAL);
	}
}

TEST_CASE("without an arena it throws ENXIO")
{
	try {
		secmem::guarded<int> a(1);
		CHECK(false);
	} catch (const secmem::error &e) {
		CHECK(e.code() == ENXIO);
	}
}
