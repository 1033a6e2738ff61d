#!/bin/sh
# Each file of the tree has the form that .editorconfig tells editors to write.
#
# SPDX-License-Identifier: ISC
. "${srcdir:-.}/tests/tap.sh"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
top=$(cd "$srcdir" && pwd)
tab=$(printf '\t')

command -v editorconfig > /dev/null \
	|| tap_skip_all "editorconfig is not installed"

# wrong DIRECTORY LIST: print which of the files of the list contradict
# .editorconfig.
wrong() {
	(
		cd "$1" || exit 1
		sed "s,^,$1/," "$2" | xargs editorconfig /dev/null | awk '
			/^\[/ { file = substr($0, 2, length($0) - 2); next }
			NF { print file > ("'"$work"'/is_" $0); kinds[$0] }
			END { for (kind in kinds) print kind }' \
			> "$work/properties"
		while read -r property; do
			contradicting "$property" < "$work/is_$property" \
				| sed "s,^$1/\(.*\),\1: $property,"
			rm "$work/is_$property"
		done < "$work/properties"
	)
}
contradicting() {
	case $1 in
	charset=utf-8) LC_ALL=C.UTF-8 xargs grep -laxv '.*' ;;
	end_of_line=lf) xargs grep -l "$(printf '\r')" ;;
	insert_final_newline=true)
		while read -r file; do
			test -z "$(tail -c 1 "$file")" || echo "$file"
		done
		;;
	trim_trailing_whitespace=true) xargs grep -l "[ $tab]\$" ;;
	# Spaces for alignment may follow the tabs.
	indent_style=tab) xargs grep -l "^$tab* $tab" ;;
	indent_style=space) xargs grep -l "^ *$tab" ;;
	indent_size=* | tab_width=*) ;;
	*) sed 's/$/ (unknown)/' ;;
	esac
}

all_obey() {
	wrong "$top" "$work/files" > "$work/found"
	cat "$work/found"
	test -s "$work/files" && test -s "$work/properties" \
		&& test ! -s "$work/found"
}

# sees WHAT FILE FORMAT: a file with these bytes is reported for that property.
sees() {
	mkdir -p "$work/tree" && cp "$top/.editorconfig" "$work/tree" || return 1
	# shellcheck disable=SC2059 # it is a format
	printf "$3" > "$work/tree/$2"
	echo "$2" > "$work/one"
	wrong "$work/tree" "$work/one" > "$work/found"
	echo "$2: $1" | diff - "$work/found"
}

list_tree "$work/files"
tap "each file has the form that .editorconfig describes" all_obey
tap "control: bytes that are not UTF-8 are detected" \
	sees charset=utf-8 x.md '\344\n'
tap "control: a carriage return is detected" sees end_of_line=lf x.md 'a\r\n'
tap "control: a missing newline at the end is detected" \
	sees insert_final_newline=true x.md 'a'
tap "control: a blank at the end of a line is detected" \
	sees trim_trailing_whitespace=true x.md 'a \n'
tap "control: a space before a tab is detected" \
	sees indent_style=tab x.c '\t \tint a;\n'
tap "control: a tab instead of spaces is detected" \
	sees indent_style=space x.m4 '\tfi\n'
tap_done
