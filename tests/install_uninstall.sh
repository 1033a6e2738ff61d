#!/bin/sh
# make uninstall removes all that make install created, and nothing else. This
# script installs below DESTDIR. make distcheck does the same with a prefix.
#
# SPDX-License-Identifier: ISC
. "${srcdir:-.}/tests/tap.sh"

make_work
trap 'rm -rf "$work"' EXIT
root=$work/root

# The MAKEFLAGS of the make that runs the tests are not meant for this make.
run_make() { MAKEFLAGS='' make -C "$BUILD_DIR" "$1" DESTDIR="$root"; }
files() { (cd "$root" && find . ! -type d | sort); }

install_it() {
	run_make install && files | grep -q '/secmalloc\.h$'
}
# Put a file that is not ours into each directory except those of the library.
others_move_in() {
	find "$root" -type d ! -path '*/doc/secmalloc*' \
		! -path '*/include/secmalloc*' \
		-exec sh -c 'for d; do : > "$d/other"; done' sh {} +
	files | grep '/other$' > "$work/others"
}
only_others_are_left() {
	files | diff "$work/others" -
}
own_directories_are_gone() {
	! find "$root" -type d | grep '/secmalloc$'
}
sees_what_is_left() {
	run_make install || return 1
	file=$(find "$root" -name secmalloc.pc)
	mv "$file" "$file.old"
	run_make uninstall || return 1
	! only_others_are_left
}

tap "make install succeeds" install_it
tap "other packages install files into the same directories" others_move_in
tap "make uninstall succeeds" run_make uninstall
tap "only the files of other packages are left" only_others_are_left
tap "none of the library's own directories is left" own_directories_are_gone
tap "control: a file that is left behind is detected" sees_what_is_left
tap_done
