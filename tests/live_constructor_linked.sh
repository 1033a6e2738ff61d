#!/bin/sh
# secmalloc_init() works in constructors, however the program is linked: with
# either library, dynamic or static, in C or C++, or in a library that the loader
# initializes first of all.
#
# SPDX-License-Identifier: ISC
. "${srcdir:-.}/tests/tap.sh"

is_sanitized && tap_skip_all "needs a build without sanitizers"
make_work_to_run
# shellcheck disable=SC2154 # make_work_to_run sets it
trap 'rm -rf "$work"' EXIT
CC=${CC:-cc}
CXX=${CXX:-c++}
libs=$(cd "$BUILD_DIR" && pwd)/.libs
archive=$libs/libsecmalloc.a
flags="-std=gnu11 -pthread -D_GNU_SOURCE -I$BUILD_DIR -I$srcdir/include"
flags="$flags -I$srcdir/tests"
shared="-L$libs -lsecmalloc -Wl,-rpath,$libs"

# build NAME ARGUMENT...: build the suite in another way.
build() {
	name=$1
	shift
	# shellcheck disable=SC2086 # flags are words
	$CC $flags -o "$work/$name" "$srcdir/tests/live_constructor.c" "$@"
}
preload() {
	bounded 60 env LD_PRELOAD="$1" "$work/main"
}
# try WHAT NAME ARGUMENT...: build the suite and run it.
try() {
	what=$1
	shift
	tap "$what: it links" build "$@"
	tap_adopt "$what" bounded 60 "$work/$1"
}
try_preloaded() {
	what=$1
	shift
	set -- "$@" -shared -fPIC -DTEST_PRELOADED -Wl,-z,initfirst
	build "$@" 2>&1 | grep -q 'making a shared object' && {
		tap_skip "$what" "the static library is not for shared objects"
		return
	}
	tap "$what: it links" build "$@"
	tap_adopt "$what" preload "$work/$1"
}

cat > "$work/global.cc" << 'END'
#include <cstdio>
#include <cstring>
#include <secmalloc.h>

struct holder {
	int result;
	char *chunk;
	holder()
	{
		result = secmalloc_init(nullptr);
		chunk = secstrdup("global");
	}
	~holder() { secfree(chunk); }
} global;

int main()
{
	printf("%d %s\n", global.result, secmalloc_error());
	return global.chunk == nullptr || strcmp(global.chunk, "global") != 0;
}
END
build_global() {
	# shellcheck disable=SC2086 # flags are words
	$CXX -pthread -I"$srcdir/include" -o "$work/global" "$work/global.cc" "$@"
}
printf 'int main(void) { return 0; }\n' > "$work/main.c"
# shellcheck disable=SC2086 # the compiler may have options
no_static=$(why_not $CC -static -o "$work/main" "$work/main.c")
# The program into which libraries are loaded.
$CC -o "$work/main" "$work/main.c" \
	|| tap_skip_all "no program can be linked"

if test -e "$archive"; then
	for kind in constructor 'constructor(101)'; do
		try "the static library, $kind" archive \
			-DTEST_CONSTRUCTOR="$kind" "$archive"
	done
	try "the static library, .preinit_array" preinit -DTEST_PREINIT \
		"$archive"
	if test -z "$no_static"; then
		try "a static program" static -static \
			-DTEST_CONSTRUCTOR=constructor "$archive"
		try "a static program, .preinit_array" static -static \
			-DTEST_PREINIT "$archive"
	else
		tap_skip "a static program" "$no_static"
	fi
	try_preloaded "a library that is initialized first" first.so "$archive"
else
	tap_skip "the static library" "it was not built"
fi
if test -e "$libs/libsecmalloc.so"; then
	# shellcheck disable=SC2086 # flags are words
	try "the shared library, .preinit_array" shared -DTEST_PREINIT $shared
	# shellcheck disable=SC2086 # flags are words
	try_preloaded "a library that is initialized before the shared library" \
		before.so $shared
else
	tap_skip "the shared library" "it was not built"
fi
if test -e "$archive" && command -v "${CXX%% *}" > /dev/null; then
	tap "a C++ program links" build_global "$archive"
	tap "the constructor of a C++ global may call init, and its destructor \
may free" "$work/global"
else
	tap_skip "a C++ global" "no C++ compiler, or no static library"
fi
tap_done
