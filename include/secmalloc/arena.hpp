/*
 * arena.hpp - the arena as an object
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SECMALLOC_ARENA_HPP
#define SECMALLOC_ARENA_HPP

#include <secmalloc/error.hpp>

#include <cstddef>
#include <utility>

namespace secmem
{

/* The fields of struct secmalloc_config, with the same meanings. */
struct config {
	std::size_t initial_pools = 0;
	std::size_t max_pools = 0;
	std::size_t pool_size = 0;
	unsigned flags = 0;
	void (*on_fault)(const char *line) = nullptr;
	std::size_t guarded_chunks = 0;
	std::size_t guarded_size = 0;
	unsigned backing = SECMALLOC_BACKING_LOCKED;
	unsigned fork = SECMALLOC_FORK_NONE;
	std::size_t low_bytes = 0;
	void (*on_low)(std::size_t free_bytes) = nullptr;
	std::size_t max_bytes = 0;
};

/*
 * Makes the process's arena, and ends it when destroyed. There can be only one
 * at a time.
 *
 *     secmem::arena heap({.initial_pools = 4});       // C++20
 *
 *     secmem::config config;                          // C++17
 *     config.initial_pools = 4;
 *     secmem::arena heap(config);
 *
 * Every chunk ends with the arena, so whatever is in one has to be destroyed
 * before. In particular, objects with static storage are destroyed after those
 * of main(): to free a chunk without an arena is fatal. Call release() if such
 * objects hold chunks; the kernel clears locked memory when the process ends.
 */
class arena
{
public:
	/* Throws secmem::error with the errno of secmalloc_init(). */
	explicit arena(const config &wanted = config())
	{
		struct secmalloc_config plain = {};

		plain.initial_pools = wanted.initial_pools;
		plain.max_pools = wanted.max_pools;
		plain.pool_size = wanted.pool_size;
		plain.flags = wanted.flags;
		plain.on_fault = wanted.on_fault;
		plain.guarded_chunks = wanted.guarded_chunks;
		plain.guarded_size = wanted.guarded_size;
		plain.backing = wanted.backing;
		plain.fork = wanted.fork;
		plain.low_bytes = wanted.low_bytes;
		plain.on_low = wanted.on_low;
		plain.max_bytes = wanted.max_bytes;
		if (secmalloc_init(&plain) != 0)
			detail::fail();
	}

	arena(arena &&other) noexcept : ends_(std::exchange(other.ends_, false))
	{
	}
	arena &operator=(arena &&other) noexcept
	{
		std::swap(ends_, other.ends_);
		return *this;
	}

	~arena()
	{
		if (ends_)
			secmalloc_fini();
	}

	/* Leave the arena to live until the process ends. */
	void release() noexcept { ends_ = false; }

private:
	bool ends_ = true;
};

/* The calls of the same names in secmalloc.h. They throw secmem::error, except
 * trim(), which never fails. */

inline void verify(unsigned checks = 0)
{
	if (secmalloc_verify(checks) != 0)
		detail::fail();
}

inline void daemon(bool change_directory = true, bool close_streams = true)
{
	if (secmalloc_daemon(!change_directory, !close_streams) != 0)
		detail::fail();
}

inline struct secmalloc_stats stats()
{
	struct secmalloc_stats counters;

	if (secmalloc_stats(&counters) != 0)
		detail::fail();
	return counters;
}

inline void reserve(std::size_t bytes)
{
	if (secmalloc_reserve(bytes) != 0)
		detail::fail();
}

inline std::size_t trim() noexcept
{
	return secmalloc_trim();
}

} // namespace secmem

#endif // SECMALLOC_ARENA_HPP
