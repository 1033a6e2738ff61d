#!/bin/sh
# The C and C++ files of the tree have the layout that .clang-format defines.
#
# SPDX-License-Identifier: ISC
. "${srcdir:-.}/tests/tap.sh"

make_work
trap 'rm -rf "$work"' EXIT

is_laid_out() { "$srcdir/tools/check-format" "$@"; }
sees_a_difference() {
	printf 'int\tf(void) { return 0; }\n' > "$work/odd.c"
	is_laid_out "$work/odd.c"
	test $? -eq 1
}

reason=$(is_laid_out) || tap_skip_all "$reason"
for directory in include lib tests bench examples; do
	# shellcheck disable=SC2046 # names have no blanks
	tap "$directory/ has the layout of .clang-format" is_laid_out \
		$(find "$srcdir/$directory" -name '*.[ch]' -o -name '*.cc' -o -name '*.hpp')
done
tap "control: a file with another layout is detected" sees_a_difference
tap_done
