#!/bin/sh
# One configured tree is right for two processors: nothing that configure found
# depends on one. The library is compiled for several from one config.h.
# SPDX-License-Identifier: ISC
. "${srcdir:-.}/tests/tap.sh"

CC=${CC:-cc}
make_work
trap 'rm -rf "$work"' EXIT
warnings="-Wall -Wextra -Wconversion -Wshadow -Wstrict-prototypes -Werror"

# What asks for the processor, the size of a type, or runs a program.
asks='AC_CHECK_SIZEOF|AC_C_BIGENDIAN|AC_RUN_IFELSE|AC_TRY_RUN|host_cpu'
asks="$asks|target_cpu|build_cpu|AC_SYS_LARGEFILE|SIZEOF_|WORDS_BIGENDIAN"
asks_nothing() {
	! sed 's/^dnl.*//' "$@" | grep -nE "$asks"
}
sees_a_question() {
	echo 'AC_CHECK_SIZEOF([long])' > "$work/configure.ac"
	! asks_nothing "$work/configure.ac"
}

# The files of the library for a platform, whose own have these patterns.
common() { find "$srcdir/lib" -name '*.c' ! -path '*/lib/os/*'; }
linux() { common && ls "$srcdir"/lib/os/posix*.c "$srcdir"/lib/os/linux*.c; }
darwin() {
	common && ls "$srcdir"/lib/os/posix*.c "$srcdir"/lib/os/bsd.c \
		"$srcdir"/lib/os/bsd_procfs.c "$srcdir"/lib/os/darwin.c
}
# One file is enough for a control: it sets this.
only=
compile() {
	# shellcheck disable=SC2046,SC2086 # words
	"$@" -std=gnu11 $warnings -I"$BUILD_DIR" -I"$srcdir/include" \
		-I"$srcdir/lib" ${only:-$(linux)}
}
# A config.h that names a size is wrong for one of two targets.
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
# As CFLAGS="-arch x86_64 -arch arm64" does on macOS.
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
# Control: both are really compiled.
compiles_each() {
	only=$srcdir/lib/api/api.c
	! compile_both -include "$work/no_$1.h"
}

tap "configure asks for nothing of a processor" \
	asks_nothing "$srcdir/configure.ac" "$srcdir"/m4/secmalloc*.m4 \
	"$BUILD_DIR/config.h"
tap "control: it would be found" sees_a_question

# shellcheck disable=SC2086 # CC may have flags
tap "the build's compiler, from this config.h" compile $CC -fsyntax-only
others=0
for target in i686 aarch64 s390x; do
	other=$target-linux-gnu-gcc
	if command -v "$other" > /dev/null; then
		others=$((others + 1))
		tap "$target, from the same one" compile "$other" -fsyntax-only
	else
		tap_skip "$target" "no $other"
	fi
done
if command -v i686-linux-gnu-gcc > /dev/null; then
	tap "control: what names a size does not compile for i686" \
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
	tap "x86_64 and arm64 of macOS in one call" compile_both
	tap "control: x86_64 is one" compiles_each x86_64
	tap "control: arm64 is the other" compiles_each aarch64
else
	tap_skip "two architectures of macOS in one call" \
		"no clang that knows both"
fi
tap_done
