#!/bin/sh
# The drawings in doc/ are those of the tables in doc/PERFORMANCE.md, and
# bench/plot draws what bench/run has measured.
# SPDX-License-Identifier: ISC
. "${srcdir:-.}/tests/tap.sh"

make_work
trap 'rm -rf "$work"' EXIT
page=$srcdir/doc/PERFORMANCE.md

# The line below the drawings is the one that they have.
machine=$(sed -n 's/.*<text class="soft small" x="20"[^>]*>\(.*\)<.*/\1/p' \
	"$srcdir/doc/bench-pair.svg")
draws_the_same() {
	test -n "$machine" || return 1
	"$srcdir/bench/plot" "$1" "$work" "$machine" || return 1
	for question in pair replace threads space; do
		cmp "$work/bench-$question.svg" \
			"$srcdir/doc/bench-$question.svg" || return 1
	done
}
sees_a_change() {
	sed 's/^| 240 | 19.4 /| 240 | 91.4 /' "$page" > "$work/page.md"
	! draws_the_same "$work/page.md"
}
# Three rounds, of which the second is the median.
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

tap "the drawings are those of the tables" draws_the_same "$page"
tap "control: another figure is another drawing" sees_a_change
tap "results of a run are drawn, as medians" draws_results
tap_done
