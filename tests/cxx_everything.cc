/*
 * Everything of secmalloc.hpp, used once, for tests/cxx_builds.sh: this
 * compiles without a warning, also without exceptions and without RTTI.
 *
 * SPDX-License-Identifier: ISC
 */
#include <secmalloc.hpp>

#include <map>
#include <string_view>

namespace
{

struct key {
	unsigned char bytes[32] = {};
};
struct base {
	int first = 1;
};
struct derived : base {
};

using map = std::map<int, secmem::string, std::less<int>,
                     secmem::allocator<std::pair<const int, secmem::string>>>;

int use_containers()
{
	secmem::vector<int> numbers{1, 2, 3};
	map names;

	numbers.resize(100);
	names[1] = "one";
	names.emplace(2, "two");
#ifdef __cpp_lib_memory_resource
	std::pmr::vector<int> more(secmem::get_resource());
	more.resize(10);
#endif
	return numbers.back() + (names[1] == "one" ? 0 : 1);
}

int use_owners()
{
	auto one = secmem::make_unique<key>();
	auto many = secmem::make_unique<secmem::string[]>(3);
	secmem::unique_ptr<key> moved = std::move(one);

	many[0] = std::string_view("text");
	return moved->bytes[0] + static_cast<int>(many[1].size());
}

int use_windows()
{
	secmem::guarded<key> secret;
	{
		auto w = secret.open_write();
		w->bytes[0] = 1;
	}
	auto r = secret.open_read();
	return (*r).bytes[0] - 1;
}

int use_string()
{
	secmem::string s("text"), t(s, 1, 2), u(s.begin(), s.end());

	s += t + "x" + 'y';
	s.insert(s.begin(), 'z');
	s.insert(0, 2, 'z');
	s.replace(0, 1, u).erase(0, 1).append(std::string_view("view"));
	s.erase(s.begin());
	return s == "text" || "text" < s || s.find("none") == 0;
}

} // namespace

int main(int argc, char **)
{
	secmem::config config;

	config.initial_pools = 4;
#ifdef REFUSED
	REFUSED;
#endif
	secmem::arena arena(config);
	if (argc > 1) /* fail */
		static_cast<void>(secmem::allocator<char>().allocate(
			static_cast<std::size_t>(PTRDIFF_MAX)));
	secmem::verify(SECMALLOC_VERIFY_LOCKED);
	secmem::reserve(1);
	return use_containers() + use_owners() + use_windows()
	       + (use_string() == 1 ? 0 : 1)
	       + (secmem::stats().chunks == 0 ? 0 : 1)
	       + (secmem::trim() == 0 ? 0 : 1);
}
