#!/bin/sh
# The time that secmalloc_equal() takes depends on the size alone. No branch and
# no address in it depends on the bytes that it compares.
#
# SPDX-License-Identifier: ISC
. "${srcdir:-.}/tests/tap.sh"

VALGRIND=${VALGRIND:-valgrind}
program=$BUILD_DIR/tests/equal_branches
is_sanitized \
	&& tap_skip_all "valgrind cannot run a program built with sanitizers"
test -x "$program" \
	|| tap_skip_all "valgrind/memcheck.h was absent at build time"
"$VALGRIND" --version > /dev/null 2>&1 \
	|| tap_skip_all "valgrind is not installed"

# Strip the debugging information, whose format may be too new for valgrind.
make_work_to_run
trap 'rm -rf "$work"' EXIT
strip -o "$work/program" "$program" \
	|| tap_skip_all "strip does not work on this program"

runs_clean() {
	"$VALGRIND" -q --error-exitcode=9 "$work/program" "$@"
}
is_reported() {
	runs_clean control
	test $? -eq 9
}

tap "control: valgrind reports a comparison that stops early" is_reported
tap "secmalloc_equal() has no branch that depends on the bytes" runs_clean
tap_done
