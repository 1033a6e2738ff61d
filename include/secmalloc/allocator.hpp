/*
 * allocator.hpp - allocators and owners for the standard library
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SECMALLOC_ALLOCATOR_HPP
#define SECMALLOC_ALLOCATOR_HPP

#include <secmalloc/error.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

#if __has_include(<memory_resource>)
#include <memory_resource>
#endif

namespace secmem
{

/* The largest alignment that the types below accept. The library refuses, when
 * it is called, what exceeds half of the arena's pool_size. */
inline constexpr std::size_t max_alignment = 4096;

namespace detail
{

/* The alignment of every chunk. */
inline constexpr std::size_t chunk_alignment = 16;

inline void *take(std::size_t bytes, std::size_t alignment)
{
	void *chunk = alignment <= chunk_alignment
	                      ? secmalloc(bytes)
	                      : secaligned_alloc(alignment, bytes);

	if (chunk == nullptr)
		fail();
	return chunk;
}

} // namespace detail

/*
 * An allocator for the containers of the standard library. It has no state: all
 * objects of it are equal, and it goes along when a container is assigned,
 * moved or swapped. It throws secmem::error.
 */
template <class T> class allocator
{
public:
	using value_type = T;
	using size_type = std::size_t;
	using difference_type = std::ptrdiff_t;
	using propagate_on_container_copy_assignment = std::true_type;
	using propagate_on_container_move_assignment = std::true_type;
	using propagate_on_container_swap = std::true_type;
	using is_always_equal = std::true_type;

	constexpr allocator() noexcept = default;
	template <class U> constexpr allocator(const allocator<U> &) noexcept {}

	[[nodiscard]] T *allocate(std::size_t n)
	{
		static_assert(alignof(T) <= max_alignment,
		              "secmalloc aligns to at most 4096 bytes");
		if (n > PTRDIFF_MAX / sizeof(T))
			detail::fail(ENOMEM,
			             "secmem::allocator: more elements than "
			             "any object can have");
		return static_cast<T *>(
			detail::take(n * sizeof(T), alignof(T)));
	}

	void deallocate(T *chunk, std::size_t) noexcept { secfree(chunk); }
};

template <class T, class U>
constexpr bool operator==(const allocator<T> &, const allocator<U> &) noexcept
{
	return true;
}
template <class T, class U>
constexpr bool operator!=(const allocator<T> &, const allocator<U> &) noexcept
{
	return false;
}

template <class T> using vector = std::vector<T, allocator<T>>;

/* ---- Polymorphic allocators --------------------------------------------- */

#ifdef __cpp_lib_memory_resource

/* The library as a memory resource. Two resources are equal only if they are
 * the same object, so that comparing them needs no RTTI. */
class memory_resource final : public std::pmr::memory_resource
{
	void *do_allocate(std::size_t bytes, std::size_t alignment) override
	{
		return detail::take(bytes, alignment);
	}
	void do_deallocate(void *chunk, std::size_t, std::size_t) override
	{
		secfree(chunk);
	}
	bool do_is_equal(
		const std::pmr::memory_resource &other) const noexcept override
	{
		return this == &other;
	}
};

/* A resource that is never destroyed, as objects with static storage may still
 * need it at the end of the process. */
inline memory_resource *get_resource() noexcept
{
	alignas(memory_resource) static unsigned char
		storage[sizeof(memory_resource)];
	static memory_resource *const resource = ::new (
		static_cast<void *>(storage)) memory_resource;

	return resource;
}

#endif // __cpp_lib_memory_resource

/* ---- Owners ------------------------------------------------------------- */

/*
 * The deleter of unique_ptr. It destroys the object, and wipes and frees its
 * chunk. A deleter of a derived class is not converted to one of its base,
 * because a pointer to the base need not be the start of the chunk.
 */
template <class T> struct deleter {
	void operator()(T *object) const noexcept
	{
		static_assert(sizeof(T) > 0, "the type is incomplete");
		object->~T();
		secfree(object);
	}
};
template <class T> struct deleter<T[]> {
	std::size_t count = 0; /* of the array's elements */

	void operator()(T *objects) const noexcept
	{
		std::destroy_n(objects, count);
		secfree(objects);
	}
};

template <class T> using unique_ptr = std::unique_ptr<T, deleter<T>>;

namespace detail
{

struct freer {
	void operator()(void *chunk) const noexcept { secfree(chunk); }
};

} // namespace detail

/* Make an object in a chunk of its own, in place. */
template <class T, class... Arguments>
[[nodiscard]] std::enable_if_t<!std::is_array_v<T>, unique_ptr<T>> make_unique(
	Arguments &&...arguments)
{
	std::unique_ptr<T, detail::freer> chunk(allocator<T>().allocate(1));
	T *object = ::new (static_cast<void *>(chunk.get()))
		T(std::forward<Arguments>(arguments)...);

	static_cast<void>(chunk.release());
	return unique_ptr<T>(object);
}

/* Make an array of value-initialized elements. */
template <class T>
[[nodiscard]] std::enable_if_t<std::is_array_v<T> && std::extent_v<T> == 0,
                               unique_ptr<T>>
make_unique(std::size_t count)
{
	using element = std::remove_extent_t<T>;
	std::unique_ptr<element, detail::freer> chunk(
		allocator<element>().allocate(count));

	std::uninitialized_value_construct_n(chunk.get(), count);
	return unique_ptr<T>(chunk.release(), deleter<T>{count});
}

} // namespace secmem

#endif // SECMALLOC_ALLOCATOR_HPP
