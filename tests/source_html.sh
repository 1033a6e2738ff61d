#!/bin/sh
# The manual as HTML has every page, an index with every function, and no broken
# link.
#
# SPDX-License-Identifier: ISC
. "${srcdir:-.}/tests/tap.sh"

MANDOC=${MANDOC:-mandoc}
"$MANDOC" -T html /dev/null > /dev/null 2>&1 \
	|| tap_skip_all "mandoc is not installed"
make_work
trap 'rm -rf "$work"' EXIT
html=$work/html

make_it() {
	MANDOC=$MANDOC "$srcdir/tools/manual-html" "$html" "$srcdir"/doc/*.[37]
}
every_page_is_there() {
	for page in "$srcdir"/doc/*.[37]; do
		grep -q '</html>' "$html/${page##*/}.html" || return 1
	done
}
every_function_is_in_the_index() {
	header_names > "$work/names"
	test -s "$work/names" || return 1
	while read -r name; do
		grep -q ">$name(3)</a>" "$html/index.html" \
			|| { echo "$name"; return 1; }
	done < "$work/names"
}
# Print FILE LINK for each link of the pages and their style sheet.
links() {
	for file in "$1"/*.html; do
		grep -o 'href="[^"]*"' "$file" | sed 's/^href="//; s/"$//' \
			| sort -u | sed "s|^|$file |"
	done
}
# Each link leads to an existing file, and to an id that exists in that file.
resolve() {
	links "$1" > "$work/links"
	test -s "$work/links" || return 1
	result=0
	while read -r from link; do
		file=${link%%#*}
		file=${file:+$1/$file}
		file=${file:-$from}
		test -f "$file" || { echo "$from: $link"; result=1; continue; }
		case $link in
		*#*) grep -qF "id=\"${link#*#}\"" "$file" \
			|| { echo "$from: $link"; result=1; } ;;
		esac
	done < "$work/links"
	return $result
}
refers_to_others() {
	grep -q 'fork(2)' "$html/secmalloc.7.html" \
		&& grep -q 'href="secmalloc_init.3.html"' "$html/secmalloc.7.html"
}
sees_a_broken_link() {
	cp -R "$html" "$work/broken"
	rm "$work/broken/secmalloc_stats.3.html"
	resolve "$work/broken" | grep -q 'secmalloc_stats.3.html$'
}
sees_a_broken_anchor() {
	sed 's/id="FORK"/id="KNIFE"/' "$html/secmalloc.7.html" \
		> "$work/anchor"
	rm -rf "$work/broken"
	cp -R "$html" "$work/broken"
	cp "$work/anchor" "$work/broken/secmalloc.7.html"
	resolve "$work/broken" | grep -q '#FORK$'
}
fails_without_mandoc() {
	! MANDOC=/nowhere "$srcdir/tools/manual-html" "$work/none" \
		"$srcdir"/doc/*.[37]
}
make_html_makes_it() {
	MAKEFLAGS='' make -C "$BUILD_DIR" install-html DESTDIR="$work/stage" \
		MANDOC="$MANDOC" || return 1
	found=$(find "$work/stage" -name index.html)
	test -n "$found" && resolve "${found%/*}"
}

tap "tools/manual-html succeeds" make_it
tap "every page of the manual is converted" every_page_is_there
tap "every function is in the index" every_function_is_in_the_index
tap "every link has a target" resolve "$html"
tap "pages of other manuals are named, and ours are linked" refers_to_others
tap "control: a link to a missing page is detected" sees_a_broken_link
tap "control: a link to a missing id is detected" sees_a_broken_anchor
tap "without mandoc tools/manual-html fails" fails_without_mandoc
missing=$(why_no_install)
if [ -z "$missing" ]; then
	tap "make install-html installs the pages" make_html_makes_it
else
	tap_skip "make install-html installs the pages" "$missing"
fi
tap_done
