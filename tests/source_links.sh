#!/bin/sh
# The files and headings that the documents link to exist. The README's figures
# are in doc/PERFORMANCE.md.
#
# SPDX-License-Identifier: ISC
. "${srcdir:-.}/tests/tap.sh"

make_work
trap 'rm -rf "$work"' EXIT

# pages DIR: print the pages of a tree.
pages() {
	find "$1" -maxdepth 2 -name '*.md' ! -path '*/build/*' | sort
}
# Print the targets of a page's links, except those on the web.
links() {
	sed '/^```/,/^```/d' "$1" | grep -o ']([^)]*)' | sed 's/^](//; s/)$//' \
		| grep -v '^https\{0,1\}:'
}
# Print the anchors that a renderer creates for a page's headings.
anchors() {
	sed -n 's/^##* //p' "$1" | tr '[:upper:]' '[:lower:]' \
		| sed "s/[^a-z0-9 _-]//g; s/ /-/g"
}
# Print each link without a target, as PAGE: LINK.
dead_links() {
	for page in $(pages "$1"); do
		for link in $(links "$page"); do
			file=${link%%#*} anchor=
			case $link in *'#'*) anchor=${link#*#} ;; esac
			target=$page
			test -z "$file" || target=${page%/*}/$file
			if [ ! -e "$target" ] || { [ -n "$anchor" ] \
				&& ! anchors "$target" | grep -qx -e "$anchor"; }
			then
				echo "${page#"$1/"}: $link"
			fi
		done
	done
}
# Print each number with a unit or after a colon in the README's section on
# speed that is not in doc/PERFORMANCE.md.
stray_figures() {
	sed -n '/^## How fast/,/^## /p' "$1" \
		| grep -oE '[0-9][0-9,.]*( ns|[;)])|: [0-9][0-9,.]*' \
		| grep -oE '[0-9][0-9,]*(\.[0-9]+)?' | sort -u > "$work/figures"
	test -s "$work/figures" || echo "no figures"
	while read -r figure; do
		grep -q -e "| $figure |" "$srcdir/doc/PERFORMANCE.md" \
			|| echo "$figure"
	done < "$work/figures"
}
none() {
	"$@" > "$work/found"
	cat "$work/found"
	test ! -s "$work/found"
}
# Create a tree with one mistake of each kind.
sees_mistakes() {
	mkdir -p "$work/tree/doc"
	cat > "$work/tree/README.md" <<-'END'
	# One heading
	[good](doc/page.md#a-part-of-it) [bad](doc/none.md)
	## How fast it is
	It takes 12345 ns.
	END
	cat > "$work/tree/doc/page.md" <<-'END'
	## A part, of it
	[good](../README.md) [bad](#another)
	END
	dead_links "$work/tree" > "$work/dead"
	cat "$work/dead"
	test "$(wc -l < "$work/dead")" -eq 2 \
		&& test "$(stray_figures "$work/tree/README.md")" = 12345
}

tap "each link has a target" none dead_links "$srcdir"
tap "the README's figures are in PERFORMANCE.md" none stray_figures \
	"$srcdir/README.md"
tap "control: mistakes of each kind are detected" sees_mistakes
tap_done
