#!/bin/sh
# The library for a system on which nothing can be locked (lib/os/none.c), built
# and run here.
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

# All but the platform's files.
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
# What locks, maps, reads of the process or asks a kernel is not among it; a
# compiler may fill structures by memset().
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
# The lines of the program are shown if one of them says that it failed.
run() {
	"$work/port_none" > "$work/lines" 2>&1
	cat "$work/lines"
	grep -q '^1\.\.8$' "$work/lines" && ! grep -q '^not ok' "$work/lines"
}
# With a system under it that can lock, the program must find that it is wrong.
linux_differs() {
	build "$srcdir"/lib/os/linux*.c "$srcdir"/lib/os/posix*.c && ! run
}

tap "it compiles" compile
tap "it links with the platform none" build "$srcdir/lib/os/none.c"
tap "every call answers as it should" run
tap "the platform asks libc for two functions" asks_for_nothing
tap "control: without a platform it does not link" control
case $(uname -s) in
Linux) tap "control: with another the answers differ" linux_differs ;;
esac
tap_done
