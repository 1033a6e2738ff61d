#!/bin/sh
# The files that the documents name exist, and doc/TESTING.md describes each
# suite.
#
# SPDX-License-Identifier: ISC
. "${srcdir:-.}/tests/tap.sh"

make_work
trap 'rm -rf "$work"' EXIT

documents=$(cd "$srcdir" && find . -maxdepth 2 -name '*.md' \
	! -path './build/*' | sed 's,^\./,,' | sort)

# Print each path in backticks that is to be a file of the tree. Files that only
# a build creates and paths with a NAME to fill in are left out.
paths() {
	grep -o '`[^` ]*`' "$1" | tr -d '`' \
		| grep '^\(bench\|bindings\|doc\|examples\|include\|lib\|m4\|tests\|tools\)/' \
		| grep -v NAME \
		| grep -vx 'bench/results\.csv\|bench/errors\.log\|doc/html' \
		| sort -u
}
# A test or an example may be named without its suffix, and several may be named
# by a pattern. A suite named secret_X runs the file X in secret memory.
exists() {
	for found in "$srcdir"/$1 "$srcdir"/$1.c "$srcdir"/$1.sh \
		"$srcdir"/tests/${1##*/secret_}.c; do
		test -e "$found" && return 0
	done
	return 1
}
names_exist() {
	result=0
	for document in "$@"; do
		paths "$srcdir/$document" > "$work/paths"
		while read -r name; do
			exists "$name" \
				|| { echo "$document: $name"; result=1; }
		done < "$work/paths"
	done
	return $result
}
# The first column of the table of kinds, one pattern per line.
sed -n '/^## The kinds/,/^## Where/s/^| \(`[^|]*\)|.*/\1/p' \
	"$srcdir/doc/TESTING.md" | tr -d '` ' | tr ',' '\n' > "$work/patterns"
suites() {
	for file in "$srcdir"/tests/*.c "$srcdir"/tests/*.sh; do
		name=${file##*/}
		case $name in
		installed.sh | rust.sh | tap.sh) ;;
		*) echo "${name%.*}" ;;
		esac
	done
	grep -o 'tests/secret_[a-z_]*' "$srcdir/tests/Makefile.inc" \
		| sed 's,.*/,,'
}
is_described() {
	while read -r pattern; do
		# shellcheck disable=SC2254 # it is a pattern
		case $1 in
		$pattern) return 0 ;;
		esac
	done < "$work/patterns"
	return 1
}
suites_are_described() {
	result=0
	test -s "$work/patterns" || return 1
	for name; do
		is_described "$name" || { echo "$name"; result=1; }
	done
	return $result
}
kinds_have_suites() {
	result=0
	suites > "$work/suites"
	while read -r pattern; do
		grep -qx "$(echo "$pattern" | sed 's/\*/.*/')" "$work/suites" \
			|| { echo "$pattern"; result=1; }
	done < "$work/patterns"
	return $result
}
sees_a_name_of_nothing() {
	mkdir -p "$work/tree/doc"
	echo 'As `tests/live_nothing` and `lib/space/pool.c` show.' \
		> "$work/tree/doc/X.md"
	(
		cp -R "$srcdir/lib" "$srcdir/tests" "$work/tree"
		srcdir=$work/tree
		names_exist doc/X.md
	) > "$work/seen"
	echo 'doc/X.md: tests/live_nothing' | diff - "$work/seen"
}
# shellcheck disable=SC2086,SC2046 # lists of words
{
	tap "the files that the documents name exist" names_exist $documents
	tap "each suite belongs to a kind that TESTING.md describes" \
		suites_are_described $(suites)
}
tap "each kind that TESTING.md describes has a suite" kinds_have_suites
tap "control: the name of an absent file is detected" sees_a_name_of_nothing
if suites_are_described odd_one > /dev/null; then
	tap "control: a suite that belongs to no kind is detected" false
else
	tap "control: a suite that belongs to no kind is detected" true
fi
tap_done
