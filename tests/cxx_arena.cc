/*
 * secmem::arena makes and ends the arena, and objects with static storage may
 * outlive it only if they hold no chunk.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "doctest_tap.hpp"

#include <secmalloc.hpp>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <optional>
#include <string>
#include <type_traits>

namespace
{

static_assert(!std::is_copy_constructible_v<secmem::arena>);
static_assert(std::is_nothrow_move_constructible_v<secmem::arena>);

/* The fields have room for the values of secmalloc.h, in the same types. */
static_assert(std::is_same_v<decltype(secmem::config::initial_pools),
                             decltype(secmalloc_config::initial_pools)>);
static_assert(std::is_same_v<decltype(secmem::config::max_bytes),
                             decltype(secmalloc_config::max_bytes)>);
static_assert(std::is_same_v<decltype(secmem::config::on_fault),
                             decltype(secmalloc_config::on_fault)>);
static_assert(std::is_same_v<decltype(secmem::config::on_low),
                             decltype(secmalloc_config::on_low)>);

/* Destroyed after everything in main(). */
secmem::string static_string;

struct ending {
	int signal;
	int status;
	std::string words;
};

/* Let a child do this and call exit(), which destroys what is static. */
template <class F> ending end_of(F work)
{
	ending end = {0, 0, ""};
	int status = 0, pipe_ends[2];
	char buffer[512];
	ssize_t n;
	pid_t child;

	REQUIRE(pipe(pipe_ends) == 0);
	std::fflush(stdout);
	child = fork();
	if (child == 0) {
		dup2(pipe_ends[1], 2);
		/* The parent's output, which exit() would write again. */
		if (freopen("/dev/null", "w", stdout) == nullptr)
			_exit(3);
		std::signal(SIGABRT, SIG_DFL);
		work();
		std::exit(0);
	}
	close(pipe_ends[1]);
	while ((n = read(pipe_ends[0], buffer, sizeof(buffer))) > 0)
		end.words.append(buffer, static_cast<std::size_t>(n));
	close(pipe_ends[0]);
	waitpid(child, &status, 0);
	if (WIFSIGNALED(status))
		end.signal = WTERMSIG(status);
	else
		end.status = WEXITSTATUS(status);
	return end;
}

void say_fault(const char *line)
{
	std::string words = std::string("on_fault saw: ") + line;

	static_cast<void>(!write(2, words.data(), words.size()));
}

} // namespace

TEST_CASE("the arena lives as long as the object")
{
	{
		secmem::config config;

		config.initial_pools = 3;
		config.pool_size = 8192;
		config.guarded_chunks = 2;
		secmem::arena arena(config);

		CHECK(secmem::stats().pools == 3);
		CHECK(secmem::stats().pool_bytes == 3 * 8192);
		CHECK(secmem::stats().guarded_free == 2);
		secmem::arena other(std::move(arena));
		CHECK(secmem::stats().pools == 3);
#ifndef SECMALLOC_SANITIZED /* where mlock() does nothing */
		secmem::verify(SECMALLOC_VERIFY_LOCKED);
#endif
	}
	CHECK_THROWS_AS(secmem::stats(), secmem::error);
}

#if __cplusplus >= 202002L
TEST_CASE("fields are named when the arena is made")
{
	secmem::arena arena({.initial_pools = 2, .pool_size = 4096});

	CHECK(secmem::stats().pool_bytes == 2 * 4096);
}
#endif

TEST_CASE("every field of the configuration reaches the library")
{
	secmem::config config;

	config.max_pools = 7;
	config.pool_size = 4096;
	config.flags = SECMALLOC_CHECK_WHOLE;
	config.on_fault = say_fault;
	config.guarded_chunks = 1;
	config.guarded_size = 5000;
	config.fork = SECMALLOC_FORK_WIPE;
	config.low_bytes = 1;
	config.on_low = [](std::size_t) {};
	secmem::arena arena(config);
	struct secmalloc_stats stats = secmem::stats();
	CHECK(stats.pools_max == 7);
	CHECK(stats.guarded_bytes == 8192);
	CHECK(end_of([] { secmem::string in_the_child("x"); }).status == 0);
	CHECK(end_of([&] { secfree(&config); }).words.find("on_fault saw: ")
	      != std::string::npos);

	auto refused = [](auto change) {
		secmem::config wrong;

		change(wrong);
		try {
			secmem::arena none(wrong);
		} catch (const secmem::error &e) {
			return e.code();
		}
		return 0;
	};
	CHECK(refused([](secmem::config &) {}) == EALREADY);
	CHECK(refused([](secmem::config &c) { c.flags = ~0u; }) == EINVAL);
	CHECK(refused([](secmem::config &c) { c.backing = 99; }) == EINVAL);
	CHECK(refused([](secmem::config &c) { c.fork = 99; }) == EINVAL);
	CHECK(refused([](secmem::config &c) { c.pool_size = 1; }) == EINVAL);
	CHECK(refused([](secmem::config &c) { c.low_bytes = 1; }) == EINVAL);
	CHECK(refused([](secmem::config &c) { c.max_bytes = 1; }) == EINVAL);
}

TEST_CASE("reserve() locks or throws, and trim() gives back what has grown")
{
	static_assert(noexcept(secmem::trim()));
	CHECK(secmem::trim() == 0);
	CHECK_THROWS_AS(secmem::reserve(1), secmem::error);

	secmem::config config;
	config.initial_pools = 1;
	secmem::arena arena(config);
	secmem::reserve(100000);
	CHECK(secmem::stats().largest_free >= 100000);
	CHECK(secmem::trim() == 0);
	CHECK_THROWS_AS(secmem::reserve(PTRDIFF_MAX), secmem::error);
	{
		secmem::vector<char> large(400000);
		CHECK(secmem::stats().grown_bytes > 0);
	}
	CHECK(secmem::trim() > 0);
	CHECK(secmem::stats().grown_bytes == 0);
}

TEST_CASE("an arena that was released lives on")
{
	{
		secmem::arena arena;

		arena.release();
	}
	secmem::string s("x");
	CHECK(secmem::stats().chunks == 1);
	s = secmem::string();
	secmalloc_fini();
}

TEST_CASE("a static object that holds a chunk after the arena is fatal")
{
	ending end = end_of([] {
		secmem::arena arena;

		static_string = "a secret that stays";
	});

	CHECK(end.signal == SIGABRT);
	CHECK(end.words.find("foreign pointer: there is no arena")
	      != std::string::npos);
	CHECK(end.words.find("a secret that stays") == std::string::npos);
}

TEST_CASE("a static object without a chunk, or a released arena, is not")
{
	CHECK(end_of([] {
		      secmem::arena arena;

		      static_string = "a secret that goes";
		      static_string = secmem::string();
	      }).status
	      == 0);
	CHECK(end_of([] {
		      secmem::arena arena;

		      static_string = "a secret that stays";
		      arena.release();
	      }).signal
	      == 0);
}

TEST_CASE("an arena that is itself static and made first may be used by all")
{
	CHECK(end_of([] {
		      static std::optional<secmem::arena> arena;
		      arena.emplace();
		      static secmem::string late("destroyed before the arena");
	      }).signal
	      == 0);
}

TEST_CASE("daemon() and verify() throw what the library says")
{
	try {
		secmem::daemon();
		CHECK(false);
	} catch (const secmem::error &e) {
		CHECK(e.code() == ENXIO);
		CHECK(std::string(e.what()).find("secmalloc_daemon: ") == 0);
	}
	CHECK_THROWS_AS(secmem::verify(1u << 31), secmem::error);
}
