#!/bin/sh
# The drawings in doc/ show the tables in doc/PERFORMANCE.md. bench/plot draws the
# results of bench/run, and bench/table.awk makes tables of them.
#
# SPDX-License-Identifier: ISC
. "${srcdir:-.}/tests/tap.sh"

make_work
trap 'rm -rf "$work"' EXIT
page=$srcdir/doc/PERFORMANCE.md

# The drawings have a line about the machine, which is passed on unchanged.
machine=$(sed -n 's/.*<text class="soft small" x="20"[^>]*>\(.*\)<.*/\1/p' \
	"$srcdir/doc/bench-pair.svg")
drawings() {
	for drawing in "$1"/bench-*.svg; do
		echo "${drawing##*/}"
	done
}
draws_the_same() {
	rm -f "$work"/*.svg
	test -n "$machine" || return 1
	"$srcdir/bench/plot" "$1" "$work" "$machine" || return 1
	drawings "$work" > "$work/drawn"
	drawings "$srcdir/doc" | diff - "$work/drawn" || return 1
	while read -r drawing; do
		cmp "$work/$drawing" "$srcdir/doc/$drawing" || return 1
	done < "$work/drawn"
}
sees_a_change() {
	sed 's/^| 240 | 19.4 /| 240 | 91.4 /' "$page" > "$work/page.md"
	! draws_the_same "$work/page.md"
}
# Three rounds. The value of the second is the median.
draws_results() {
	{
		for value in 30 20 10; do
			echo "pair,32,secmalloc,$value"
			echo "pair,64,secmalloc,100"
			echo "space,64-mixed,secmalloc,$value"
			echo "space,64-32,secmalloc,1276"
		done
	} > "$work/results.csv"
	rm -f "$work"/*.svg
	"$srcdir/bench/plot" "$work/results.csv" "$work" "a machine" || return 1
	test ! -e "$work/bench-threads.svg" || return 1
	grep -q '>20</text>' "$work/bench-space.svg" \
		&& ! grep -q 'NaN\|nan\|inf\|1276' "$work/bench-space.svg" \
		&& grep -q 'prefers-color-scheme:dark' "$work/bench-pair.svg"
}
# One table more, or one less, than there are drawings.
sees_a_table() {
	{
		cat "$page"
		printf '\n| live MiB | secmalloc |\n|---|---|\n| 1 | 2 |\n'
	} > "$work/more.md"
	sed 's/^| threads |/| |/' "$page" > "$work/less.md"
	! draws_the_same "$work/more.md" && ! draws_the_same "$work/less.md"
}
# Two rounds: one has an arena that is refused, the other one a larger chunk.
fails_and_succeeds() {
	cat > "$work/results.csv" <<-'END'
	arena,default,16 KiB,300
	arena,1,16 B,1234567
	arena,8,16 KiB,600
	arena,8,1 MiB,ENOMEM
	arena,64-full,16 KiB,7000
	grow-steps,4096-64-at-1,secmalloc,129
	grow-steps,4096-64-at-1,libc+wipe,0
	grow-steps,4096-64-ms,secmalloc,slow
	arena,default,16 KiB,ENOMEM
	arena,8,16 KiB,800
	arena,8,1 MiB,ENOMEM
	END
}
draws_what_succeeds() {
	fails_and_succeeds
	rm -f "$work"/*.svg
	"$srcdir/bench/plot" "$work/results.csv" "$work" "a machine" || return 1
	drawings "$work"
	for drawing in arena grow-steps; do
		grep '="-\|NaN\|ENOMEM\|slow\|full' \
			"$work/bench-$drawing.svg" && return 1
	done
	test "$(drawings "$work" | wc -l)" -eq 2 \
		&& grep '>16 KiB</text>' "$work/bench-arena.svg" \
		&& grep '>default</text>' "$work/bench-arena.svg" \
		&& grep '>10,000,000</text>' "$work/bench-arena.svg" \
		&& grep 'd="M[0-9 ]*M[0-9 ]*"' "$work/bench-arena.svg" \
		&& ! grep '>1 MiB</text>' "$work/bench-arena.svg" \
		&& grep '>secmalloc</text>' "$work/bench-grow-steps.svg" \
		&& ! grep 'libc' "$work/bench-grow-steps.svg"
}
tells_what_fails() {
	fails_and_succeeds
	awk -f "$srcdir/bench/table.awk" "$work/results.csv" > "$work/tables"
	cat "$work/tables"
	grep -qxF '| cell | 16 KiB | 16 B | 1 MiB |' "$work/tables" \
		&& grep -qxF '| default | 300 (300, 1 ENOMEM) | - | - |' "$work/tables" \
		&& grep -qxF '| 8 | 700 (600) | - | ENOMEM |' "$work/tables" \
		&& grep -q '^| 4096-64-ms | slow | - | - ' "$work/tables"
}
# Strings are compared with each other.
compares_strings() {
	printf '%s\n' pair,32,secmalloc,15 strings,40,std::string,50 \
		strings,40,secmem::string,90 > "$work/results.csv"
	awk -f "$srcdir/bench/table.awk" "$work/results.csv" > "$work/tables"
	cat "$work/tables"
	grep -q '^| cell | secmalloc | secmalloc /' "$work/tables" \
		&& grep -qxF '| 40 | 50 (50) | 90 (90) | 1.80 |' "$work/tables"
}

tap "the drawings show the tables of PERFORMANCE.md" draws_the_same "$page"
tap "control: another figure changes a drawing" sees_a_change
tap "control: a table or a drawing without the other is detected" sees_a_table
tap "the medians of a run's results are drawn" draws_results
tap "of runs that fail, what succeeded is drawn" draws_what_succeeds
tap "a table has a word for what failed" tells_what_fails
tap "a table compares strings with each other" compares_strings
tap_done
