#!/bin/sh
# The programs in the manual pages compile without warnings exactly as printed.
#
# SPDX-License-Identifier: ISC
. "${srcdir:-.}/tests/tap.sh"

CC=${CC:-cc}
CXX=${CXX:-c++}
make_work
trap 'rm -rf "$work"' EXIT

# Write each example of a page that contains an #include to NAME-1.c, NAME-2.c
# and so on.
extract() {
	sed -e 's/\\e/\\/g' -e 's/\\-/-/g' "$1" | awk -v to="$2" '
	/^\.Bd -literal/ { inside = 1; text = ""; next }
	/^\.Ed/ {
		if (text ~ /(^|\n)#include/)
			printf "%s", text > (to "-" ++count ".c")
		inside = 0
	}
	inside { text = text $0 "\n" }'
}
compiles() {
	# shellcheck disable=SC2086 # CXX may have flags
	case $1 in
	*.hpp.3-*)
		$CXX -std=c++17 -Wall -Wextra -Werror -I"$srcdir/include" \
			-x c++ -c "$1" -o "$work/it.o"
		return ;;
	esac
	$CC -Wall -Wextra -Werror -I"$srcdir/include" -c "$1" -o "$work/it.o"
}
sees_an_error() {
	sed 's/secmalloc_init(&config)/secmalloc_init(config)/' \
		"$work/secmalloc_init.3-1.c" > "$work/wrong.c"
	! compiles "$work/wrong.c"
}

for page in "$srcdir"/doc/*.[37]; do
	extract "$page" "$work/${page##*/}"
done
for example in "$work"/*.c; do
	name=${example##*/}
	case $name in *.hpp.*)
		command -v "${CXX%% *}" > /dev/null || {
			tap_skip "${name%.c} compiles" "no C++ compiler"
			continue
		} ;;
	esac
	tap "${name%.c} compiles" compiles "$example"
done
tap "the manual has at least seven programs" test "$tap_count" -ge 7
tap "control: a program with an error does not compile" sees_an_error
tap_done
