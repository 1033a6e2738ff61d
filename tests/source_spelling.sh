#!/bin/sh
# codespell finds no misspelling in the files of the tree.
#
# SPDX-License-Identifier: ISC
. "${srcdir:-.}/tests/tap.sh"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

command -v codespell > /dev/null || tap_skip_all "codespell is not installed"

# is_spelt_well DIRECTORY LIST: codespell accepts the files of the list, with
# the .codespellrc of the directory.
is_spelt_well() {
	(cd "$1" && test -s "$2" && xargs codespell < "$2")
}
sees_a_misspelling() {
	mkdir "$work/tree" && cp "$srcdir/.codespellrc" "$work/tree" || return 1
	# The words are in two parts, so that this file does not contain the
	# misspelling.
	echo "Memory is al""located here." > "$work/tree/good.md"
	echo "Memory is al""ocated here." > "$work/tree/bad.md"
	printf 'good.md\nbad.md\n' > "$work/both"
	! is_spelt_well "$work/tree" "$work/both" > "$work/found" \
		&& grep '^bad\.md:1: ' "$work/found" \
		&& test "$(wc -l < "$work/found")" -eq 1
}

list_tree "$work/files"
tap "no file has a misspelling" is_spelt_well "$srcdir" "$work/files"
tap "control: a misspelling is detected" sees_a_misspelling
tap_done
