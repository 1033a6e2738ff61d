#!/bin/sh
# The public header compiles alone, in C and in C++, without warnings, and has
# the version that configure.ac has.
#
# SPDX-License-Identifier: ISC
. "${srcdir:-.}/tests/tap.sh"

CC=${CC:-cc}
CXX=${CXX:-c++}
make_work
trap 'rm -rf "$work"' EXIT

printf '#include <secmalloc.h>\n%s\n%s\n' \
	'int use(void); int use(void) { struct secmalloc_config c = {0};' \
	'c.initial_pools = 4; return secmalloc_init(&c); }' > "$work/use.c"
printf '#include <secmalloc.h>\n%s\n' \
	'int use() { char *p = static_cast<char *>(secmalloc(4)); secfree(p); return p != 0; }' \
	> "$work/use.cc"

# version_agrees CONFIGURE_AC
version_agrees() {
	told=$(sed -n 's/^AC_INIT(\[secmalloc\], \[\([0-9.]*\)\].*/\1/p' "$1")
	number=$(printf '%s\n' '#include <secmalloc.h>' \
		SECMALLOC_VERSION_NUMBER \
		| $CC -I"$srcdir/include" -E -P - | tail -n 1)
	echo "$1: $told; secmalloc.h: $number"
	test "$told" = "$((number >> 16)).$((number >> 8 & 255)).$((number & 255))"
}
sees_another_version() {
	echo 'AC_INIT([secmalloc], [1.0.99])' > "$work/configure.ac"
	! version_agrees "$work/configure.ac"
}

flags="-Wall -Wextra -Wpedantic -Wstrict-prototypes -Werror"
for standard in c99 c11 gnu17; do
	# shellcheck disable=SC2086 # flags are words
	tap "the header compiles as $standard" $CC -std=$standard $flags \
		-I"$srcdir/include" -c "$work/use.c" -o "$work/use.o"
done
if $CXX --version > /dev/null 2>&1; then
	for standard in c++11 c++20; do
		tap "the header compiles as $standard" \
			"$CXX" -std=$standard -Wall -Wextra -Wpedantic \
			-Werror -I"$srcdir/include" -c "$work/use.cc" \
			-o "$work/use.o"
	done
else
	tap_skip "the header compiles as C++" "no C++ compiler"
fi
tap "the header's version number is that of configure.ac" \
	version_agrees "$srcdir/configure.ac"
tap "control: another version is detected" sees_another_version
tap_done
