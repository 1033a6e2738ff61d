#!/bin/sh
# The library for a system on which no memory can be locked (lib/os/none.c). It
# is built and run here.
#
# SPDX-License-Identifier: ISC
. "${srcdir:-.}/tests/tap.sh"

CC=${CC:-cc}
NM=${NM:-nm}
make_work_to_run
trap 'rm -rf "$work"' EXIT
srcdir=$(cd "$srcdir" && pwd)
BUILD_DIR=$(cd "$BUILD_DIR" && pwd)
flags="-std=gnu11 -Wall -Wextra -Werror -pthread -I$BUILD_DIR"
flags="$flags -I$srcdir/include -I$srcdir/lib"

# Compile all files except those of the platform.
compile() {
	mkdir "$work/common" && cd "$work/common" || return 1
	# shellcheck disable=SC2046,SC2086 # words
	$CC $flags -c $(find "$srcdir/lib" -name '*.c' ! -path '*/lib/os/*') \
		"$srcdir/tests/port_none.c"
}
# build [PLATFORM_FILE...]
build() {
	# shellcheck disable=SC2086 # flags are words
	$CC $flags -o "$work/port_none" "$work"/common/*.o "$@"
}
# The platform's file calls nothing that locks or maps memory, reads about the
# process or asks a kernel. Compilers may use memset() to fill structures.
asks_for_nothing() {
	# shellcheck disable=SC2086 # flags are words
	$CC $flags -c -o "$work/none.o" "$srcdir/lib/os/none.c" || return 1
	$NM -u "$work/none.o" | awk '{ print $2 }' \
		| grep -v '^smi_\|^__\|^_G\|^mem' > "$work/asked"
	printf '_Exit\npthread_mutex_init\n' | diff - "$work/asked"
}
control() {
	! build
}
# The program's lines are shown if one of them reports a failure.
run() {
	"$work/port_none" > "$work/lines" 2>&1
	cat "$work/lines"
	grep -q '^1\.\.8$' "$work/lines" && ! grep -q '^not ok' "$work/lines"
}
# With a platform that can lock memory, the program must report failures.
linux_differs() {
	build "$srcdir"/lib/os/linux*.c "$srcdir"/lib/os/posix*.c && ! run
}

tap "the common files compile" compile
tap "the library links with the platform none" build "$srcdir/lib/os/none.c"
tap "every call fails or succeeds as documented" run
tap "the platform uses only two functions of libc" asks_for_nothing
tap "control: without a platform the library does not link" control
case $(uname -s) in
Linux)
	tap "control: with the platform Linux the program reports failures" \
		linux_differs
	;;
esac
tap_done
