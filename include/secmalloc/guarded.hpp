/*
 * guarded.hpp - an object in a guarded chunk, accessible through windows
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SECMALLOC_GUARDED_HPP
#define SECMALLOC_GUARDED_HPP

#include <secmalloc/allocator.hpp>

#include <type_traits>
#include <utility>

namespace secmem
{

namespace detail
{

/* A chunk that is open while this object exists. */
template <class T> class window
{
public:
	window(T *object, enum secmalloc_access access) : object_(object)
	{
		if (secmalloc_open(address(), access) != 0)
			fail();
	}
	window(window &&other) noexcept
	    : object_(std::exchange(other.object_, nullptr))
	{
	}
	window &operator=(window &&other) noexcept
	{
		std::swap(object_, other.object_);
		return *this;
	}
	/* A chunk that the kernel refuses to close stays readable, which the
	 * program must not miss. */
	~window()
	{
		if (object_ != nullptr && secmalloc_close(address()) != 0)
			die(secmalloc_error());
	}

	T &operator*() const noexcept { return *object_; }
	T *operator->() const noexcept { return object_; }
	T *get() const noexcept { return object_; }

private:
	void *address() const noexcept
	{
		return const_cast<std::remove_const_t<T> *>(object_);
	}

	T *object_;
};

} // namespace detail

/*
 * An object of type T in a guarded chunk (see secmalloc_guarded()), which
 * nothing can access except through a window:
 *
 *     secmem::guarded<key> secret;
 *     { auto w = secret.open_write(); load(*w); }
 *     { auto w = secret.open_read(); sign(*w, message); }
 *
 * Windows are counted: several threads may have one, and the chunk is closed
 * with the last. A window must not outlive its object. Constructing the object,
 * opening a window and closing it cost a system call each.
 *
 * A guarded chunk ends at a page, so the object is aligned if its type asks for
 * at most the size of a page. Types that ask for more do not compile.
 */
template <class T> class guarded
{
	static_assert(alignof(T) <= max_alignment,
	              "a guarded chunk is aligned to at most 4096 bytes");
	static_assert(!std::is_array_v<T>, "use std::array");

public:
	using read_window = detail::window<const T>;
	using write_window = detail::window<T>;

	/* Make the object from these arguments, in place. */
	template <class... Arguments,
	          class = std::enable_if_t<
			  std::is_constructible_v<T, Arguments...>>>
	explicit guarded(Arguments &&...arguments)
	{
		std::unique_ptr<void, detail::freer> chunk(
			secmalloc_guarded(sizeof(T)));

		if (chunk == nullptr)
			detail::fail();
		::new (chunk.get()) T(std::forward<Arguments>(arguments)...);
		object_ = static_cast<T *>(chunk.get());
		if (secmalloc_protect(object_, SECMALLOC_NOACCESS) != 0) {
			object_->~T();
			detail::fail();
		}
		static_cast<void>(chunk.release());
	}

	guarded(guarded &&other) noexcept
	    : object_(std::exchange(other.object_, nullptr))
	{
	}
	guarded &operator=(guarded &&other) noexcept
	{
		std::swap(object_, other.object_);
		return *this;
	}

	~guarded()
	{
		if (object_ == nullptr)
			return;
		if constexpr (!std::is_trivially_destructible_v<T>) {
			if (secmalloc_open(object_, SECMALLOC_READWRITE) != 0)
				detail::die(secmalloc_error());
			object_->~T();
		}
		secfree(object_);
	}

	/* Throw secmem::error with the errno of secmalloc_open(). */
	[[nodiscard]] read_window open_read() const
	{
		return read_window(object_, SECMALLOC_READONLY);
	}
	[[nodiscard]] write_window open_write()
	{
		return write_window(object_, SECMALLOC_READWRITE);
	}

private:
	T *object_;
};

} // namespace secmem

#endif // SECMALLOC_GUARDED_HPP
