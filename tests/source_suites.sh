#!/bin/sh
# A suite can be found by its name, or with the table in doc/TESTING.md that
# lists suites for each public name. The statements of that table are true.
#
# SPDX-License-Identifier: ISC
. "${srcdir:-.}/tests/tap.sh"

make_work
trap 'rm -rf "$work"' EXIT

# Words that a newcomer searches for: system calls, terms of the field and the
# API.
words='audit canary constructor core daemon
	dlclose double_free exec exit explain fork fragmentation
	guard guarded ksm madvise max_pools memfd memlock mlock munlock nodump
	on_fault on_low overflow privileges ptrace realloc rlimit seccomp
	setresuid stats swap thread underflow use_after_free verify wild_pointer
	wipe'

words_are_in_names() {
	result=0
	for word in $words; do
		set -- "$srcdir"/tests/*"$word"*.c
		test -e "$1" || { echo "$word"; result=1; }
	done
	return $result
}

# Print the functions, the constants and the fields of the configuration.
public_names() {
	header=$srcdir/include/secmalloc.h
	sed -n 's/^SECMALLOC_API .*[ *]\(sec[a-z_]*\)(.*/\1/p
		s/^#define \(SECMALLOC_[A-Z_]*\)  *[0-9].*/\1/p' "$header"
	sed -n '/^enum /,/^};/s/^	\(SECMALLOC_[A-Z_]*\).*/\1/p' "$header"
	sed -n '/^struct secmalloc_config {/,/^};/s/^	[a-z].*[ *(]\([a-z_]*\)\()(.*)\)\{0,1\}\(\[[0-9]*\]\)\{0,1\};.*/\1/p' \
		"$header"
}

# Print the rows of the table, with a colon between the columns. Public names
# are in backticks, other words are not.
rows() {
	sed -n '/^## Where to look/,/^## /s/^| \(.*\) | \(`.*\) |$/\1:\2/p' \
		"$srcdir/doc/TESTING.md"
}
names_in() {
	grep -o '`[^`]*`' | tr -d '`'
}

# Print the file of a suite and the headers of tests/ that it includes.
text_of() {
	for file in "$srcdir/tests/$1.c" "$srcdir/tests/$1.cc" \
		"$srcdir/tests/$1.sh"; do
		test -e "$file" || continue
		cat "$file"
		sed -n 's/^#include "\([a-z_]*\.h\)"$/\1/p' "$file" \
			| while read -r header; do
			test ! -e "$srcdir/tests/$header" \
				|| cat "$srcdir/tests/$header"
		done
	done
}

the_table_has_the_public_names() {
	rows | sed 's/:.*//' | names_in | sort > "$work/listed"
	public_names | sort > "$work/public"
	test -s "$work/public" && diff "$work/public" "$work/listed"
}

# Each suite of a row contains one of the row's names, and each name is in one
# of the suites.
suites_have_the_names() {
	rows > "$work/rows"
	result=0
	while IFS=: read -r names suites; do
		echo "$names" | names_in > "$work/names"
		: > "$work/all"
		for suite in $(echo "$suites" | names_in); do
			text_of "$suite" > "$work/text"
			cat "$work/text" >> "$work/all"
			if ! test -s "$work/text"; then
				echo "no suite: $suite"
				result=1
			elif test -s "$work/names" \
				&& ! grep -qwFf "$work/names" "$work/text"; then
				echo "$suite: none of $names"
				result=1
			fi
		done
		while read -r name; do
			grep -qwF "$name" "$work/all" \
				|| { echo "$name: not in $suites"; result=1; }
		done < "$work/names"
	done < "$work/rows"
	return $result
}

# listed_once [NAME]: make runs no suite twice, also with this one added. It would
# count the results of such a suite twice.
listed_once() {
	printf 'include Makefile\nlist: ; @printf "%%s\\n" $(TESTS) %s\n' \
		"${1:-}" \
		| MAKEFLAGS='' make -s -C "$BUILD_DIR" -f - list > "$work/list"
	sort "$work/list" | uniq -d > "$work/twice"
	cat "$work/twice"
	grep -q '^tests/source_suites' "$work/list" && test ! -s "$work/twice"
}
sees_a_suite_twice() {
	! listed_once tests/source_suites.sh \
		&& grep -qx tests/source_suites.sh "$work/twice"
}

# In a copy, one suite is missing, and one name of the table. One row names a
# suite that does not test what the row says, and another row a suite that does
# not exist.
sees_each_mistake() {
	mkdir -p "$work/tree/doc"
	cp -R "$srcdir/include" "$srcdir/tests" "$work/tree"
	chmod -R u+w "$work/tree"
	rm -f "$work/tree/tests/live_setresuid.c"
	sed 's/, `secmalloc_dontdump`//
		s/^| `secmalloc_daemon` |.*/| `secmalloc_daemon` | `unit_text` |/
		s/`leak_core`/`leak_nothing`/' \
		"$srcdir/doc/TESTING.md" > "$work/tree/doc/TESTING.md"
	(
		srcdir=$work/tree
		words_are_in_names
		the_table_has_the_public_names
		suites_have_the_names
	) > "$work/seen"
	cat > "$work/mistakes" << 'END'
setresuid
< secmalloc_dontdump
unit_text: none of `secmalloc_daemon`
secmalloc_daemon: not in `unit_text`
no suite: leak_nothing
END
	while read -r mistake; do
		grep -qxF "$mistake" "$work/seen" \
			|| { echo "not seen: $mistake"; return 1; }
	done < "$work/mistakes"
}

tap "each word that newcomers search for is in the name of a suite" \
	words_are_in_names
tap "the table of TESTING.md has each public name, and no other" \
	the_table_has_the_public_names
tap "the suites of the table exist, and contain the names" suites_have_the_names
tap "control: mistakes of each kind are detected" sees_each_mistake
tap "each suite is listed once" listed_once
tap "control: a suite that is listed twice is detected" sees_a_suite_twice
tap_done
