#!/bin/sh
# The programs in the manual pages compile without a warning, as they stand.
# SPDX-License-Identifier: ISC
. "${srcdir:-.}/tests/tap.sh"

CC=${CC:-cc}
make_work
trap 'rm -rf "$work"' EXIT

# The displays of a page that include something: NAME-1.c and so on.
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
	tap "${name%.c} compiles" compiles "$example"
done
tap "there are seven at least" test "$tap_count" -ge 7
tap "control: one with an error does not" sees_an_error
tap_done
