#!/bin/sh
# clang-tidy finds no defect in lib/. `make tidy` runs this suite, and then the
# static analyzer too, which takes longer, on all programs.
# SPDX-License-Identifier: ISC
. "${srcdir:-.}/tests/tap.sh"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

check_tidy() { BUILD_DIR=$BUILD_DIR "$srcdir/tools/check-tidy" "$@"; }

# finds CHECK FILE FLAG...: the check reports the file, and no other check does.
finds() {
	check=$1 file=$2
	shift 2
	check_tidy "$@" "$work/lib/base/use.c" > "$work/found"
	test $? -eq 1 || return 1
	cat "$work/found"
	test "$(sed -n 's/^[^ ]*\/\([^/ ]*\):[0-9]*:[0-9]*: error: .* \[\([^],]*\).*/\1 \2/p' \
		"$work/found")" = "$file $check"
}

reason=$(check_tidy) || tap_skip_all "$reason"
# shellcheck disable=SC2046 # names have no blanks
tap "lib/ has no defect" check_tidy -q $(find "$srcdir/lib" -name '*.c')

mkdir -p "$work/lib/base"
cp "$srcdir/.clang-tidy" "$work"
echo '#include "use.h"' > "$work/lib/base/use.c"
echo '#define TWICE(x) (x * 2)' > "$work/lib/base/use.h"
tap "control: a defect in a header is found" \
	finds bugprone-macro-parentheses use.h -q
echo 'int same(int a); int same(int a) { return a == a; }' \
	> "$work/lib/base/use.c"
tap "control: so is one in a C file" finds misc-redundant-expression use.c -q
echo 'int get(int a); int get(int a) { int *p = 0; return a ? *p : 0; }' \
	> "$work/lib/base/use.c"
tap "control: the analyzer finds what the other checks miss" \
	finds clang-analyzer-core.NullDereference use.c
tap_done
