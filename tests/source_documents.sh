#!/bin/sh
# The files that the documents name are there, and doc/TESTING.md knows each suite.
# SPDX-License-Identifier: ISC
. "${srcdir:-.}/tests/tap.sh"

make_work
trap 'rm -rf "$work"' EXIT

documents=$(cd "$srcdir" && find . -maxdepth 2 -name '*.md' \
	! -path './build/*' | sed 's,^\./,,' | sort)

# Each path in backticks, of a file in the tree; what only a build makes is none,
# and nor is one with a NAME to fill in.
paths() {
	grep -o '`[^` ]*`' "$1" | tr -d '`' \
		| grep '^\(bench\|doc\|examples\|include\|lib\|m4\|tests\|tools\)/' \
		| grep -v NAME \
		| grep -vx 'bench/results\.csv\|bench/errors\.log\|doc/html' \
		| sort -u
}
# A test or an example may be named without what its file's name ends with, and
# several by a pattern. A suite in secret memory is that of the name behind.
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
# The first column of the table of kinds, one pattern a line.
sed -n '/^## The kinds/,/^## Where/s/^| \(`[^|]*\)|.*/\1/p' \
	"$srcdir/doc/TESTING.md" | tr -d '` ' | tr ',' '\n' > "$work/patterns"
suites() {
	for file in "$srcdir"/tests/*.c "$srcdir"/tests/*.sh; do
		name=${file##*/}
		case $name in
		installed.sh | tap.sh) ;;
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
	tap "what the documents name exists" names_exist $documents
	tap "each suite is of a kind that TESTING.md describes" \
		suites_are_described $(suites)
}
tap "and each kind has one" kinds_have_suites
tap "control: a name of nothing is found" sees_a_name_of_nothing
if suites_are_described odd_one > /dev/null; then
	tap "control: a suite of no kind is found" false
else
	tap "control: a suite of no kind is found" true
fi
tap_done
