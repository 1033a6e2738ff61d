#!/bin/sh
# secmalloc_messages(7) and secmalloc_explain(3) quote what the library says:
# all of it, and nothing else. What is compared are the words between figures,
# which stand as %zu and the like in the sources, and in the pages as N, S and
# other words of capitals, as figures, or as dots.
# SPDX-License-Identifier: ISC
. "${srcdir:-.}/tests/tap.sh"

make_work
trap 'rm -rf "$work"' EXIT
page=$srcdir/doc/secmalloc_messages.7
explain=$srcdir/doc/secmalloc_explain.3

# The string literals of C files, one a line; adjacent ones are one.
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
# The words between figures: of literals, and of what a page quotes.
parts_of_literals() {
	sed -e 's/\\n//g' -e 's/%zu\|%[spd]\|\<[0-9]\+\>/\n/g' "$@" | tidy
}
parts_of_quotes() {
	sed -e 's/\\&//g' -e 's/\.\.\./\n/g' -e 's/\<[0-9][0-9a-fx]*\>/\n/g' \
		-e 's/\<\(N\|S\|CALL\|ADDRESS\|WORDS\|FIELD\|STEP\)\>/\n/g' \
		-e 's/\<\(STATE\|REMEDY\|KIND\|LIMITS\|INVARIANT\)\>/\n/g' "$@" | tidy
}
# Two words at least: less is no message.
tidy() {
	sed -e 's/^[ :,()]*//' -e 's/[ :,()]*$//' | grep ' ' | sort -u
}
# The text of a page, on one line; and what its lists have as Sy, one a line.
text_of() {
	sed -e 's/^\.[A-Z][a-z] //' -e 's/\\&//g' -e 's/\\$//' "$1" \
		| tr '\n' ' ' | tr -s ' '
}
quotes_of() {
	awk '/\\$/ { line = line substr($0, 1, length($0) - 1); next }
	{ $0 = line $0; line = "" }
	sub(/^\.It Sy "/, "") && sub(/"$/, "")' "$1"
}
# Each line of a file is somewhere in another.
each_is_in() {
	result=0
	test -s "$1" || return 1
	while IFS= read -r part; do
		grep -qF -- "$part" "$2" || { echo "$part"; result=1; }
	done < "$1"
	return $result
}

# All that may reach a user but what other pages have: the findings of verify,
# and what an address is; paths, and the audit's invariants. The pages are about
# Linux.
said() {
	for file in "$srcdir"/lib/*/*.c; do
		case ${file#"$srcdir"/lib/} in
		arena/explain.c | report/verdict.c | verify/*) ;;
		os/linux_words.c)
			sed '/^const struct smi_words/,/^};/d' "$file" \
				> "$work/words.c"
			literals "$work/words.c"
			;;
		os/posix.c) literals "$file" ;;
		os/*) ;;
		*) literals "$file" ;;
		esac
	done | grep -v '^[A-Z][0-9]: \|^/'
}

said > "$work/said"
# Some are added to others: also one after the other.
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
# What secmalloc_verify(3) has for examples: each is one of the findings.
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

tap "what the page quotes is in the sources" quotes_are_said
tap "what the library says is in the page" \
	each_is_in "$work/said_parts" "$work/text"
tap "what an address is called is in its page, and nothing else" \
	addresses_agree
tap "the examples of findings are findings" verify_examples_are_said
tap "control: a line that is said otherwise now is found" \
	sees_a_line_that_drifted
tap "control: a line that is not in the page is found" sees_a_line_that_is_new
tap_done
