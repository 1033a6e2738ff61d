#!/bin/sh
# secmalloc_messages(7) and secmalloc_explain(3) quote everything that the
# library says, and nothing else. The words between the figures are compared. In
# the sources, figures are conversions such as %zu. In the pages, they are N, S
# or other words in capitals, digits, or dots.
#
# SPDX-License-Identifier: ISC
. "${srcdir:-.}/tests/tap.sh"

make_work
trap 'rm -rf "$work"' EXIT
page=$srcdir/doc/secmalloc_messages.7
explain=$srcdir/doc/secmalloc_explain.3

# Print the string literals of C files, one per line. Adjacent literals are
# joined.
literals() {
	awk '
	function end() { if (held != "") print held; held = "" }
	FNR == 1 { end(); comment = 0 }
	/^[ \t]*#/ { next }
	/^_Static_assert/ { skip = 1 }
	skip { skip = !/;$/; next }
	{
		line = $0
		while (line != "") {
			if (comment) {
				if (!match(line, /\*\//))
					next
				line = substr(line, RSTART + 2)
				comment = 0
			} else if (match(line, /^[ \t]+/)) {
				line = substr(line, RLENGTH + 1)
			} else if (line ~ /^\/\*/) {
				line = substr(line, 3)
				comment = 1
			} else if (match(line, /^"([^"\\]|\\.)*"/)) {
				held = held substr(line, 2, RLENGTH - 2)
				line = substr(line, RLENGTH + 1)
			} else {
				end()
				sub(/^\047(\\.|[^\047])\047|^./, "", line)
			}
		}
	}
	END { end() }' "$@"
}
# Print the words between figures, of literals and of quotes in a page.
parts_of_literals() {
	sed -e 's/\\n//g' -e 's/%zu\|%[spd]\|\<[0-9]\+\>/\n/g' "$@" | tidy
}
parts_of_quotes() {
	sed -e 's/\\&//g' -e 's/\.\.\./\n/g' -e 's/\<[0-9][0-9a-fx]*\>/\n/g' \
		-e 's/\<\(N\|S\|CALL\|ADDRESS\|WORDS\|FIELD\|STEP\|ELSEWHERE\)\>/\n/g' \
		-e 's/\<\(STATE\|REMEDY\|KIND\|LIMITS\|INVARIANT\|USE\)\>/\n/g' "$@" | tidy
}
# A message has at least two words.
tidy() {
	sed -e 's/^[ :,()]*//' -e 's/[ :,()]*$//' | grep ' ' | sort -u
}
# text_of prints the text of a page on one line. quotes_of prints each Sy item
# of its lists on a line.
text_of() {
	sed -e 's/^\.[A-Z][a-z] //' -e 's/\\&//g' -e 's/\\$//' "$1" \
		| tr '\n' ' ' | tr -s ' '
}
quotes_of() {
	awk '/\\$/ { line = line substr($0, 1, length($0) - 1); next }
	{ $0 = line $0; line = "" }
	sub(/^\.It Sy "/, "") && sub(/"$/, "")' "$1"
}
# each_is_in FILE OTHER: each line of a file occurs in the other file.
each_is_in() {
	result=0
	test -s "$1" || return 1
	while IFS= read -r part; do
		grep -qF -- "$part" "$2" || { echo "$part"; result=1; }
	done < "$1"
	return $result
}

# Print everything that may reach a user, except what other pages document: the
# findings of verify and the explanations of addresses. Paths and the audit's
# invariants are left out too. The pages are about Linux.
said() {
	for file in "$srcdir"/lib/*/*.c; do
		case ${file#"$srcdir"/lib/} in
		arena/explain.c | report/verdict.c | verify/*) ;;
		os/linux_words.c)
			sed '/^const struct smi_words/,/^};/d' "$file" \
				> "$work/words.c"
			literals "$work/words.c"
			;;
		os/linux_shortage.c | os/posix.c) literals "$file" ;;
		os/*) ;;
		*) literals "$file" ;;
		esac
	done | grep -v '^[A-Z][0-9]: \|^/'
}

said > "$work/said"
# Literals may be appended to each other at run time, so search them joined,
# too.
literals "$srcdir"/lib/*/*.c > "$work/lines"
{ cat "$work/lines"; tr -d '\n' < "$work/lines"; } > "$work/literals"
parts_of_literals "$work/said" > "$work/said_parts"
quotes_of "$page" > "$work/quotes"
parts_of_quotes "$work/quotes" > "$work/quoted_parts"
{ text_of "$page"; text_of "$explain"; } > "$work/text"

quotes_are_said() {
	test "$(wc -l < "$work/quotes")" -gt 60 || return 1
	each_is_in "$work/quoted_parts" "$work/literals"
}
addresses_agree() {
	literals "$srcdir"/lib/arena/explain.c "$srcdir"/lib/process/fault_handler.c \
		| grep -v '^secmalloc: ' > "$work/explained"
	parts_of_literals "$work/explained" > "$work/explained_parts"
	text_of "$explain" > "$work/explain_text"
	each_is_in "$work/explained_parts" "$work/explain_text" || return 1
	sed -n 's/^\.It \([a-z0-9].*\)/\1/p' "$explain" \
		| sed -e 's/ , /\n/g' -e 's/, pool [0-9]*$//' \
		| parts_of_quotes > "$work/tags"
	test "$(wc -l < "$work/tags")" -gt 8 || return 1
	each_is_in "$work/tags" "$work/literals"
}
# Each example in secmalloc_verify(3) is one of the findings.
verify_examples_are_said() {
	sed -n '/^pool 3 is not locked/,/^\.Ed/p' \
		"$srcdir/doc/secmalloc_verify.3" | grep -v '^\.Ed' \
		| awk '/^ / { sub(/^ +/, ""); line = line " " $0; next }
			{ if (line != "") print line; line = $0 }
			END { print line }' > "$work/examples"
	test "$(wc -l < "$work/examples")" -ge 5 || return 1
	literals "$srcdir"/lib/verify/*.c | grep '[a-z]* [a-z]* [a-z]* [a-z]' \
		| sed -e 's|[]*^$.[]|\\&|g' -e 's/%zu\|%s\|%d/.*/g' \
			-e 's/$/$/' > "$work/patterns"
	while IFS= read -r example; do
		printf '%s\n' "$example" | grep -qf "$work/patterns" \
			|| { echo "$example"; return 1; }
	done < "$work/examples"
	! echo "pool 3 is not there: look for it" | grep -qf "$work/patterns"
}
sees_a_line_that_drifted() {
	sed 's/overflow: write to byte N past/overflow: write at byte N past/' \
		"$work/quotes" > "$work/drifted"
	parts_of_quotes "$work/drifted" > "$work/parts"
	each_is_in "$work/parts" "$work/literals" > "$work/missing"
	test "$(cat "$work/missing")" = "overflow: write at byte"
}
sees_a_line_that_is_new() {
	printf 'f(\n"%%s: the moon "\n"is %%zu miles off", "x");\n' \
		> "$work/new.c"
	literals "$work/new.c" | parts_of_literals > "$work/parts"
	each_is_in "$work/parts" "$work/text" > "$work/missing"
	printf 'miles off\nthe moon is\n' | diff - "$work/missing"
}

tap "each quote in the page is in the sources" quotes_are_said
tap "each message of the library is in the page" \
	each_is_in "$work/said_parts" "$work/text"
tap "secmalloc_explain(3) quotes each explanation, and nothing else" \
	addresses_agree
tap "the examples in secmalloc_verify(3) are findings" verify_examples_are_said
tap "control: a quote with other words is detected" \
	sees_a_line_that_drifted
tap "control: a message that the page does not have is detected" \
	sees_a_line_that_is_new
tap_done
