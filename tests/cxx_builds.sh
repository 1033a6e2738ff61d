#!/bin/sh
# secmalloc.hpp compiles without a warning with each compiler, standard and
# standard library, with and without exceptions and RTTI, and refuses to compile
# what could not work.
#
# Normally the compiler is the one that configure found. With CXX_MATRIX=full
# there is a pass for g++, clang++, and clang++ with libc++.
#
# SPDX-License-Identifier: ISC
. "${srcdir:-.}/tests/tap.sh"

make_work
trap 'rm -rf "$work"' EXIT
warnings="-Wall -Wextra -Wpedantic -Wconversion -Wold-style-cast -Werror"
program=$srcdir/tests/cxx_everything.cc

libraries=
# compile COMPILER FLAG...
compile() {
	# shellcheck disable=SC2086 # words
	"$@" $warnings -I"$srcdir/include" "$program" $libraries
}
# takes COMPILER FLAG...: whether it compiles C++ with these flags.
takes() {
	echo '#include <string>' > "$work/empty.cc"
	"$@" -fsyntax-only "$work/empty.cc" 2> /dev/null
}
check_compiler() {
	name=$1
	shift
	takes "$@" -std=c++17 || {
		tap_skip "$name compiles it" "no $name"
		return
	}
	for standard in 17 20 2b; do
		if takes "$@" -std=c++$standard; then
			tap "$name compiles it as C++$standard" \
				compile "$@" -std=c++$standard -fsyntax-only
		else
			tap_skip "$name compiles it as C++$standard" \
				"this version of $name does not know it"
		fi
	done
	tap "$name compiles it without exceptions and RTTI" compile "$@" \
		-std=c++17 -fsyntax-only -fno-exceptions -fno-rtti
}

CXX=${CXX:-c++}
if [ "${CXX_MATRIX:-}" = full ]; then
	check_compiler g++ g++
	check_compiler clang++ clang++
	check_compiler "clang++ with libc++" clang++ -stdlib=libc++
else
	# shellcheck disable=SC2086 # CXX may have flags
	check_compiler "$CXX" $CXX
fi

# shellcheck disable=SC2086 # CXX may have flags
takes $CXX -std=c++17 || {
	tap_skip "what cannot work is refused" "no C++ compiler"
	tap_done
	exit
}

# What all of the following programs include is compiled once. Compilers use the
# result instead of the file that it is named after.
cat > "$work/headers.h" << 'END'
#include <iostream>
#include <map>
#include <secmalloc.hpp>
END
# shellcheck disable=SC2086 # CXX may have flags
$CXX -std=c++17 $warnings -I"$srcdir/include" -x c++-header \
	-o "$work/headers.h.gch" "$work/headers.h"

# compiles CODE...: the program with this code in main() compiles.
compiles() {
	# shellcheck disable=SC2086
	compile $CXX -std=c++17 -include "$work/headers.h" -fsyntax-only \
		"-DREFUSED=$*"
}
# refuses WHY CODE: it does not, and the compiler says why.
refuses() {
	! compiles "$2" > "$work/output" 2>&1 || return 1
	cat "$work/output"
	grep -q "$1" "$work/output"
}
tap "control: code of that kind compiles" \
	compiles 'struct alignas(4096) wide { char c[4096]; };' \
	'secmem::vector<wide> v; secmem::guarded<wide> g'
tap "an alignment above 4096 is refused" refuses 'at most 4096' \
	'struct alignas(8192) wide { char c[8192]; }; secmem::vector<wide> v(1)'
tap "so it is in a guarded chunk" refuses 'at most 4096' \
	'struct alignas(8192) wide { char c[8192]; }; secmem::guarded<wide> v'
tap "a guarded array is refused" refuses 'use std::array' \
	'secmem::guarded<char[3]> a'
tap "a guarded object is not copied" refuses 'error: ' \
	'secmem::guarded<key> a; secmem::guarded<key> b(a)'
tap "it cannot be changed through a window for reading" refuses 'error: ' \
	'secmem::guarded<key> a; a.open_read()->bytes[0] = 1'
tap "an owner is not converted to one of a base" refuses 'error: ' \
	'secmem::unique_ptr<base> p = secmem::make_unique<derived>()'
tap "control: it is converted to one of the same type" compiles \
	'secmem::unique_ptr<derived> p = secmem::make_unique<derived>()'
tap "a string is not written to a stream" refuses 'error: ' \
	'secmem::string s; std::cout << s'
tap "control: a view of it is" compiles \
	'secmem::string s; std::cout << std::string_view(s)'

# ---- Without exceptions -------------------------------------------------------

build() {
	libraries="$BUILD_DIR/.libs/libsecmalloc.a -lpthread"
	# shellcheck disable=SC2086
	compile $CXX -std=c++17 "$@" -o "$work/program"
}
aborts_with_words() {
	(
		# shellcheck disable=SC3045 # dash, bash and busybox have it
		ulimit -S -c 0
		exec "$work/program" fail
	) 2> "$work/said"
	test $? -eq 134 || return 1
	cat "$work/said"
	grep -q '^secmalloc: [0-9]* bytes' "$work/said"
}
throws() {
	(
		# shellcheck disable=SC3045 # dash, bash and busybox have it
		ulimit -S -c 0
		exec "$work/program" fail
	) 2> "$work/said"
	grep "what():  secmalloc: [0-9]* bytes" "$work/said"
}
if [ ! -e "$BUILD_DIR/.libs/libsecmalloc.a" ]; then
	tap_skip "without exceptions a failure aborts" "no static library"
elif grep -q 'define SECMALLOC_SANITIZED' "$BUILD_DIR/config.h"; then
	tap_skip "without exceptions a failure aborts" "a build with sanitizers"
else
	tap "it links" build
	tap "and runs" "$work/program"
	tap "control: a failure is thrown" throws
	tap "it links without exceptions" build -fno-exceptions -fno-rtti
	tap "and runs without exceptions" "$work/program"
	tap "a failure then aborts, with the words" aborts_with_words
fi
tap_done
