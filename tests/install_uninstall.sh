#!/bin/sh
# make uninstall takes away all that make install brought, and nothing else.
# Here below DESTDIR; make distcheck does the like with a prefix of its own.
# SPDX-License-Identifier: ISC
. "${srcdir:-.}/tests/tap.sh"

make_work
trap 'rm -rf "$work"' EXIT
root=$work/root

# MAKEFLAGS of the make that runs the tests are not for this one.
run_make() { MAKEFLAGS='' make -C "$BUILD_DIR" "$1" DESTDIR="$root"; }
files() { (cd "$root" && find . ! -type d | sort); }

install_it() {
	run_make install && files | grep -q '/secmalloc\.h$'
}
# A file of somebody else's, in each directory but those of the library.
others_move_in() {
	find "$root" -type d ! -path '*/doc/secmalloc*' \
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

tap "make install" install_it
tap "others install too" others_move_in
tap "make uninstall" run_make uninstall
tap "nothing but what others installed is left" only_others_are_left
tap "and no directory of the library's own" own_directories_are_gone
tap "control: a file that is left is seen" sees_what_is_left
tap_done
