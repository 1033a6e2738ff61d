#!/bin/sh
# The C of the tree is laid out as .clang-format says. Versions of clang-format
# differ in what they make of the same file, so only the one that the tree was
# laid out with can judge.
# SPDX-License-Identifier: ISC
. "${srcdir:-.}/tests/tap.sh"

VERSION=14
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

is_version() {
	"$1" --version 2> /dev/null | grep -q "version $VERSION\\."
}
for formatter in "clang-format-$VERSION" clang-format none; do
	is_version "$formatter" && break
done
test "$formatter" != none || tap_skip_all "no clang-format $VERSION"

is_laid_out() {
	"$formatter" --style="file:$srcdir/.clang-format" --dry-run --Werror \
		--ferror-limit=100 "$@"
}
sees_a_difference() {
	printf 'int\tf(void) { return 0; }\n' > "$work/odd.c"
	! is_laid_out "$work/odd.c"
}

for directory in include lib tests bench examples; do
	# shellcheck disable=SC2046 # names have no blanks
	tap "$directory/ is laid out as .clang-format says" is_laid_out \
		$(find "$srcdir/$directory" -name '*.[ch]' -o -name '*.cc')
done
# shellcheck disable=SC2046 # names have no blanks
tap "and below tests/" is_laid_out $(find "$srcdir/tests/stubs" \
	"$srcdir/tests/alone" -name '*.h')
tap "control: a file that is not is found" sees_a_difference
tap_done
