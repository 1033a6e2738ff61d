#!/bin/sh
# The steps of a new user: install the library, find it with pkg-config, link
# with it shared and static, and run the README's example.
#
# SPDX-License-Identifier: ISC
. "${srcdir:-.}/tests/tap.sh"
. "$srcdir/tests/installed.sh"

CC=${CC:-cc}

flags() {
	PKG_CONFIG_PATH=$(dirname "$(find "$prefix" -name secmalloc.pc)") \
		pkg-config "$@" secmalloc
}
link_shared() {
	# shellcheck disable=SC2046 # flags are words
	$CC -Wall -Wextra -Werror -o "$work/shared" "$work/example.c" \
		$(flags --cflags --libs) -Wl,-rpath,"$(flags --variable=libdir)"
}
link_static() {
	# shellcheck disable=SC2046
	$CC -Wall -Wextra -Werror -static -o "$work/static" "$work/example.c" \
		$(flags --static --cflags --libs)
}
# The example in the README is its first block of C.
extract_example() {
	sed -n '/^```c$/,/^```$/{/^```/d;p;}' "$srcdir/README.md" \
		> "$work/example.c"
	test -s "$work/example.c"
}
is_25_lines() {
	lines=$(wc -l < "$work/example.c")
	echo "$lines lines"
	test "$lines" -le 25
}
manual_is_there() {
	for page in "$srcdir"/doc/*.[37]; do
		find "$prefix" -name "${page##*/}*" | grep -q . || return 1
	done
}
# is_found_as NAME: there is a page with this name, and that page, or the page
# that it refers to with .so, has the name in its NAME section.
is_found_as() {
	page=$manual/man3/$1.3
	test -s "$page" || return 1
	read -r request target < "$page"
	test "$request" != .so || page=$manual/$target
	"$srcdir/tools/manual-names" "$page" | grep -q "^$1 "
}
functions_are_found() {
	manual=$(dirname "$(dirname "$(find "$prefix" -name secmalloc.7)")")
	header_names > "$work/names"
	while read -r name; do
		is_found_as "$name" || { echo "$name"; return 1; }
	done < "$work/names"
	! is_found_as secmalloc_nothing
}
man_finds_them() {
	while read -r name; do
		MANPATH=$manual man -w 3 "$name" || return 1
	done < "$work/names"
}
# The path below gdb's auto-load directory is that of the library. Move the
# script to where a build that was configured with $prefix would have put it.
move_gdb_script() {
	script=$(find "$prefix" -name 'libsecmalloc.so.*-gdb.py')
	test -s "$script" || return 1
	auto_load=${script%%/auto-load/*}/auto-load
	moved=$auto_load$(cd "$prefix" && pwd -P)${script#"$auto_load$configured"}
	mkdir -p "${moved%/*}" && mv "$script" "$moved"
}
# library_in_gdb DIRECTORY: load the library into gdb, with DIRECTORY for its
# auto-load directory, and print the help of the commands.
library_in_gdb() {
	gdb -nx -batch -iex "set auto-load safe-path $work" \
		-iex "set auto-load scripts-directory $1" \
		-ex 'help secmalloc' "$(find "$prefix" -name libsecmalloc.so)"
}
gdb_loads_it() {
	auto_load=$(find "$prefix" -type d -name auto-load)
	library_in_gdb "$auto_load" | grep '^secmalloc explain --' || return 1
	! library_in_gdb "$work" | grep '^secmalloc explain --'
}
uninstall_leaves_nothing() {
	MAKEFLAGS='' make -C "$BUILD_DIR" install DESTDIR="$work/gone" \
		&& MAKEFLAGS='' make -C "$BUILD_DIR" uninstall DESTDIR="$work/gone" \
		|| return 1
	find "$work/gone" ! -type d > "$work/left"
	cat "$work/left"
	test ! -s "$work/left"
}

tap "make install succeeds" install_to_stage
tap "the installed tree moves to a prefix" move_to_prefix
tap "the README has an example" extract_example
tap "the README's example has at most 25 lines" is_25_lines
tap "the example links with the shared library through pkg-config" link_shared
tap "the example links with the static library through pkg-config" link_static
tap "the manual pages are installed" manual_is_there
functions_are_found > /dev/null # sets $manual in this shell
tap "each function has an installed manual page" functions_are_found
if man --version > /dev/null 2>&1; then
	tap "man finds the page of each function" man_finds_them
else
	tap_skip "man finds the page of each function" "no man"
fi
if grep -q "library_names='lib" "$BUILD_DIR/libsecmalloc.la"; then
	tap "the gdb script is named after the library" move_gdb_script
	if gdb -nx -batch -ex 'python print(1)' 2> /dev/null | grep -qx 1; then
		tap "gdb loads the script together with the library" \
			gdb_loads_it
	else
		tap_skip "gdb loads the script together with the library" \
			"no gdb that has Python"
	fi
else
	tap_skip "the gdb script is installed" "no shared library"
fi
tap "make uninstall leaves nothing" uninstall_leaves_nothing
if [ "$(id -u)" -eq 0 ]; then
	tap "the example runs with the shared library" "$work/shared"
	tap "the example runs with the static library" "$work/static"
else
	tap_skip "the example runs" "needs root"
fi
tap_done
