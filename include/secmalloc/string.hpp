/*
 * string.hpp - a string whose characters are never outside locked memory
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SECMALLOC_STRING_HPP
#define SECMALLOC_STRING_HPP

#include <secmalloc/allocator.hpp>

#include <cstddef>
#include <cstring>
#include <functional>
#include <initializer_list>
#include <iterator>
#include <string_view>
#include <type_traits>
#include <utility>

namespace secmem
{

/*
 * A string with the interface of std::string in C++17.
 *
 * std::string, with any allocator, keeps a short string inside the object: up
 * to 15 characters in libstdc++ and 22 in libc++. A short password is then on
 * the stack, and stays there after the string has grown, was moved or was
 * destroyed. This string has no such buffer: all characters are in one chunk.
 * The first chunk has room for 31 characters. Those that a call removes are
 * wiped at once.
 *
 * It differs from std::string in this:
 *
 *   - operator== takes a time that depends on the lengths alone.
 *   - There is no operator<<, operator>> or getline(), because a stream keeps
 *     what it reads and writes in memory of its own. A string converts to
 *     std::string_view, as whoever wants to write it has to say.
 *   - The functions that std::string has for numbers (std::stoi()) are missing.
 *   - Iterators are pointers.
 *   - Calls that need room throw secmem::error.
 *
 * Invariants:
 *   Z1  The bytes from `size_` up to and including `room_` are zero.
 *   Z2  `room_` is 0 exactly if there is no chunk.
 */
class string
{
	template <class T>
	using if_text = std::enable_if_t<
		std::is_convertible_v<const T &, std::string_view>, int>;
	template <class T>
	using if_view = std::enable_if_t<
		std::conjunction_v<
			std::is_convertible<const T &, std::string_view>,
			std::negation<
				std::is_convertible<const T &, const char *>>>,
		int>;
	template <class T>
	using if_iterator = std::enable_if_t<
		std::is_same_v<T, char *> || std::is_same_v<T, const char *>,
		int>;
	template <class T>
	using if_input = std::enable_if_t<
		std::is_convertible_v<
			typename std::iterator_traits<T>::iterator_category,
			std::input_iterator_tag>,
		int>;

public:
	using traits_type = std::char_traits<char>;
	using value_type = char;
	using allocator_type = allocator<char>;
	using size_type = std::size_t;
	using difference_type = std::ptrdiff_t;
	using reference = char &;
	using const_reference = const char &;
	using pointer = char *;
	using const_pointer = const char *;
	using iterator = char *;
	using const_iterator = const char *;
	using reverse_iterator = std::reverse_iterator<iterator>;
	using const_reverse_iterator = std::reverse_iterator<const_iterator>;

	static constexpr size_type npos = static_cast<size_type>(-1);

	/* ---- Making and assigning --------------------------------------- */

	string() noexcept = default;
	explicit string(const allocator_type &) noexcept {}
	string(size_type n, char c, const allocator_type & = {})
	{
		append(n, c);
	}
	string(const char *text, size_type n, const allocator_type & = {})
	{
		append(text, n);
	}
	string(const char *text, const allocator_type & = {}) { append(text); }
	string(const string &other) { append(other); }
	string(const string &other, const allocator_type &) : string(other) {}
	string(const string &other, size_type pos, const allocator_type & = {})
	{
		append(other, pos, npos);
	}
	string(const string &other, size_type pos, size_type n,
	       const allocator_type & = {})
	{
		append(other, pos, n);
	}
	string(string &&other) noexcept { swap(other); }
	string(string &&other, const allocator_type &) noexcept { swap(other); }
	template <class I, if_input<I> = 0>
	string(I first, I last, const allocator_type & = {})
	{
		append(first, last);
	}
	string(std::initializer_list<char> list, const allocator_type & = {})
	{
		append(list);
	}
	template <class T, if_view<T> = 0>
	explicit string(const T &text, const allocator_type & = {})
	{
		append(text);
	}
	template <class T, if_view<T> = 0>
	string(const T &text, size_type pos, size_type n,
	       const allocator_type & = {})
	{
		append(text, pos, n);
	}
	~string() { drop(); }

	string &operator=(const string &other) { return assign(other); }
	string &operator=(string &&other) noexcept
	{
		return assign(std::move(other));
	}
	template <class T, if_text<T> = 0> string &operator=(const T &text)
	{
		return assign(text);
	}
	string &operator=(char c) { return assign(1, c); }
	string &operator=(std::initializer_list<char> list)
	{
		return assign(list);
	}

	string &assign(string &&other) noexcept
	{
		if (this != &other) {
			drop();
			swap(other);
		}
		return *this;
	}
	string &assign(size_type n, char c) { return replace(0, size_, n, c); }
	string &assign(std::initializer_list<char> list)
	{
		return assign(list.begin(), list.size());
	}
	string &assign(const char *text, size_type n)
	{
		return put(0, size_, text, n);
	}
	template <class T, if_text<T> = 0> string &assign(const T &text)
	{
		return put(0, size_, text);
	}
	template <class T, if_view<T> = 0>
	string &assign(const T &text, size_type pos, size_type n = npos)
	{
		return put(0, size_, part(text, pos, n));
	}
	template <class I, if_input<I> = 0> string &assign(I first, I last)
	{
		return assign(string(first, last));
	}

	allocator_type get_allocator() const noexcept { return {}; }

	void swap(string &other) noexcept
	{
		std::swap(data_, other.data_);
		std::swap(size_, other.size_);
		std::swap(room_, other.room_);
	}
	friend void swap(string &a, string &b) noexcept { a.swap(b); }

	/* ---- Characters ------------------------------------------------- */

	reference at(size_type pos)
	{
		return pos < size_ ? data_[pos] : *outside();
	}
	const_reference at(size_type pos) const
	{
		return pos < size_ ? data_[pos] : *outside();
	}
	reference operator[](size_type pos) noexcept { return data_[pos]; }
	const_reference operator[](size_type pos) const noexcept
	{
		return data_[pos];
	}
	reference front() noexcept { return data_[0]; }
	const_reference front() const noexcept { return data_[0]; }
	reference back() noexcept { return data_[size_ - 1]; }
	const_reference back() const noexcept { return data_[size_ - 1]; }
	char *data() noexcept { return data_; }
	const char *data() const noexcept { return data_; }
	const char *c_str() const noexcept { return data_; }
	operator std::string_view() const noexcept { return {data_, size_}; }

	iterator begin() noexcept { return data_; }
	const_iterator begin() const noexcept { return data_; }
	const_iterator cbegin() const noexcept { return data_; }
	iterator end() noexcept { return data_ + size_; }
	const_iterator end() const noexcept { return data_ + size_; }
	const_iterator cend() const noexcept { return data_ + size_; }
	reverse_iterator rbegin() noexcept { return reverse_iterator(end()); }
	const_reverse_iterator rbegin() const noexcept { return crbegin(); }
	const_reverse_iterator crbegin() const noexcept
	{
		return const_reverse_iterator(end());
	}
	reverse_iterator rend() noexcept { return reverse_iterator(begin()); }
	const_reverse_iterator rend() const noexcept { return crend(); }
	const_reverse_iterator crend() const noexcept
	{
		return const_reverse_iterator(begin());
	}

	/* ---- Size ------------------------------------------------------- */

	[[nodiscard]] bool empty() const noexcept { return size_ == 0; }
	size_type size() const noexcept { return size_; }
	size_type length() const noexcept { return size_; }
	size_type capacity() const noexcept { return room_; }
	size_type max_size() const noexcept { return PTRDIFF_MAX - 1; }

	void reserve(size_type n = 0)
	{
		if (n > room_)
			take_room(n);
	}
	void shrink_to_fit()
	{
		if (size_ == 0)
			drop();
		else if (size_ < room_)
			resize_chunk(size_);
	}
	void clear() noexcept { cut(0); }
	void resize(size_type n, char c = '\0')
	{
		if (n <= size_)
			cut(n);
		else
			append(n - size_, c);
	}

	/* ---- Changing --------------------------------------------------- */

	void push_back(char c)
	{
		if (size_ == room_)
			take_room(size_ + 1);
		data_[size_++] = c;
	}
	void pop_back() noexcept { cut(size_ - 1); }

	string &append(size_type n, char c) { return replace(size_, 0, n, c); }
	string &append(std::initializer_list<char> list)
	{
		return append(list.begin(), list.size());
	}
	string &append(const char *text, size_type n)
	{
		return put(size_, 0, text, n);
	}
	template <class T, if_text<T> = 0> string &append(const T &text)
	{
		return put(size_, 0, text);
	}
	template <class T, if_view<T> = 0>
	string &append(const T &text, size_type pos, size_type n = npos)
	{
		return put(size_, 0, part(text, pos, n));
	}
	template <class I, if_input<I> = 0> string &append(I first, I last)
	{
		string all;

		for (; first != last; ++first)
			all.push_back(*first);
		return append(all);
	}
	template <class T, if_text<T> = 0> string &operator+=(const T &text)
	{
		return append(text);
	}
	string &operator+=(char c)
	{
		push_back(c);
		return *this;
	}
	string &operator+=(std::initializer_list<char> list)
	{
		return append(list);
	}

	string &insert(size_type pos, size_type n, char c)
	{
		return replace(pos, 0, n, c);
	}
	string &insert(size_type pos, const char *text, size_type n)
	{
		return replace(pos, 0, text, n);
	}
	template <class T, if_text<T> = 0>
	string &insert(size_type pos, const T &text)
	{
		return replace(pos, 0, text);
	}
	template <class T, if_view<T> = 0>
	string &insert(size_type pos, const T &text, size_type from,
	               size_type n = npos)
	{
		return replace(pos, 0, text, from, n);
	}
	template <class I, if_iterator<I> = 0> iterator insert(I at, char c)
	{
		return insert(at, 1, c);
	}
	template <class I, if_iterator<I> = 0>
	iterator insert(I at, size_type n, char c)
	{
		size_type pos = index(at);

		replace(pos, 0, n, c);
		return data_ + pos;
	}
	template <class I, if_iterator<I> = 0>
	iterator insert(I at, std::initializer_list<char> list)
	{
		return insert(at, list.begin(), list.end());
	}
	template <class I, class J, if_iterator<I> = 0, if_input<J> = 0>
	iterator insert(I at, J first, J last)
	{
		size_type pos = index(at);

		put(pos, 0, string(first, last));
		return data_ + pos;
	}

	string &erase(size_type pos = 0, size_type n = npos)
	{
		return replace(pos, n, 0, '\0');
	}
	template <class I, if_iterator<I> = 0> iterator erase(I at)
	{
		return erase(at, at + 1);
	}
	template <class I, class J, if_iterator<I> = 0, if_iterator<J> = 0>
	iterator erase(I first, J last)
	{
		size_type pos = index(first);

		gap(pos, index(last) - pos, 0);
		return data_ + pos;
	}

	string &replace(size_type pos, size_type gone, size_type n, char c)
	{
		gone = most(pos, gone);
		std::memset(gap(pos, gone, n), c, n);
		return *this;
	}
	string &replace(size_type pos, size_type gone, const char *text,
	                size_type n)
	{
		return put(pos, most(pos, gone), text, n);
	}
	template <class T, if_text<T> = 0>
	string &replace(size_type pos, size_type gone, const T &text)
	{
		return put(pos, most(pos, gone), text);
	}
	template <class T, if_view<T> = 0>
	string &replace(size_type pos, size_type gone, const T &text,
	                size_type from, size_type n = npos)
	{
		return put(pos, most(pos, gone), part(text, from, n));
	}
	template <class I, class J, if_iterator<I> = 0, if_iterator<J> = 0>
	string &replace(I first, J last, size_type n, char c)
	{
		return replace(index(first), count(first, last), n, c);
	}
	template <class I, class J, if_iterator<I> = 0, if_iterator<J> = 0>
	string &replace(I first, J last, const char *text, size_type n)
	{
		return put(index(first), count(first, last), text, n);
	}
	template <class I, class J, class T, if_iterator<I> = 0,
	          if_iterator<J> = 0, if_text<T> = 0>
	string &replace(I first, J last, const T &text)
	{
		return put(index(first), count(first, last), text);
	}
	template <class I, class J, if_iterator<I> = 0, if_iterator<J> = 0>
	string &replace(I first, J last, std::initializer_list<char> list)
	{
		return replace(first, last, list.begin(), list.size());
	}
	template <class I, class J, class K, if_iterator<I> = 0,
	          if_iterator<J> = 0, if_input<K> = 0>
	string &replace(I first, J last, K from, K to)
	{
		return replace(first, last, string(from, to));
	}

	/* ---- Parts and comparisons -------------------------------------- */

	size_type copy(char *to, size_type n, size_type pos = 0) const
	{
		n = most(pos, n);
		if (n > 0)
			std::memcpy(to, data_ + pos, n);
		return n;
	}
	string substr(size_type pos = 0, size_type n = npos) const
	{
		return string(*this, pos, n);
	}

	template <class T, if_text<T> = 0>
	int compare(const T &text) const noexcept
	{
		return view().compare(text);
	}
	template <class T, if_text<T> = 0>
	int compare(size_type pos, size_type n, const T &text) const
	{
		return part(*this, pos, n).compare(text);
	}
	template <class T, if_view<T> = 0>
	int compare(size_type pos, size_type n, const T &text, size_type from,
	            size_type m = npos) const
	{
		return part(*this, pos, n).compare(part(text, from, m));
	}
	int compare(size_type pos, size_type n, const char *text,
	            size_type m) const
	{
		return part(*this, pos, n).compare(std::string_view(text, m));
	}
	template <class T, if_text<T> = 0>
	bool starts_with(const T &text) const noexcept
	{
		std::string_view start = text;

		return view().substr(0, start.size()) == start;
	}
	bool starts_with(char c) const noexcept
	{
		return size_ > 0 && front() == c;
	}
	template <class T, if_text<T> = 0>
	bool ends_with(const T &text) const noexcept
	{
		std::string_view end = text;

		return size_ >= end.size()
		       && view().substr(size_ - end.size()) == end;
	}
	bool ends_with(char c) const noexcept
	{
		return size_ > 0 && back() == c;
	}

	/* ---- Searching -------------------------------------------------- */

	template <class T, if_text<T> = 0>
	size_type find(const T &text, size_type pos = 0) const noexcept
	{
		return view().find(text, pos);
	}
	size_type find(const char *text, size_type pos, size_type n) const
	{
		return view().find(text, pos, n);
	}
	size_type find(char c, size_type pos = 0) const noexcept
	{
		return view().find(c, pos);
	}
	template <class T, if_text<T> = 0>
	size_type rfind(const T &text, size_type pos = npos) const noexcept
	{
		return view().rfind(text, pos);
	}
	size_type rfind(const char *text, size_type pos, size_type n) const
	{
		return view().rfind(text, pos, n);
	}
	size_type rfind(char c, size_type pos = npos) const noexcept
	{
		return view().rfind(c, pos);
	}
	template <class T, if_text<T> = 0>
	size_type find_first_of(const T &set, size_type pos = 0) const noexcept
	{
		return view().find_first_of(set, pos);
	}
	size_type find_first_of(const char *set, size_type pos,
	                        size_type n) const
	{
		return view().find_first_of(set, pos, n);
	}
	size_type find_first_of(char c, size_type pos = 0) const noexcept
	{
		return view().find_first_of(c, pos);
	}
	template <class T, if_text<T> = 0>
	size_type find_last_of(const T &set,
	                       size_type pos = npos) const noexcept
	{
		return view().find_last_of(set, pos);
	}
	size_type find_last_of(const char *set, size_type pos,
	                       size_type n) const
	{
		return view().find_last_of(set, pos, n);
	}
	size_type find_last_of(char c, size_type pos = npos) const noexcept
	{
		return view().find_last_of(c, pos);
	}
	template <class T, if_text<T> = 0>
	size_type find_first_not_of(const T &set,
	                            size_type pos = 0) const noexcept
	{
		return view().find_first_not_of(set, pos);
	}
	size_type find_first_not_of(const char *set, size_type pos,
	                            size_type n) const
	{
		return view().find_first_not_of(set, pos, n);
	}
	size_type find_first_not_of(char c, size_type pos = 0) const noexcept
	{
		return view().find_first_not_of(c, pos);
	}
	template <class T, if_text<T> = 0>
	size_type find_last_not_of(const T &set,
	                           size_type pos = npos) const noexcept
	{
		return view().find_last_not_of(set, pos);
	}
	size_type find_last_not_of(const char *set, size_type pos,
	                           size_type n) const
	{
		return view().find_last_not_of(set, pos, n);
	}
	size_type find_last_not_of(char c, size_type pos = npos) const noexcept
	{
		return view().find_last_not_of(c, pos);
	}

private:
	static constexpr size_type first_room = 31;

	std::string_view view() const noexcept { return *this; }

	[[noreturn]] static char *outside()
	{
		detail::fail_with<std::out_of_range>(
			"secmem::string: the position is "
			"past the end");
	}
	[[noreturn]] static void too_long()
	{
		detail::fail_with<std::length_error>(
			"secmem::string: it would be longer than "
			"any object can be");
	}
	/* The number of characters from pos on, at most n. */
	size_type most(size_type pos, size_type n) const
	{
		if (pos > size_)
			outside();
		return n < size_ - pos ? n : size_ - pos;
	}
	static std::string_view part(std::string_view text, size_type pos,
	                             size_type n)
	{
		if (pos > text.size())
			outside();
		return text.substr(pos, n);
	}
	size_type index(const char *at) const noexcept
	{
		return static_cast<size_type>(at - data_);
	}
	static size_type count(const char *first, const char *last) noexcept
	{
		return static_cast<size_type>(last - first);
	}

	/* ---- The chunk -------------------------------------------------- */

	/* The old chunk is wiped if the characters move. */
	void resize_chunk(size_type room)
	{
		void *chunk = room_ == 0 ? secmalloc(room + 1)
		                         : secrealloc(data_, room + 1);

		if (chunk == nullptr)
			detail::fail();
		data_ = static_cast<char *>(chunk);
		room_ = room;
	}
	/* Make room for n characters, which is more than there is. */
	void take_room(size_type n)
	{
		size_type room = room_ == 0 ? first_room : 2 * room_;

		if (n > max_size())
			too_long();
		resize_chunk(n > room ? n : room);
	}
	/* Wipe and free the chunk. */
	void drop() noexcept
	{
		if (room_ > 0)
			secfree(data_);
		data_ = nothing_;
		size_ = room_ = 0;
	}
	/* Remove and wipe the characters from n on. */
	void cut(size_type n) noexcept
	{
		secmalloc_wipe(data_ + n, size_ - n);
		size_ = n;
	}
	/* Make a gap of n characters in place of `gone`. Returns its start;
	 * what is in the gap is undefined. */
	char *gap(size_type pos, size_type gone, size_type n)
	{
		size_type kept = size_ - gone, after = kept - pos;

		if (n > max_size() || kept + n > max_size())
			too_long();
		if (kept + n > room_)
			take_room(kept + n);
		if (n != gone && after > 0)
			std::memmove(data_ + pos + n, data_ + pos + gone,
			             after);
		if (n < gone)
			cut(kept + n);
		size_ = kept + n;
		return data_ + pos;
	}
	string &put(size_type pos, size_type gone, std::string_view text)
	{
		return put(pos, gone, text.data(), text.size());
	}
	string &put(size_type pos, size_type gone, const char *text,
	            size_type n)
	{
		std::less<const char *> before;

		/* The text may be a part of this string. */
		if (n > 0 && room_ > 0 && !before(text, data_)
		    && before(text, data_ + size_)) {
			const string copy(text, n);

			return put(pos, gone, copy);
		}
		char *to = gap(pos, gone, n);

		if (n > 0)
			std::memcpy(to, text, n);
		return *this;
	}

	/* What a string without a chunk points to. */
	inline static char nothing_[1] = {'\0'};

	char *data_ = nothing_;
	size_type size_ = 0;
	size_type room_ = 0;
};

/* ---- Joining ------------------------------------------------------------ */

inline string operator+(string a, const string &b)
{
	return std::move(a.append(b));
}
inline string operator+(string a, const char *b)
{
	return std::move(a.append(b));
}
inline string operator+(string a, char b)
{
	a.push_back(b);
	return a;
}
inline string operator+(const char *a, const string &b)
{
	return string(a).append(b);
}
inline string operator+(char a, const string &b)
{
	return string(1, a).append(b);
}

/* ---- Comparing ---------------------------------------------------------- */

namespace detail
{

inline bool equal(std::string_view a, std::string_view b) noexcept
{
	return a.size() == b.size()
	       && secmalloc_equal(a.data(), b.data(), a.size()) == 1;
}

template <class T>
using if_other_text = std::enable_if_t<
	std::conjunction_v<std::is_convertible<const T &, std::string_view>,
                           std::negation<std::is_same<T, string>>>,
	bool>;

} // namespace detail

inline bool operator==(const string &a, const string &b) noexcept
{
	return detail::equal(a, b);
}
inline bool operator!=(const string &a, const string &b) noexcept
{
	return !(a == b);
}
inline bool operator<(const string &a, const string &b) noexcept
{
	return a.compare(b) < 0;
}
inline bool operator>(const string &a, const string &b) noexcept
{
	return b < a;
}
inline bool operator<=(const string &a, const string &b) noexcept
{
	return !(b < a);
}
inline bool operator>=(const string &a, const string &b) noexcept
{
	return !(a < b);
}

template <class T>
detail::if_other_text<T> operator==(const string &a, const T &b) noexcept
{
	return detail::equal(a, b);
}
template <class T>
detail::if_other_text<T> operator==(const T &a, const string &b) noexcept
{
	return detail::equal(a, b);
}
template <class T>
detail::if_other_text<T> operator!=(const string &a, const T &b) noexcept
{
	return !detail::equal(a, b);
}
template <class T>
detail::if_other_text<T> operator!=(const T &a, const string &b) noexcept
{
	return !detail::equal(a, b);
}
template <class T>
detail::if_other_text<T> operator<(const string &a, const T &b) noexcept
{
	return a.compare(b) < 0;
}
template <class T>
detail::if_other_text<T> operator<(const T &a, const string &b) noexcept
{
	return b.compare(a) > 0;
}
template <class T>
detail::if_other_text<T> operator>(const string &a, const T &b) noexcept
{
	return a.compare(b) > 0;
}
template <class T>
detail::if_other_text<T> operator>(const T &a, const string &b) noexcept
{
	return b.compare(a) < 0;
}
template <class T>
detail::if_other_text<T> operator<=(const string &a, const T &b) noexcept
{
	return a.compare(b) <= 0;
}
template <class T>
detail::if_other_text<T> operator<=(const T &a, const string &b) noexcept
{
	return b.compare(a) >= 0;
}
template <class T>
detail::if_other_text<T> operator>=(const string &a, const T &b) noexcept
{
	return a.compare(b) >= 0;
}
template <class T>
detail::if_other_text<T> operator>=(const T &a, const string &b) noexcept
{
	return b.compare(a) <= 0;
}

} // namespace secmem

/* Equal to the hash of a std::string_view of the same characters. */
template <> struct std::hash<secmem::string> {
	std::size_t operator()(const secmem::string &text) const noexcept
	{
		return std::hash<std::string_view>()(text);
	}
};

#endif // SECMALLOC_STRING_HPP
