#!/bin/sh
# The drawings in doc/ show the tables in doc/PERFORMANCE.md, and bench/plot
# draws the results of bench/run.
#
# SPDX-License-Identifier: ISC
. "${srcdir:-.}/tests/tap.sh"

make_work
trap 'rm -rf "$work"' EXIT
page=$srcdir/doc/PERFORMANCE.md

# The drawings have a line about the machine, which is passed on unchanged.
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

tap "the drawings show the tables of PERFORMANCE.md" draws_the_same "$page"
tap "control: another figure changes a drawing" sees_a_change
tap "the medians of a run's results are drawn" draws_results
tap_done
