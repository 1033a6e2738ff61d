#!/bin/sh
# The manual pages are valid mdoc, and document every function, field and
# constant of the header.
#
# SPDX-License-Identifier: ISC
. "${srcdir:-.}/tests/tap.sh"

make_work
trap 'rm -rf "$work"' EXIT
MANDOC=${MANDOC:-mandoc}

# Findings about pages that this machine lacks are ignored. mandoc writes its
# messages about the machine's index of pages to standard error.
is_clean() {
	$MANDOC -T lint -W style "$@" 2> /dev/null \
		| grep -v 'referenced manual not found' > "$work/lint"
	cat "$work/lint"
	test ! -s "$work/lint"
}
names_agree() {
	header_names > "$work/header"
	"$srcdir/tools/manual-names" "$srcdir"/doc/*.3 | sed 's/ .*//' \
		| grep -v '\.hpp$' | sort > "$work/pages"
	diff "$work/header" "$work/pages"
}
map_agrees() {
	map_names "$srcdir/lib/secmalloc.map" | sed 's/@.*//' | sort \
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


# ---- Fields and constants -------------------------------------------------

# undocumented TREE: print what the tree's pages have no entry for. The entry of
# a field is in the page of a function that takes the structure. The entry of a
# constant is in one page of section 3, together with all constants that have
# the same prefix.
undocumented() {
	"$srcdir/tools/abi" declared "$1" > "$work/declared"
	awk '
	FNR == 1 { page = FILENAME; pages[page] }
	page ~ /\.3$/ && /^\.Fn .*struct / {
		sub(/.*struct /, "")
		takes[page, $1]
	}
	page ~ /\.3$/ && /^\.It (Va|Dv) / {
		sub(/^\.It /, "")
		gsub(/"/, "")
		entry[page, $0]
	}
	page ~ /\.3$/ || NF == 2 { next }
	NF == 1 {
		count = 0
		prefix = $1
		sub(/_[A-Z0-9]*$/, "", prefix)
		for (page_of in pages)
			if ((page_of, "Dv " $1) in entry) {
				count++
				where = page_of
			}
		if (count != 1)
			print $1 ": has " count " entries"
		else if (prefix in home && home[prefix] != where)
			print $1 ": is not with the others in " home[prefix]
		else if (prefix != "SECMALLOC")
			home[prefix] = where
		next
	}
	{
		found = 0
		declaration = substr($0, length($1 " " $2) + 2)
		for (page_of in pages)
			if ((page_of, $1) in takes &&
			    ((page_of, "Va " $2) in entry ||
			    (page_of, "Va " declaration) in entry))
				found = 1
		if (!found)
			print $1 "." $2 ": has no entry"
	}' "$1"/doc/*.3 "$work/declared"
}
documents_all() {
	undocumented "$1" > "$work/undocumented" || return 1
	cat "$work/undocumented"
	test -s "$work/declared" && test ! -s "$work/undocumented"
}
# mutant SED [PAGE LINE]: create a copy with a changed header and one more line
# in a page.
mutant() {
	rm -rf "$work/tree"
	mkdir -p "$work/tree/include" "$work/tree/doc" || return 1
	sed "$1" "$srcdir/include/secmalloc.h" \
		> "$work/tree/include/secmalloc.h" || return 1
	! cmp -s "$srcdir/include/secmalloc.h" \
		"$work/tree/include/secmalloc.h" || return 1
	cp "$srcdir"/doc/*.3 "$work/tree/doc" && chmod u+w "$work"/tree/doc/* \
		|| return 1
	test $# -eq 1 || echo "$3" >> "$work/tree/doc/$2"
}
# lacks NAME MUTANT...: NAME, which the mutant adds, is all that has no entry.
lacks() {
	name=$1
	shift
	mutant "$@" && undocumented "$work/tree" > "$work/undocumented" \
		|| return 1
	cat "$work/undocumented"
	test "$(sed 's/: .*//' "$work/undocumented")" = "$name"
}
is_documented() {
	mutant "$@" && documents_all "$work/tree"
}
field='s/uint64_t reserved\[/uint64_t mutant; &/'
constant='s/^#define SECMALLOC_VERIFY_SECRET .*/&\
#define SECMALLOC_VERIFY_MUTANT (1u << 9)/'
enumerator='s/SECMALLOC_READONLY,/SECMALLOC_MUTANT,\
	&/'

if $MANDOC -T lint /dev/null > /dev/null 2>&1; [ $? -le 6 ]; then
	tap "the manual pages are valid mdoc" is_clean "$srcdir"/doc/*.[37]
	tap "control: an error in a page is detected" sees_an_error
else
	tap_skip "the manual pages are valid mdoc" "mandoc is not installed"
fi
tap "the secmalloc pages that are referred to exist" references_exist
tap "every function is in exactly one NAME section" names_agree
tap "the functions in the NAME sections are those of the version script" \
	map_agrees
tap "control: a function missing from NAME is detected" sees_a_missing_name
tap "every function is in a SYNOPSIS" prototypes_agree

tap "every field and constant has an entry in its page" documents_all "$srcdir"
tap "control: a field without an entry is detected" \
	lacks secmalloc_stats.mutant "$field"
tap "control: a field that is only mentioned is detected" \
	lacks secmalloc_stats.mutant \
	"$field" secmalloc_stats.3 '.Va mutant'
tap "control: a field with its entry in another page is detected" \
	lacks secmalloc_stats.mutant \
	"$field" secmalloc_init.3 '.It Va mutant'
tap "a new field with its entry is accepted" is_documented \
	"$field" secmalloc_stats.3 '.It Va mutant'
tap "control: a constant without an entry is detected" \
	lacks SECMALLOC_VERIFY_MUTANT "$constant"
tap "control: a constant that is not with the others is detected" \
	lacks SECMALLOC_VERIFY_MUTANT \
	"$constant" secmalloc_init.3 '.It Dv SECMALLOC_VERIFY_MUTANT'
tap "a new constant with its entry is accepted" is_documented \
	"$constant" secmalloc_verify.3 '.It Dv SECMALLOC_VERIFY_MUTANT'
tap "control: an enumerator without an entry is detected" \
	lacks SECMALLOC_MUTANT "$enumerator"
tap_done
