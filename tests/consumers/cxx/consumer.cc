// The smallest use of an installed secmalloc, from C++. What it prints and its
// exit status are as in ../consumer.c.
//
// SPDX-License-Identifier: ISC
#include <cerrno>
#include <cstring>
#include <iostream>
#include <memory>
#include <stdexcept>

#include <secmalloc.h>

namespace
{
struct wipe {
	void operator()(char *chunk) const { secfree(chunk); }
};
using secret = std::unique_ptr<char[], wipe>;

secret make_secret(size_t size)
{
	secret chunk(static_cast<char *>(secmalloc(size)));

	if (!chunk)
		throw std::runtime_error(secmalloc_error());
	return chunk;
}

int use()
{
	const char word[] = "correct horse";
	const secret chunk = make_secret(sizeof word);

	std::memcpy(chunk.get(), word, sizeof word);
	return std::strcmp(chunk.get(), word) == 0 ? 0 : 1;
}

int no_arena(int error)
{
	std::cout << "no arena: " << secmalloc_error() << "\n";
	return error == EPERM || error == ENOMEM || error == ENOTSUP ? 77 : 1;
}
} // namespace

int main()
{
	secmalloc_config config{};

	config.initial_pools = 1;
	if (secmalloc_init(&config) != 0)
		return no_arena(errno);
	const int result = use();
	secmalloc_fini();
	std::cout << secmalloc_version() << "\n";
	return result;
}
