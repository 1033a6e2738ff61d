#!/bin/sh
# The manual pages are clean mdoc, and name every function that there is.
# SPDX-License-Identifier: ISC
. "${srcdir:-.}/tests/tap.sh"

make_work
trap 'rm -rf "$work"' EXIT
MANDOC=${MANDOC:-mandoc}

# Which pages of others this machine has says nothing of ours; what mandoc thinks
# of the machine's index of pages goes to its standard error.
is_clean() {
	$MANDOC -T lint -W style "$@" 2> /dev/null \
		| grep -v 'referenced manual not found' > "$work/lint"
	cat "$work/lint"
	test ! -s "$work/lint"
}
names_agree() {
	header_names > "$work/header"
	"$srcdir/tools/manual-names" "$srcdir"/doc/*.3 | sed 's/ .*//' | sort \
		> "$work/pages"
	diff "$work/header" "$work/pages"
}
map_agrees() {
	sed -n 's/^\t\([a-z_]*\);$/\1/p' "$srcdir/lib/secmalloc.map" | sort \
		| diff - "$work/pages"
}
sees_a_missing_name() {
	sed '/^\.Nm secfree/d' "$srcdir/doc/secmalloc.3" > "$work/secmalloc.3"
	"$srcdir/tools/manual-names" "$work/secmalloc.3" "$srcdir"/doc/*_*.3 \
		| sed 's/ .*//' | sort > "$work/fewer"
	test "$(comm -23 "$work/header" "$work/fewer")" = secfree
}
prototypes_agree() {
	sed -n '/^\.Sh SYNOPSIS/,/^\.Sh DESC/s/^\.F[no] \(sec[a-z_]*\).*/\1/p' \
		"$srcdir"/doc/*.3 | sort -u > "$work/synopsis"
	header_names | diff - "$work/synopsis"
}
references_exist() {
	sed -n 's/^\.Xr \(secmalloc[a-z_]*\) \([0-9]\).*/\1.\2/p' \
		"$srcdir"/doc/*.[37] | sort -u > "$work/references"
	while read -r page; do
		test -f "$srcdir/doc/$page" || { echo "$page"; return 1; }
	done < "$work/references"
}
sees_an_error() {
	printf '.Dd today\n.Dt X 3\n.Os\n.Sh NAME\n.Fn\n' > "$work/bad.3"
	! is_clean "$work/bad.3"
}

if $MANDOC -T lint /dev/null > /dev/null 2>&1; [ $? -le 6 ]; then
	tap "the pages are clean" is_clean "$srcdir"/doc/*.[37]
	tap "control: a page that is not is found" sees_an_error
else
	tap_skip "the pages are clean" "no mandoc"
fi
tap "pages of ours that are referred to exist" references_exist
tap "every function is in one NAME section" names_agree
tap "and they are those of the version script" map_agrees
tap "control: one that is missing is found" sees_a_missing_name
tap "and in a SYNOPSIS" prototypes_agree
tap_done
