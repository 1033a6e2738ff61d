#!/bin/sh
# One configured tree can be compiled for two processors, because no result of
# configure depends on the processor. The library is compiled for several
# processors with one config.h.
#
# SPDX-License-Identifier: ISC
. "${srcdir:-.}/tests/tap.sh"

CC=${CC:-cc}
make_work
trap 'rm -rf "$work"' EXIT
warnings="-Wall -Wextra -Wconversion -Wshadow -Wstrict-prototypes -Werror"

# Macros that ask for the processor or the size of a type, or that run a
# program.
asks='AC_CHECK_SIZEOF|AC_C_BIGENDIAN|AC_RUN_IFELSE|AC_TRY_RUN|host_cpu'
asks="$asks|target_cpu|build_cpu|AC_SYS_LARGEFILE|SIZEOF_|WORDS_BIGENDIAN"
asks_nothing() {
	! sed 's/^dnl.*//' "$@" | grep -nE "$asks"
}
sees_a_question() {
	echo 'AC_CHECK_SIZEOF([long])' > "$work/configure.ac"
	! asks_nothing "$work/configure.ac"
}

# Print the files of the library for a platform. The patterns are those of the
# platform's own files.
common() { find "$srcdir/lib" -name '*.c' ! -path '*/lib/os/*'; }
linux() { common && ls "$srcdir"/lib/os/posix*.c "$srcdir"/lib/os/linux*.c; }
darwin() {
	common && ls "$srcdir"/lib/os/posix*.c "$srcdir"/lib/os/bsd.c \
		"$srcdir"/lib/os/bsd_procfs.c "$srcdir"/lib/os/darwin.c
}
# A control compiles only the file named here.
only=
compile() {
	# shellcheck disable=SC2046,SC2086 # words
	"$@" -std=gnu11 $warnings -I"$BUILD_DIR" -I"$srcdir/include" \
		-I"$srcdir/lib" ${only:-$(linux)}
}
# A config.h with a size in it is wrong for one of two targets.
sees_a_size() {
	mkdir -p "$work/sized"
	{
		cat "$BUILD_DIR/config.h"
		echo '#define SIZE 8'
		echo '_Static_assert(sizeof(void *) == SIZE, "a size");'
	} > "$work/sized/config.h"
	BUILD_DIR=$work/sized
	only=$srcdir/lib/api/api.c
	! compile "$@" -fsyntax-only
}
# Compile as with CFLAGS="-arch x86_64 -arch arm64" on macOS.
compile_both() {
	# shellcheck disable=SC2046,SC2086
	clang --target=x86_64-apple-macos11 -arch x86_64 -arch arm64 \
		-fsyntax-only -std=gnu11 $warnings -ffreestanding -nostdinc \
		-isystem "$srcdir/tests/stubs/darwin" \
		-isystem "$srcdir/tests/stubs/posix" \
		-isystem "$(clang -print-file-name=include)" \
		-I"$BUILD_DIR" -I"$srcdir/include" -I"$srcdir/lib" "$@" \
		${only:-$(darwin)}
}
# Control: the compiler really compiles for both.
compiles_each() {
	only=$srcdir/lib/api/api.c
	! compile_both -include "$work/no_$1.h"
}

tap "configure checks no property of the processor" \
	asks_nothing "$srcdir/configure.ac" "$srcdir"/m4/secmalloc*.m4 \
	"$BUILD_DIR/config.h"
tap "control: a check of the processor is detected" sees_a_question

# The build's own compiler has compiled with this config.h. These two differ from
# it and from each other in everything that a config.h could say: the size of
# types, the order of bytes, and whether char is signed.
for target in i686 s390x; do
	other=$target-linux-gnu-gcc
	if command -v "$other" > /dev/null; then
		tap "a compiler for $target compiles with this config.h" \
			compile "$other" -fsyntax-only
	else
		tap_skip "a compiler for $target compiles with this config.h" \
			"no $other"
	fi
done
if command -v i686-linux-gnu-gcc > /dev/null; then
	tap "control: a config.h with a size does not compile for i686" \
		sees_a_size i686-linux-gnu-gcc
fi

if clang --target=x86_64-apple-macos11 -arch x86_64 -arch arm64 \
	-fsyntax-only -x c /dev/null 2> /dev/null
then
	echo '#ifdef __x86_64__
#error x86_64
#endif' > "$work/no_x86_64.h"
	echo '#ifdef __aarch64__
#error aarch64
#endif' > "$work/no_aarch64.h"
	tap "one call compiles for x86_64 and arm64 of macOS" compile_both
	tap "control: one of the two processors is x86_64" compiles_each x86_64
	tap "control: the other processor is arm64" compiles_each aarch64
else
	tap_skip "one call compiles for x86_64 and arm64 of macOS" \
		"there is no clang for both processors"
fi
tap_done
