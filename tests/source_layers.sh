#!/bin/sh
# lib/ is as doc/ARCHITECTURE.md has it: the layer rule, the invariants by number;
# and that these checks can fail.
# SPDX-License-Identifier: ISC
. "${srcdir:-.}/tests/tap.sh"

copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT

# A copy of the sources with one line added to one file.
broken() {
	rm -rf "${copy:?}"/*
	mkdir "$copy/lib" "$copy/doc"
	cp "$srcdir"/lib/*.[ch] "$copy/lib"
	cp "$srcdir/doc/ARCHITECTURE.md" "$copy/doc"
	chmod -R u+w "$copy"
	echo "$2" >> "$copy/lib/$1"
	! "$srcdir/tools/check-layers" "$copy"
}

# The invariants in the page are those of the headers, word by word.
invariants_agree() {
	"$srcdir/tools/list-invariants" "$1" > "$copy/headers"
	grep '^\* \*\*[A-Z][0-9]' "$srcdir/doc/ARCHITECTURE.md" > "$copy/page"
	test -s "$copy/page" && diff "$copy/page" "$copy/headers"
}
# What an audit finds, and what a comment cites, is an invariant that there is.
numbers_exist() {
	grep -ho '\<[ABGKMPRSTV][0-9]\>' "$1"/lib/*.[ch] | sort -u > "$copy/cited"
	"$srcdir/tools/list-invariants" "$srcdir" \
		| sed 's/^\* \*\*\([A-Z][0-9]*\)\*\*.*/\1/' | sort > "$copy/known"
	test -z "$(uniq -d "$copy/known")" || return 1
	comm -23 "$copy/cited" "$copy/known" > "$copy/unknown"
	cat "$copy/unknown"
	test ! -s "$copy/unknown"
}
sees_another_wording() {
	broken buddy.h '' > /dev/null
	sed -i 's/No two free blocks are buddies/Free blocks are no buddies/' \
		"$copy/lib/buddy.h"
	invariants_agree "$copy" | grep -q '^< .*\*\*B2\*\*'
}
sees_a_number_of_none() {
	broken buddy.c '/* B9 */' > /dev/null
	numbers_exist "$copy" | grep -q B9
}

tap "lib/ keeps the layer rule" "$srcdir/tools/check-layers" "$srcdir"
tap "an include upward is found" broken buddy.c '#include "slab.h"'
tap "an include of an equal is found" broken audit.c '#include "plan.h"'
tap "a module without a layer is found" broken new.c ''
tap "a kernel header in the wrong place is found" \
	broken slab.c '#include <sys/mman.h>'
tap "the invariants are those of the headers" invariants_agree "$srcdir"
tap "control: an invariant that is worded otherwise is found" \
	sees_another_wording
tap "an invariant that is cited is one" numbers_exist "$srcdir"
tap "control: a number that is none is found" sees_a_number_of_none
tap_done
