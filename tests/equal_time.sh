#!/bin/sh
# secmalloc_equal() takes a time that depends on the size alone: no branch and
# no address in it depends on what it compares.
# SPDX-License-Identifier: ISC
. "${srcdir:-.}/tests/tap.sh"

VALGRIND=${VALGRIND:-valgrind}
program=$BUILD_DIR/tests/equal_branches
is_sanitized && tap_skip_all "sanitizers and valgrind do not go together"
test -x "$program" || tap_skip_all "no valgrind/memcheck.h when it was built"
"$VALGRIND" --version > /dev/null 2>&1 || tap_skip_all "no valgrind"

# Without its debugging information, which may be newer than valgrind.
make_work_to_run
trap 'rm -rf "$work"' EXIT
strip -o "$work/program" "$program" || tap_skip_all "no strip"

runs_clean() {
	"$VALGRIND" -q --error-exitcode=9 "$work/program" "$@"
}
is_reported() {
	runs_clean control
	test $? -eq 9
}

tap "control: a comparison that stops early is reported" is_reported
tap "secmalloc_equal() has no branch on what it compares" runs_clean
tap_done
