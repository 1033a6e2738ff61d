/*
 * error.hpp - a failure of secmalloc as an exception
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SECMALLOC_ERROR_HPP
#define SECMALLOC_ERROR_HPP

#include <secmalloc.h>

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <stdexcept>

namespace secmem
{

/*
 * Thrown when a call of the library fails. It holds a copy of the words that
 * secmalloc_error() returned, because that string belongs to the thread and
 * changes with the thread's next failure. Making it allocates nothing. (The
 * language allocates the exception object itself, or takes it from a reserve
 * if it cannot.)
 *
 * A program that is compiled with -fno-exceptions cannot throw: the words are
 * written to standard error instead, and abort() is called.
 */
class error : public std::bad_alloc
{
public:
	/* The calling thread's last failure. */
	error() noexcept : error(errno, secmalloc_error()) {}

	error(int code, const char *words) noexcept : code_(code)
	{
		std::size_t n = 0;

		for (; n + 1 < sizeof(words_) && words[n] != '\0'; n++)
			words_[n] = words[n];
		words_[n] = '\0';
	}

	const char *what() const noexcept override { return words_; }

	/* The errno of the failure. */
	int code() const noexcept { return code_; }

private:
	int code_;
	char words_[640];
};

namespace detail
{

[[noreturn]] inline void die(const char *words) noexcept
{
	std::fprintf(stderr, "%s\n", words);
	std::abort();
}

/* Throw the calling thread's last failure. */
[[noreturn]] inline void fail()
{
#ifdef __cpp_exceptions
	throw error();
#else
	die(secmalloc_error());
#endif
}

/* Throw a failure that was found before the library was called. */
[[noreturn]] inline void fail(int code, const char *words)
{
#ifdef __cpp_exceptions
	throw error(code, words);
#else
	static_cast<void>(code);
	die(words);
#endif
}

/* Throw an exception of the standard library. */
template <class Exception> [[noreturn]] inline void fail_with(const char *words)
{
#ifdef __cpp_exceptions
	throw Exception(words);
#else
	die(words);
#endif
}

} // namespace detail
} // namespace secmem

#endif // SECMALLOC_ERROR_HPP
